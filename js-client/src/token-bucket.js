// A token bucket.

/** Its state is the time at which it is full again. */
export class TokenBucket {
  #intervalMs = 0;
  #burst = 0;
  #fullAt = -Infinity;

  /**
   * @param {number} perSecond
   * @param {number} burst
   */
  constructor(perSecond, burst) {
    this.resize(perSecond, burst);
  }

  /**
   * Changes rate and capacity. Tokens that were taken stay taken.
   *
   * @param {number} perSecond
   * @param {number} burst
   */
  resize(perSecond, burst) {
    this.#intervalMs = 1000 / perSecond;
    this.#burst = burst;
  }

  /**
   * How long to wait for so many tokens, in milliseconds. For more tokens than its capacity the bucket has to be full.
   *
   * @param {number} now
   * @param {number} tokens
   */
  wait(now, tokens) {
    const excess = this.#fullAfter(now, Math.min(tokens, this.#burst)) - now - this.#intervalMs * this.#burst;
    // Less than a microsecond is a rounding error.
    return excess > 1e-3 ? excess : 0;
  }

  /**
   * @param {number} now
   * @param {number} tokens
   */
  take(now, tokens) {
    this.#fullAt = this.#fullAfter(now, tokens);
  }

  /**
   * Takes the tokens and returns 0; or takes none, and returns how long to wait, in milliseconds.
   *
   * @param {number} now
   * @param {number} tokens
   */
  tryTake(now, tokens) {
    const wait = this.wait(now, tokens);
    if (wait === 0) this.take(now, tokens);
    return wait;
  }

  /** @param {number} until the earliest time of the next token */
  emptyUntil(until) {
    this.#fullAt = Math.max(this.#fullAt, until + this.#intervalMs * (this.#burst - 1));
  }

  /**
   * When it is full again after taking so many tokens.
   *
   * @param {number} now
   * @param {number} tokens
   */
  #fullAfter(now, tokens) {
    return Math.max(this.#fullAt, now) + this.#intervalMs * tokens;
  }
}
