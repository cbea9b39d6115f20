// Names of rooms: what is allowed, how free text becomes one, and how to invent one.

import { isolated } from './text.js';

/** Turns what people type or paste into a room name where that is obvious; leaves the rest for `problemWithRoomName`. */
export function tidyRoomName(text) {
  return nameInLink(text)
    .normalize('NFKD')
    .replace(/\p{Mark}/gu, '')
    .replace(/[\s/\\]+/g, '-');
}

/** Why a text cannot be a room name, in words for people; `null` when it can. */
export function problemWithRoomName(name) {
  if (name === '') return 'Type a name for the meeting, or let “New meeting” make one up.';
  const foreign = name.match(/[^A-Za-z0-9._~-]/u);
  if (foreign !== null) {
    return `${quoted(foreign[0])} cannot be part of a meeting name: use letters from a to z, digits, and - . _ ~`;
  }
  if (name.length > MAX_LENGTH) {
    return `That name is ${name.length} characters long; at most ${MAX_LENGTH} are possible.`;
  }
  // In an address these two mean "this folder" and "the folder above".
  if (name === '.' || name === '..') return 'A name cannot be made of dots only.';
  return null;
}

/** The room of the page's address, and what is wrong with it, or `null`. */
export function roomInAddress(pathname) {
  const escaped = pathname.replace(/^\/room\/?/, '');
  try {
    const name = decodeURIComponent(escaped).replace(/\/+$/, '');
    return { name, problem: name === '' ? 'The address ends without the name of a meeting.' : problemWithRoomName(name) };
  } catch {
    return { name: '', problem: 'A “%” in the address is not followed by the code of a character.' };
  }
}

/** A name that can be read out on the telephone and not be guessed: nine of 64 syllables are 54 random bits. */
export function inventRoomName() {
  const random = crypto.getRandomValues(new Uint8Array(9));
  const syllables = Array.from(random, (byte) => CONSONANTS[byte & 15] + VOWELS[(byte >> 4) & 3]);
  return [0, 3, 6].map((start) => syllables.slice(start, start + 3).join('')).join('-');
}

function nameInLink(text) {
  const link = text.match(/^https?:\/\/[^/]+\/room\/([^/?#]+)/);
  if (link === null) return text;
  try {
    return decodeURIComponent(link[1]);
  } catch {
    return link[1];
  }
}

/** A character that can be seen as itself, any other one by its code. */
function quoted(character) {
  if (character === ' ') return 'A space';
  if (/[\p{L}\p{N}\p{P}\p{S}]/u.test(character)) return `“${isolated(character)}”`;
  return `The character U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}`;
}

const MAX_LENGTH = 64;
const CONSONANTS = 'bdfghjklmnprstvz';
const VOWELS = 'aiou';
