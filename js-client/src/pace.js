// A sending rate that the server does not refuse.

/** A token bucket, kept as the time at which it is full again. */
export class Pace {
  #intervalMs;
  #depthMs;
  #fullAt = -Infinity;

  /** @param {{ perSecond: number, burst: number }} rate */
  constructor({ perSecond, burst }) {
    this.#intervalMs = 1000 / perSecond;
    this.#depthMs = this.#intervalMs * burst;
  }

  /**
   * Takes one token, and returns 0; or takes none, and returns how long to wait for one, in milliseconds.
   *
   * @param {number} now
   */
  take(now) {
    const fullAt = Math.max(this.#fullAt, now) + this.#intervalMs;
    const excess = fullAt - now - this.#depthMs;
    // Less than a microsecond is rounding, not excess.
    if (excess > 1e-3) return excess;
    this.#fullAt = fullAt;
    return 0;
  }

  /**
   * Nothing is to be sent before this time.
   *
   * @param {number} until
   */
  pause(until) {
    this.#fullAt = Math.max(this.#fullAt, until + this.#depthMs - this.#intervalMs);
  }
}
