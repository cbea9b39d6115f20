// ICE candidates that must wait for the description they belong to.

/**
 * The ICE user name fragments of a description: which generations of candidates it takes (RFC 8839, section 5.4).
 *
 * @param {RTCSessionDescription | RTCSessionDescriptionInit | null} description
 * @returns {Set<string>}
 */
export function generations(description) {
  const lines = description?.sdp?.matchAll(/^a=ice-ufrag:(\S+)/gm) ?? [];
  return new Set(Array.from(lines, ([, ufrag]) => /** @type {string} */ (ufrag)));
}

/**
 * Candidates that came before their description, which a relay that keeps the order still lets happen: the description
 * is being applied while they arrive, or it was the offer that lost a collision.
 */
export class EarlyCandidates {
  /** @type {RTCIceCandidateInit[]} */
  #kept = [];

  /** @param {RTCIceCandidateInit} candidate */
  keep(candidate) {
    this.#kept.push(candidate);
    if (this.#kept.length > MOST_KEPT) this.#kept.shift();
  }

  /**
   * Those of a description that was applied. The others are gone: candidates never come before the description in
   * front of theirs, so they were of one that will not be applied any more.
   *
   * @param {Set<string>} applied
   */
  take(applied) {
    const taken = this.#kept.filter((candidate) => isOf(candidate, applied));
    this.#kept = [];
    return taken;
  }
}

/**
 * The lines of a description that are candidates. Firefox takes lines with space in front.
 *
 * @param {RTCSessionDescriptionInit} description
 * @returns {string[]}
 */
export const candidatesOf = ({ sdp = '' }) => sdp.match(/^[^\S\r\n\u2028\u2029]*a=candidate.*/gm) ?? [];

/**
 * A candidate that does not name its generation is taken for the newest one, as the specification has it.
 *
 * @param {RTCIceCandidateInit} candidate
 * @param {Set<string>} applied
 */
export function isOf({ usernameFragment }, applied) {
  return usernameFragment === null || usernameFragment === undefined || applied.has(usernameFragment);
}

/** More than one generation of a machine with many interfaces and TURN servers has. */
const MOST_KEPT = 128;
