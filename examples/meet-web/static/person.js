// How a person is shown wherever there is no picture of them.

/** The name in a peer's `meta`, which may be anything: it comes from another browser. */
export function nameOf(meta) {
  const name = typeof meta?.name === 'string' ? meta.name.trim() : '';
  return name === '' ? GUEST : Array.from(name).slice(0, MAX_NAME).join('');
}

/** Up to two letters for the avatar. */
export function initials(name) {
  const words = name.split(/[\s._-]+/).filter((word) => word !== '');
  const letters = words.length > 1 ? [words[0], words.at(-1)] : [name];
  return letters.map((word) => Array.from(word)[0]).join('').toUpperCase();
}

/** Writes initials and a colour that stays with the name into an `.avatar` element. */
export function paintAvatar(avatar, name) {
  avatar.firstElementChild.textContent = initials(name);
  let hash = 0;
  for (const character of name) hash = (hash * 31 + character.codePointAt(0)) % 9973;
  avatar.dataset.hue = String(hash % HUES);
}

export const GUEST = 'Guest';
const MAX_NAME = 60;
/** As many as `.avatar[data-hue]` rules in tile.css. */
const HUES = 8;
