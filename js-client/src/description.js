// Long descriptions, made smaller for the way through the server.

/**
 * A description as it goes over the wire: as it is, or in lines, each of which is its text, or the number of an earlier
 * line of the same text, counted from 0.
 *
 * @typedef {RTCSessionDescriptionInit | { type: RTCSdpType, lines: (string | number)[] }} WireDescription
 */

/**
 * The sections of a description are almost alike: those of sixteen sources with sound and picture are some 100 KB, and a
 * fourth of it without what is repeated. Ordinary calls stay below the threshold, and so readable.
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
 * The SDP of these lines; `undefined` where they do not make one, or one that is too long.
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
    if (length > MOST_SDP) return undefined;
    sdp.push(text);
  }
  return sdp.join(EOL);
}

/** The lines of an SDP end with it (RFC 8866, section 5). A text with other ends is one line. */
const EOL = '\r\n';

const COMPACT_LENGTH = 16 * 1024;

/** Twice what sixteen sources of each side, with sound and picture, take in the browser that says most. */
export const MOST_SDP = 512 * 1024;
