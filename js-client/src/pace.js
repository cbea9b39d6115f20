// A sending rate that the server does not refuse.

import { DEFAULT_LIMITS } from './protocol.js';

/**
 * How fast to send. What is not given is somewhat below what the server tells (by default 60 frames a second after a
 * burst of 240, and 128 KiB a second after a burst of 1 MiB): waiting here is cheaper than being refused there.
 *
 * @typedef {object} Rate
 * @property {number} [perSecond] frames a second; five sixths of the server’s by default
 * @property {number} [burst] frames at once, after a quiet time; five sixths of the server’s by default
 * @property {number} [bytesPerSecond] bytes of frames a second; four fifths of the server's, nearly, by default
 * @property {number} [burstBytes] bytes at once, after a quiet time; three quarters of the server's by default
 */

/** Two token buckets: one counts frames, the other one their bytes. */
export class Pace {
  #frames = new TokenBucket(1, 1);
  #bytes = new TokenBucket(1, 1);
  #given;

  /** @param {Rate} [given] */
  constructor(given = {}) {
    this.#given = given;
    this.follow(DEFAULT_LIMITS);
  }

  /**
   * Stays below these limits from now on.
   *
   * @param {import('./protocol.js').Limits} limits
   */
  follow({ ratePerSecond, rateBurst, rateBytesPerSecond, rateBurstBytes }) {
    const { perSecond, burst, bytesPerSecond, burstBytes } = this.#given;
    // Each `pong` and each `ack` counts there as a frame, too.
    this.#frames.resize(perSecond ?? (ratePerSecond * 5) / 6, burst ?? (rateBurst * 5) / 6);
    this.#bytes.resize(bytesPerSecond ?? (rateBytesPerSecond * 25) / 32, burstBytes ?? rateBurstBytes * 0.75);
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
   * What was taken stays taken.
   *
   * @param {number} perSecond
   * @param {number} burst
   */
  resize(perSecond, burst) {
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
