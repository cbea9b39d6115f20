// A compact form of long descriptions for the wire.

/**
 * A description on the wire: unchanged, or in lines. Each line is its text, or the number of an earlier line with the same
 * text, counted from 0.
 *
 * @typedef {RTCSessionDescriptionInit | { type: RTCSdpType, lines: (string | number)[] }} WireDescription
 */

/**
 * The sections of a description are similar: sixteen sources with audio and video take some 100 KB, and a quarter of that
 * without repeated lines. Descriptions of ordinary calls are below the threshold, and stay readable.
 *
 * @param {RTCSessionDescriptionInit} description
 * @returns {WireDescription}
 */
export function compact({ type, sdp = '' }) {
  if (sdp.length < COMPACT_LENGTH) return { type, sdp };
  /** @type {Map<string, number>} */
  const known = new Map();
  const lines = sdp.split(EOL).map((line, at) => {
    const before = known.get(line);
    if (before === undefined) known.set(line, at);
    return before ?? line;
  });
  return { type, lines };
}

/**
 * The SDP of these lines; `undefined` if they are invalid or too long.
 *
 * @param {unknown[]} lines
 */
export function expand(lines) {
  /** @type {string[]} */
  const sdp = [];
  let length = 0;
  for (const line of lines) {
    const text = typeof line === 'number' ? sdp[line] : line;
    if (typeof text !== 'string') return undefined;
    length += text.length + EOL.length;
    if (length > MAX_SDP) return undefined;
    sdp.push(text);
  }
  return sdp.join(EOL);
}

/** The end of an SDP line (RFC 8866, section 5). A text with other line ends is one line. */
const EOL = '\r\n';

const COMPACT_LENGTH = 16 * 1024;

/** Twice the length for sixteen sources of each side, with audio and video, in the browser with the longest descriptions. */
export const MAX_SDP = 512 * 1024;
