// Limits on what one peer can make this page do.

import { MAX_SDP } from './description.js';
import { MeetError } from './errors.js';

/**
 * The error for a peer that exceeds a limit.
 *
 * @param {string} what
 */
export function refusal(what) {
  return new MeetError('refused', `more ${what} than one peer may have`);
}

/**
 * Checks a description before the browser parses it, which takes milliseconds for each section.
 *
 * @param {RTCSessionDescriptionInit} description
 * @throws {MeetError} `refused`
 */
export function checkDescription({ sdp = '' }) {
  // Firefox accepts lines with leading white space. The pattern excludes line terminators: with them, a run of these would
  // take quadratic time.
  const sections = sdp.match(/^[^\S\r\n\u2028\u2029]*m=/gm) ?? [];
  if (sdp.length > MAX_SDP || sections.length > MAX_SECTIONS) throw refusal('media sections');
}

/** How many sources an application may publish. */
export const MAX_SOURCES = 16;

/** Audio and video of all sources of both sides, if both have added theirs at once, and the data channel. */
const MAX_SECTIONS = 4 * MAX_SOURCES + 2;
