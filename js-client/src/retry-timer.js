// Why an attempt failed, and the delay before the next one.

import { askOverHttp } from './handshake-answer.js';
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
  /** Not answered yet. @type {AbortController | null} */
  #request = null;
  #askAfter = 0;
  /** The last answer over HTTP in this outage. @type {import('./errors.js').MeetError | null} */
  #answer = null;

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
    this.#failures = this.#notBefore = this.#askAfter = 0;
    this.#answer = null;
  }

  /**
   * An attempt has failed. If its connection did not open, asks the server over HTTP: at the first such failure of an outage,
   * and then at most every 30 s. In between, the last answer holds.
   *
   * @param {import('./errors.js').MeetError} error
   * @param {string} url
   * @param {(error: import('./errors.js').MeetError) => void} explained not called after `stop` or `expedite`
   */
  async explain(error, url, explained) {
    if (error.code !== 'unreachable') return explained(error);
    const now = this.#env.now();
    if (now >= this.#askAfter) {
      this.#askAfter = now + ASK_MS;
      const request = this.#request = new AbortController();
      const answer = await askOverHttp(this.#env, url, request);
      if (this.#request !== request) return;
      this.#request = null;
      this.#answer = answer;
    }
    explained(this.#answer ?? error);
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
    this.#request?.abort();
    this.#request = null;
  }

  /** Retries at once, or as soon as the server allows it. Returns false if no attempt is scheduled or being explained. */
  expedite() {
    if (this.#timer === null && this.#request === null) return false;
    const remaining = this.#notBefore - this.#env.now();
    this.stop();
    if (remaining > 0) this.start(remaining);
    else this.#retry();
    return true;
  }
}

/** Between two requests of one outage: several attempts. */
const ASK_MS = 30_000;
