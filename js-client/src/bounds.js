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
 * Looks at a description before the browser does, for which a section is a matter of milliseconds.
 *
 * @param {RTCSessionDescriptionInit} description
 * @throws {MeetError} `refused`
 */
export function checkDescription({ sdp = '' }) {
  // Firefox takes lines with space in front. What begins a line for `^` is no part of that: a run of it would take time
  // that grows with its square.
  const sections = sdp.match(/^[^\S\r\n\u2028\u2029]*m=/gm) ?? [];
  if (sdp.length > MOST_SDP || sections.length > MOST_SECTIONS) throw refusal('media sections');
}

/** What an application publishes under different names. */
export const MOST_SOURCES = 16;

/** Sound and picture of all sources of either side, where both have added theirs at once, and the data channel. */
const MOST_SECTIONS = 4 * MOST_SOURCES + 2;
