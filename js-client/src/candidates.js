// ICE candidates, and the descriptions that they belong to.

/**
 * The ICE user name fragments of a description. They identify the ICE generations whose candidates it takes (RFC 8839,
 * section 5.4).
 *
 * @param {RTCSessionDescription | RTCSessionDescriptionInit | null} description
 * @returns {Set<string>}
 */
export function iceUfrags(description) {
  const lines = description?.sdp?.matchAll(/^a=ice-ufrag:(\S+)/gm) ?? [];
  return new Set(Array.from(lines, ([, ufrag]) => /** @type {string} */ (ufrag)));
}

/**
 * Candidates that came before their description, also over a relay that keeps the order: the description is being applied
 * while they arrive, or it was the offer that lost a collision.
 */
export class PendingCandidates {
  /** @type {RTCIceCandidateInit[]} */
  #candidates = [];

  /** @param {RTCIceCandidateInit} candidate */
  add(candidate) {
    this.#candidates.push(candidate);
    if (this.#candidates.length > MAX_PENDING) this.#candidates.shift();
  }

  /**
   * Removes all, and returns those of the description that was applied. The others belong to an older description, which
   * will not be applied any more: candidates never overtake the description before their own.
   *
   * @param {Set<string>} applied
   */
  take(applied) {
    const taken = this.#candidates.filter((candidate) => belongsTo(candidate, applied));
    this.#candidates = [];
    return taken;
  }
}

/**
 * The candidate lines of a description. Firefox accepts lines with leading white space.
 *
 * @param {RTCSessionDescriptionInit} description
 * @returns {string[]}
 */
export const candidatesOf = ({ sdp = '' }) => sdp.match(/^[^\S\r\n\u2028\u2029]*a=candidate.*/gm) ?? [];

/**
 * A candidate without a user name fragment belongs to the newest generation, as the specification says.
 *
 * @param {RTCIceCandidateInit} candidate
 * @param {Set<string>} applied
 */
export function belongsTo({ usernameFragment }, applied) {
  return usernameFragment === null || usernameFragment === undefined || applied.has(usernameFragment);
}

/** More than one generation of a machine with many interfaces and TURN servers has. */
const MAX_PENDING = 128;
