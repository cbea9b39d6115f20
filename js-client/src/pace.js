// A sending rate that the server does not refuse.

/**
 * How fast to send. What is not given is somewhat below the server's defaults of 60 frames a second after a burst of
 * 240, and of 128 KiB a second after a burst of 1 MiB: waiting here is cheaper than being refused there.
 *
 * @typedef {object} Rate
 * @property {number} [perSecond] frames a second; 50 by default
 * @property {number} [burst] frames at once, after a quiet time; 200 by default
 * @property {number} [bytesPerSecond] bytes of frames a second; 102,400 by default
 * @property {number} [burstBytes] bytes at once, after a quiet time; 786,432 by default
 */

/** Two token buckets: one counts frames, the other one their bytes. */
export class Pace {
  #frames;
  #bytes;

  /** @param {Rate} [rate] */
  constructor({ perSecond = 50, burst = 200, bytesPerSecond = 100 * 1024, burstBytes = 768 * 1024 } = {}) {
    this.#frames = new TokenBucket(perSecond, burst);
    this.#bytes = new TokenBucket(bytesPerSecond, burstBytes);
  }

  /**
   * Takes the tokens for one frame, and returns 0; or takes none, and returns how long to wait, in milliseconds.
   *
   * @param {number} now
   * @param {number} bytes the length of the frame in UTF-8
   */
  take(now, bytes) {
    const wait = Math.max(this.#frames.wait(now, 1), this.#bytes.wait(now, bytes));
    if (wait > 0) return wait;
    this.#frames.take(now, 1);
    this.#bytes.take(now, bytes);
    return 0;
  }

  /**
   * Nothing is to be sent before this time.
   *
   * @param {number} until
   */
  pause(until) {
    this.#frames.emptyUntil(until);
  }
}

/** A token bucket, kept as the time at which it is full again. */
export class TokenBucket {
  #intervalMs;
  #burst;
  #fullAt = -Infinity;

  /**
   * @param {number} perSecond
   * @param {number} burst
   */
  constructor(perSecond, burst) {
    this.#intervalMs = 1000 / perSecond;
    this.#burst = burst;
  }

  /**
   * How long to wait until there are so many tokens. More than the bucket holds are never there: then it has to be full.
   *
   * @param {number} now
   * @param {number} tokens
   */
  wait(now, tokens) {
    const excess = this.#after(now, Math.min(tokens, this.#burst)) - now - this.#intervalMs * this.#burst;
    // Less than a microsecond is rounding, not excess.
    return excess > 1e-3 ? excess : 0;
  }

  /**
   * @param {number} now
   * @param {number} tokens
   */
  take(now, tokens) {
    this.#fullAt = this.#after(now, tokens);
  }

  /**
   * Takes the tokens and returns 0; or takes none, and returns how long to wait.
   *
   * @param {number} now
   * @param {number} tokens
   */
  tryTake(now, tokens) {
    const wait = this.wait(now, tokens);
    if (wait === 0) this.take(now, tokens);
    return wait;
  }

  /** @param {number} until when there is one token again, at the earliest */
  emptyUntil(until) {
    this.#fullAt = Math.max(this.#fullAt, until + this.#intervalMs * (this.#burst - 1));
  }

  /**
   * When it is full again after so many tokens were taken.
   *
   * @param {number} now
   * @param {number} tokens
   */
  #after(now, tokens) {
    return Math.max(this.#fullAt, now) + this.#intervalMs * tokens;
  }
}
