// Limits the sending rate, so that the server does not reject messages.

import { DEFAULT_LIMITS } from './protocol.js';
import { TokenBucket } from './token-bucket.js';

/**
 * The sending rate. The defaults are below the limits that the server announces (usually 60 frames a second after a burst of
 * 240, and 128 KiB a second after a burst of 1 MiB): a delay costs less than a rejected message.
 *
 * @typedef {object} RateLimit
 * @property {number} [perSecond] frames a second; five sixths of the server's by default
 * @property {number} [burst] frames at once, after an idle time; five sixths of the server's by default
 * @property {number} [bytesPerSecond] bytes of frames a second; 25/32 of the server's by default
 * @property {number} [burstBytes] bytes at once, after an idle time; three quarters of the server's by default
 */

/** Two token buckets, one for frames and one for their bytes. */
export class RateLimiter {
  #frames = new TokenBucket(1, 1);
  #bytes = new TokenBucket(1, 1);
  #rateLimit;

  /** @param {RateLimit} [rateLimit] */
  constructor(rateLimit = {}) {
    this.#rateLimit = rateLimit;
    this.follow(DEFAULT_LIMITS);
  }

  /**
   * Stays below these limits from now on.
   *
   * @param {import('./protocol.js').Limits} limits
   */
  follow({ ratePerSecond, rateBurst, rateBytesPerSecond, rateBurstBytes }) {
    const { perSecond, burst, bytesPerSecond, burstBytes } = this.#rateLimit;
    // The server counts each `pong` and each `ack` as a frame, too.
    this.#frames.resize(perSecond ?? (ratePerSecond * 5) / 6, burst ?? (rateBurst * 5) / 6);
    this.#bytes.resize(bytesPerSecond ?? (rateBytesPerSecond * 25) / 32, burstBytes ?? rateBurstBytes * 0.75);
  }

  /**
   * Takes the tokens for one frame, and returns 0; or takes none, and returns how long to wait, in milliseconds.
   *
   * @param {number} now
   * @param {number} bytes the length of the frame in UTF-8
   */
  tryTake(now, bytes) {
    const wait = Math.max(this.#frames.wait(now, 1), this.#bytes.wait(now, bytes));
    if (wait > 0) return wait;
    this.#frames.take(now, 1);
    this.#bytes.take(now, bytes);
    return 0;
  }

  /**
   * Holds all frames until this time.
   *
   * @param {number} until
   */
  pause(until) {
    this.#frames.emptyUntil(until);
  }
}
