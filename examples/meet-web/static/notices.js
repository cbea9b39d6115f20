// Short messages at the edge of the page, read out politely by screen readers, gone by themselves.

import { byId } from './dom.js';

/** By key, what is shown or waits: `{ notice, next, resting, hide }`. */
const entries = new Map();

/**
 * Shows a notice: text, or a function that returns text and elements when it is shown. `key`: a newer notice with the same
 * key replaces it, instead of stacking up. Notices of one key are at least `REST_MS` apart, so that a screen reader is
 * not flooded; of those that come meanwhile, the last one is shown. `quiet`: only for screen readers.
 */
export function notify(content, { key = content, quiet = false } = {}) {
  const entry = entries.get(key);
  if (entry?.resting) entry.next = { content, quiet };
  else show(key, { content, quiet });
}

/** Takes a notice away before its time, together with one that waits. */
export function withdraw(key) {
  const entry = entries.get(key);
  if (entry === undefined) return;
  entry.next = null;
  remove(key, entry);
}

function show(key, { content, quiet }) {
  withdraw(key);
  const notice = document.createElement('p');
  notice.className = quiet ? 'visually-hidden' : 'notice';
  notice.append(...[typeof content === 'function' ? content() : content].flat());

  const entry = { notice, next: null, resting: true };
  const seconds = notice.querySelector('button') === null ? SECONDS_BASE : SECONDS_TO_ACT;
  const readingMs = seconds * 1000 + notice.textContent.length * MS_PER_CHARACTER;
  const hide = () => {
    // Not from under the person's finger.
    if (notice.contains(document.activeElement)) entry.hide = setTimeout(hide, readingMs);
    else remove(key, entry);
  };
  entry.hide = setTimeout(hide, readingMs);
  setTimeout(() => {
    entry.resting = false;
    if (entry.next !== null) show(key, entry.next);
    else if (!notice.isConnected) entries.delete(key);
  }, REST_MS);
  entries.set(key, entry);
  const place = byId('notices');
  place.append(notice);
  while (place.childElementCount > MAX_NOTICES) place.firstElementChild.remove();
}

function remove(key, entry) {
  clearTimeout(entry.hide);
  entry.notice.remove();
  if (!entry.resting && entries.get(key) === entry) entries.delete(key);
}

const MAX_NOTICES = 4;
const REST_MS = 1500;
const SECONDS_BASE = 4;
/** For a notice with a button. */
const SECONDS_TO_ACT = 20;
/** Reading time on top, so that a long sentence stays longer than "Link copied". */
const MS_PER_CHARACTER = 40;
