// The delay before the next attempt.

import { delayBy } from './retry.js';

export class RetryTimer {
  #env;
  #policy;
  #retry;
  #failures = 0;
  /** The server asked for no attempt before this time. */
  #notBefore = 0;
  /** @type {any} */
  #timer = null;

  /**
   * @param {import('./environment.js').Environment} env
   * @param {import('./retry.js').RetryPolicy} policy
   * @param {() => void} retry
   */
  constructor(env, policy, retry) {
    this.#env = env;
    this.#policy = policy;
    this.#retry = retry;
  }

  /** The last attempt has succeeded, or there was none. */
  reset() {
    this.stop();
    this.#failures = this.#notBefore = 0;
  }

  /**
   * An attempt has failed. Returns how long to wait; `null` to give up, for this reason.
   *
   * @param {import('./errors.js').MeetError} error
   * @param {boolean} joined
   */
  failed(error, joined) {
    this.#failures += 1;
    this.#notBefore = this.#env.now() + error.retryAfterMs;
    return delayBy(this.#policy, { attempt: this.#failures, joined, error });
  }

  /** @param {number} ms */
  start(ms) {
    this.stop();
    this.#timer = this.#env.setTimeout(() => {
      this.#timer = null;
      this.#retry();
    }, ms);
  }

  stop() {
    this.#env.clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** Retries at once, or as soon as the server allows it. Returns false if no attempt is scheduled. */
  expedite() {
    if (this.#timer === null) return false;
    const remaining = this.#notBefore - this.#env.now();
    this.stop();
    if (remaining > 0) this.start(remaining);
    else this.#retry();
    return true;
  }
}
