// One person on the stage.

import { attach } from '/meet-signal/index.js';
import { fromTemplate } from './dom.js';
import { paintAvatar } from './person.js';
import { isolated } from './text.js';

/**
 * A tile always has its `<video>`, also while there is no picture: it plays the sound. What is known about the
 * person stands in data attributes, which the stylesheet shows:
 * `data-audio`, `data-video`, `data-screen` (on, off), `data-connection`, `data-status`, `data-speaking`.
 */
export class Tile {
  element = fromTemplate('tile-template');
  video = this.element.querySelector('video');
  #isSelf;
  #shown = '';
  /** Whether the stream had nothing to play yet. */
  #waits = false;

  /** `peerId` is null for the person in front of this page. */
  constructor(peerId, { onPin }) {
    this.#isSelf = peerId === null;
    if (this.#isSelf) this.element.dataset.self = '';
    else this.element.dataset.peer = peerId;
    this.video.muted = this.#isSelf;
    this.element.querySelector('.you').hidden = !this.#isSelf;
    this.element.querySelector('.tile-pin').addEventListener('click', () => onPin(this));
  }

  /** `person`: name, audio, video, screen, mirrored (booleans), connection, status. */
  update({ name, audio, video, screen, connection, status, mirrored = false }) {
    // Called for every little event; most change nothing here.
    const state = JSON.stringify([name, audio, video, screen, connection, status, mirrored]);
    if (state === this.#shown) return;
    this.#shown = state;

    const { dataset } = this.element;
    dataset.audio = onOff(audio);
    dataset.video = onOff(video);
    dataset.screen = onOff(screen);
    dataset.connection = connection;
    dataset.status = status;
    this.video.classList.toggle('mirrored', mirrored);

    this.element.querySelector('bdi').textContent = name;
    this.element.querySelector('.tile-screen').hidden = !screen;
    paintAvatar(this.element.querySelector('.avatar'), name);
    this.#showState(connection, status);
    // A name cannot imitate the part before it.
    const who = `${this.#isSelf ? 'You' : 'Participant'}: ${isolated(name)}`;
    this.element.setAttribute('aria-label', describe(who, { audio, video, screen, connection, status }));
    this.element.querySelector('.tile-pin').dataset.name = this.#isSelf ? 'yourself' : isolated(name);
    this.setPinned(dataset.pinned !== undefined);
  }

  /** Plays a stream; resolves to 'playing', 'blocked', 'waiting', or null when it played already. */
  async play(stream) {
    if (this.video.srcObject === stream && !this.#waits) return null;
    this.#waits = false;
    const result = await attach(this.video, stream, { muted: this.#isSelf });
    this.#waits = result === 'waiting' && this.video.srcObject === stream;
    return result;
  }

  /** After the browser has blocked playing: to be called from a click. */
  async unblock() {
    if (this.video.paused) await this.video.play().catch(() => {});
  }

  /** No stream any more; the tile may stay. */
  clear() {
    this.video.srcObject = null;
  }

  setSpeaking(speaking) {
    this.element.toggleAttribute('data-speaking', speaking);
  }

  setPinned(pinned) {
    this.element.toggleAttribute('data-pinned', pinned);
    const pin = this.element.querySelector('.tile-pin');
    const whom = pin.dataset.name ?? '';
    pin.setAttribute('aria-pressed', String(pinned));
    pin.setAttribute('aria-label', `Show ${whom} large`);
    pin.title = pinned ? 'Back to equal sizes' : 'Show large';
  }

  setFeatured(featured) {
    this.element.toggleAttribute('data-featured', featured);
  }

  moveTo({ x, y, width, height }) {
    const { style } = this.element;
    style.left = `${x}px`;
    style.top = `${y}px`;
    style.width = `${width}px`;
    style.height = `${height}px`;
  }

  #showState(connection, status) {
    const state = this.element.querySelector('.tile-state');
    const text = stateText(connection, status);
    state.firstElementChild.textContent = text;
    state.title = connection === 'failed' ? FAILED_HELP : '';
    state.hidden = text === '';
  }
}

/** The labels on the tile and in the list of people for connection problems. */
export function stateText(connection, status) {
  return CONNECTIONS[connection] ?? (status === 'away' ? 'Away' : '');
}

export const FAILED_HELP = 'A firewall or a strict network may be in the way. It is tried again from time to time.';

const CONNECTIONS = { connecting: 'Connecting…', reconnecting: 'Reconnecting…', failed: 'No connection' };

function describe(label, { audio, video, screen, connection, status }) {
  const facts = [
    audio ? 'microphone on' : 'microphone off',
    screen ? 'sharing the screen' : video ? 'camera on' : 'camera off',
    stateText(connection, status),
  ];
  return [label, ...facts].filter((fact) => fact !== '').join(', ');
}

function onOff(value) {
  return value ? 'on' : 'off';
}
