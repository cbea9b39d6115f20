// What real browsers do differently, as far as a client has to care.

/**
 * @typedef {object} Flavour
 * @property {boolean} rejectsUnknownUfrag whether `addIceCandidate` rejects a generation that no
 *   applied description has; otherwise it accepts it and nothing happens
 * @property {boolean} emptyCandidates whether the end of gathering is also an event with an empty
 *   candidate for each section
 * @property {boolean} errorBeforeClose whether a channel whose peer has closed the connection fires
 *   `error` before `close`
 * @property {string} user the user name in the origin line of its descriptions
 * @property {boolean} keepsOrigin whether `remoteDescription` has the origin line of the other side
 * @property {boolean} goodbye whether a closed tab closes the channels of its peers at once
 */

/** @type {Record<'spec' | 'chromium' | 'firefox', Flavour>} */
export const FLAVOURS = {
  spec: { rejectsUnknownUfrag: true, emptyCandidates: true, errorBeforeClose: true, user: '-', keepsOrigin: true, goodbye: false },
  // Chromium 156 and Firefox ESR 153, as measured.
  chromium: { rejectsUnknownUfrag: false, emptyCandidates: false, errorBeforeClose: true, user: '-', keepsOrigin: false, goodbye: false },
  firefox: { rejectsUnknownUfrag: true, emptyCandidates: true, errorBeforeClose: false, user: 'mozilla', keepsOrigin: true, goodbye: true },
};
