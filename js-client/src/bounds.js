// How much one peer can make this page do.

import { MeetError } from './errors.js';
import { MOST_SDP } from './description.js';

/**
 * An error for what is refused: a peer asked for more than this page does for one peer.
 *
 * @param {string} what
 */
export function refusal(what) {
  return new MeetError('refused', `more ${what} than one peer may have`);
}

/**
 * Looks at a description before the browser does, for which a section is a matter of milliseconds, and a candidate one
 * that grows with their number.
 *
 * @param {RTCSessionDescriptionInit} description
 * @throws {MeetError} `refused`
 */
export function checkDescription({ sdp = '' }) {
  // Firefox takes lines with space in front.
  if (sdp.length > MOST_SDP || count(sdp, /^[^\S\r\n]*m=/gm) > MOST_SECTIONS) throw refusal('media sections');
  if (count(sdp, /^[^\S\r\n]*a=candidate/gm) > MOST_CANDIDATES) throw refusal('candidates');
}

/** @param {string} text @param {RegExp} pattern */
const count = (text, pattern) => text.match(pattern)?.length ?? 0;

/** What an application publishes under different names. */
export const MOST_SOURCES = 16;

/** Sound and picture of all sources of either side, where both have added theirs at once, and the data channel. */
const MOST_SECTIONS = 4 * MOST_SOURCES + 2;

/**
 * Of one generation. A machine with many interfaces and TURN servers has some dozens; at 3,000 Chromium's main thread
 * stands still for a minute, at 1,000 it does not.
 */
export const MOST_CANDIDATES = 256;
