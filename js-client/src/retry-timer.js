// The wait before the next try.

import { delayBy } from './retry.js';

export class RetryTimer {
  #env;
  #policy;
  #again;
  #failures = 0;
  /** The server asked for no try before this time. */
  #notBefore = 0;
  /** @type {any} */
  #timer = null;

  /**
   * @param {import('./environment.js').Environment} env
   * @param {import('./retry.js').RetryPolicy} policy
   * @param {() => void} again
   */
  constructor(env, policy, again) {
    this.#env = env;
    this.#policy = policy;
    this.#again = again;
  }

  /** The last try has succeeded, or none was made. */
  reset() {
    this.stop();
    this.#failures = this.#notBefore = 0;
  }

  /**
   * A try has failed. How long to wait; `null` to give up, for this reason.
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
      this.#again();
    }, ms);
  }

  stop() {
    this.#env.clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** Tries at once, or when the server lets it. False where nothing is waited for. */
  hurry() {
    if (this.#timer === null) return false;
    const early = this.#notBefore - this.#env.now();
    this.stop();
    if (early > 0) this.start(early);
    else this.#again();
    return true;
  }
}
