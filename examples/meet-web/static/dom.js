// Functions for the document that several modules use.

/** The element with this id; it is part of the page, so a missing one is a mistake in the page. */
export function byId(id) {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page has no #${id}`);
  return element;
}

/** A copy of the single element inside a `<template>`. */
export function fromTemplate(id) {
  return byId(id).content.firstElementChild.cloneNode(true);
}

/** A name or a text of another peer, with its direction isolated from the surrounding text. */
export function isolate(text) {
  const element = document.createElement('bdi');
  element.textContent = text;
  return element;
}

/** The sprite's icon as an element that assistive technology skips. */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS(SVG, 'use');
  use.setAttribute('href', `/assets/icons.svg#${name}`);
  svg.append(use);
  return svg;
}

/** Shows a toggle button as on or off, and says in its tooltip what a click would do. */
export function setToggle(button, on, title) {
  button.setAttribute('aria-pressed', String(on));
  button.title = title;
}

/** The same for a camera or microphone of `media`, which may still be pending. `keys`: the shortcut, as ` (M)`. */
export function setDeviceToggle(button, media, kind, keys = '') {
  const device = kind === 'audio' ? 'microphone' : 'camera';
  const on = media.isOn(kind);
  const starting = media.isStarting(kind);
  const silenced = media.isSilenced(kind);
  button.toggleAttribute('data-starting', starting || silenced);
  if (starting) setToggle(button, false, `The ${device} is being started. Leave it off${keys}`);
  else if (silenced) setToggle(button, false, `The system or the browser has switched the ${device} off. Leave it off${keys}`);
  else setToggle(button, on, `Turn the ${device} ${on ? 'off' : 'on'}${keys}`);
}

const SVG = 'http://www.w3.org/2000/svg';
