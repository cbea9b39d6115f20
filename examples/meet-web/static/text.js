// Sanitizes untrusted text of other peers, including characters that hide, reverse or cover others.

/** A name: one line of at most 60 characters, `''` if nothing of it is visible. */
export function tidyName(text) {
  const line = text
    .slice(0, MAX_RAW_NAME_LENGTH)
    .replace(BLANK, ' ')
    .replace(HIDDEN, '')
    .replace(PILED_UP, '$1')
    .replace(/ +/g, ' ')
    .replace(LEADING, '');
  return isVisible(line) ? Array.from(line).slice(0, MAX_NAME_LENGTH).join('').trim() : '';
}

/** A message, with its lines; `''` if nothing of it is visible. */
export function tidyMessage(text) {
  const lines = text
    .slice(0, MAX_MESSAGE_LENGTH)
    .replace(/\r\n?|[\u2028\u2029]/g, '\n')
    .replace(TURNING, '')
    .replace(PILED_UP, '$1')
    .replace(EMPTY_LINES, '\n\n')
    .trim();
  return isVisible(lines.replace(BLANK, ' ').replace(HIDDEN, '')) ? lines : '';
}

/** For a title or a label: text whose direction does not reach what is around it (UAX #9, section 2.7). */
export function isolated(text) {
  return `\u2068${text}\u2069`;
}

/** The start of a text that is at most so long in UTF-8. */
export function cutToBytes(text, bytes) {
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(bytes));
  return text.slice(0, read);
}

function isVisible(text) {
  return /[\p{L}\p{N}\p{P}\p{S}]/u.test(text);
}

/** The same as the inputs' maxlength. */
const MAX_NAME_LENGTH = 60;
const MAX_MESSAGE_LENGTH = 2000;
/** Of a `meta` as long as a server takes, no more is looked at. */
const MAX_RAW_NAME_LENGTH = 500;

/** Spaces of any kind, and letters and symbols that are drawn as nothing: Braille, music, hieroglyphs, an object. */
const BLANK = /[\s\p{Z}\u2800\ufffc\u{1d159}\u{13441}\u{13442}]+/gu;
/** Without a picture of their own, but for the joiners and variation selectors that emoji and some scripts need. */
const HIDDEN = /(?![\u200c\u200d\ufe0e\ufe0f])[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Default_Ignorable_Code_Point}]/gu;
/** Controls, but for tab, line feed, joiners and the marks of direction, which do no more than a letter does. */
const TURNING = /(?![\t\n\u200c-\u200f\u061c])[\p{Cc}\p{Cf}\p{Cs}]/gu;
/** No script puts more than four marks on a letter. */
const PILED_UP = /([\p{M}\u200c\u200d]{4})[\p{M}\u200c\u200d]+/gu;
/** They would be put on what comes before the name. */
const LEADING = /^[\p{M}\u200c\u200d ]+/u;
const EMPTY_LINES = /\n(?:[^\S\n]*\n){2,}/g;
