// Short messages at the edge of the page, read out politely by screen readers, gone by themselves.

import { byId } from './dom.js';

/** Shows a notice. `key`: a newer notice with the same key replaces it, instead of stacking up. */
export function notify(text, { key = text } = {}) {
  const place = byId('notices');
  withdraw(key);
  const notice = document.createElement('p');
  notice.className = 'notice';
  notice.dataset.key = key;
  notice.textContent = text;
  place.append(notice);
  while (place.childElementCount > MOST) place.firstElementChild.remove();
  setTimeout(() => notice.remove(), SECONDS_BASE * 1000 + text.length * MS_PER_CHARACTER);
}

/** Takes a notice away before its time. */
export function withdraw(key) {
  for (const notice of [...byId('notices').children]) if (notice.dataset.key === key) notice.remove();
}

const MOST = 4;
const SECONDS_BASE = 4;
/** Reading time on top, so that a long sentence stays longer than "Link copied". */
const MS_PER_CHARACTER = 40;
