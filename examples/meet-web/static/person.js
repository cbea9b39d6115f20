// A person's name and avatar.

import { tidyName } from './text.js';

/** The name in a peer's `meta`, which is untrusted data of any type. */
export function nameOf(meta) {
  return (typeof meta?.name === 'string' && tidyName(meta.name)) || GUEST;
}

/** Up to two letters for the avatar; where a name has none, its first sign. */
export function initials(name) {
  const words = name.split(/[\s._-]+/).map((word) => word.match(/[\p{L}\p{N}]/u)?.[0]).filter((letter) => letter !== undefined);
  const letters = words.length > 1 ? [words[0], words.at(-1)] : [words[0] ?? name.match(/[\p{P}\p{S}]/u)?.[0] ?? ''];
  return letters.join('').toUpperCase();
}

/** Writes initials and a colour that stays with the name into an `.avatar` element. */
export function paintAvatar(avatar, name) {
  avatar.firstElementChild.textContent = initials(name);
  let hash = 0;
  for (const character of name) hash = (hash * 31 + character.codePointAt(0)) % 9973;
  avatar.dataset.hue = String(hash % HUES);
}

export const GUEST = 'Guest';
/** As many as `.avatar[data-hue]` rules in tile.css. */
const HUES = 8;
