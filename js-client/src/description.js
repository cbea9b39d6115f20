// Long descriptions, made smaller for the way through the server.

/**
 * A description as it goes over the wire: as it is, or in lines. A string is a line of the SDP; `[from, count]` stands
 * for that many lines from line `from` on, counted from 0 in the SDP.
 *
 * @typedef {RTCSessionDescriptionInit | { type: RTCSdpType, lines: (string | [number, number])[] }} WireDescription
 */

/**
 * The sections of a description are almost alike: sixteen sources with sound and picture are some 100 KB, a fifth of
 * it without what is repeated. Ordinary calls stay below the threshold, and so readable.
 *
 * @param {RTCSessionDescriptionInit} description
 * @returns {WireDescription}
 */
export function compact({ type, sdp = '' }) {
  return sdp.length < COMPACT_LENGTH ? { type, sdp } : { type, lines: referring(sdp.split(EOL)) };
}

/**
 * The SDP of these lines; `null` where they do not make one, or one that is too long.
 *
 * @param {unknown[]} lines
 */
export function expand(lines) {
  /** @type {string[]} */
  const sdp = [];
  let length = 0;
  for (const line of lines) {
    const [from, count] = Array.isArray(line) ? line : [sdp.length, 1];
    if (typeof line === 'string') sdp.push(line);
    else if (!(isCount(from) && isCount(count) && count > 0 && from + count <= sdp.length)) return null;
    else for (let at = from; at < from + count; at += 1) sdp.push(/** @type {string} */ (sdp[at]));
    for (let at = sdp.length - count; at < sdp.length; at += 1) length += EOL.length + /** @type {string} */ (sdp[at]).length;
    if (length > MOST_SDP + EOL.length) return null;
  }
  return sdp.join(EOL);
}

/** @param {unknown} value */
const isCount = (value) => Number.isSafeInteger(value) && /** @type {number} */ (value) >= 0;

/** @param {string[]} lines */
function referring(lines) {
  /** @type {(string | [number, number])[]} */
  const told = [];
  /** Where each line stands. @type {Map<string, number[]>} */
  const places = new Map();
  for (let at = 0; at < lines.length;) {
    let [from, count] = [0, 0];
    for (const place of places.get(/** @type {string} */ (lines[at])) ?? []) {
      let same = 0;
      while (place + same < at && at + same < lines.length && lines[place + same] === lines[at + same]) same += 1;
      if (same > count) [from, count] = [place, same];
    }
    told.push(count > 0 ? [from, count] : /** @type {string} */ (lines[at]));
    for (const end = at + Math.max(count, 1); at < end; at += 1) {
      const line = /** @type {string} */ (lines[at]);
      const known = places.get(line);
      if (known === undefined) places.set(line, [at]);
      // The first sections have one of each kind. Without a bound, lines that are all alike would take quadratic time.
      else if (known.length < MOST_PLACES) known.push(at);
    }
  }
  return told;
}

/** The lines of an SDP end with it (RFC 8866, section 5); a text with other ends is one line. */
const EOL = '\r\n';

const COMPACT_LENGTH = 16 * 1024;

/** Twice what sixteen sources of either side with sound and picture need. */
export const MOST_SDP = 512 * 1024;

const MOST_PLACES = 8;
