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

/** A message without effect costs one token. */
export const MAX_TOKENS = 4000;
export const TOKENS_PER_SECOND = 30;

/** Answers take time, and a part of this page's rate limit. */
export const REQUEST_COST = 60;
export const CHARACTERS_PER_TOKEN = 1024;

/**
 * A machine with many interfaces and TURN servers has some dozens in an ICE generation. 3,000 of them, in one generation or in
 * many, block Chromium's main thread for a minute; 1,000 do not.
 */
export const MAX_CANDIDATES = 400;
export const CANDIDATE_COST = MAX_TOKENS / MAX_CANDIDATES;
