// Names of rooms: what is allowed, how text that a person types becomes one, and how to invent one.

import { isolated } from './text.js';

/** The name in what a person types or pastes, also in a link. */
export function tidyRoomName(text) {
  return canonical(nameInLink(text));
}

/** Why a text cannot be a room name, in words for people; `null` when it can. */
export function problemWithRoomName(name) {
  if (name === '') return 'Type a name for the meeting, or let “New meeting” make one up.';
  const foreign = name.match(FORBIDDEN);
  if (foreign !== null) return `${quoted(foreign[0])} cannot be part of a meeting name.`;
  const bytes = new TextEncoder().encode(name).length;
  if (bytes > MAX_BYTES) return tooLong(name, bytes);
  // In an address these two mean "this folder" and "the folder above".
  if (name === '.' || name === '..') return 'A name cannot be made of one or two dots only.';
  return null;
}

/** The room of the page's address, and what is wrong with it, or `null`. */
export function roomInAddress(pathname) {
  const escaped = pathname.replace(/^\/room\/?/, '');
  try {
    const name = canonical(decodeURIComponent(escaped).replace(/\/+$/, ''));
    return { name, problem: name === '' ? 'The address ends without the name of a meeting.' : problemWithRoomName(name) };
  } catch {
    return { name: '', problem: 'A “%” in the address is not followed by the code of a character.' };
  }
}

/** The address of a room's page. */
export function addressOfRoom(name) {
  return `/room/${encodeURIComponent(name)}`;
}

/** A name that can be read out on the telephone and not be guessed: nine of 64 syllables are 54 random bits. */
export function inventRoomName() {
  const random = crypto.getRandomValues(new Uint8Array(9));
  const syllables = Array.from(random, (byte) => CONSONANTS[byte & 15] + VOWELS[(byte >> 4) & 3]);
  return [0, 3, 6].map((start) => syllables.slice(start, start + 3).join('')).join('-');
}

/** Whether a text is a link to a room. */
export function isRoomLink(text) {
  return LINK.test(text);
}

/** The server compares names byte for byte: in one form, and without spaces around them, people who type the same name meet. */
function canonical(text) {
  return text.normalize('NFC').trim();
}

function nameInLink(text) {
  const link = text.match(LINK);
  if (link === null) return text;
  try {
    return decodeURIComponent(link[1]);
  } catch {
    return link[1];
  }
}

/** The limit is in bytes, of which a letter has one to four: people are told how many letters of theirs fit. */
function tooLong(name, bytes) {
  const letters = [...name].length;
  return `That name is ${letters} characters long; about ${Math.floor((letters * MAX_BYTES) / bytes)} of them are possible.`;
}

/** A character that can be seen as itself, any other one by its code. */
function quoted(character) {
  if (/[\p{L}\p{N}\p{P}\p{S}]/u.test(character) && character !== '\ufffd') return `“${isolated(character)}”`;
  const code = character.codePointAt(0).toString(16).toUpperCase().padStart(4, '0');
  return `The ${/\p{Cf}/u.test(character) ? 'invisible ' : ''}character U+${code}`;
}

const MAX_BYTES = 128;
/**
 * Those of the server, and the slash, which some proxies decode. The server also refuses characters that Unicode has not
 * assigned: browsers know other versions of Unicode than the server, so it decides. No version assigns noncharacters.
 */
const FORBIDDEN = /[/\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Noncharacter_Code_Point}\ufffd]/u;
const LINK = /^\s*https?:\/\/[^/]+\/room\/([^/?#\s]+)/;
const CONSONANTS = 'bdfghjklmnprstvz';
const VOWELS = 'aiou';
