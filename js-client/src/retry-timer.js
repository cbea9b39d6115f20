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
  /** How long after a request without an answer. */
  #askAgainMs = ASK_AGAIN_MS;
  /** Since when each answer is one that a proxy may give while the server restarts. @type {number | null} */
  #doubtedSince = null;
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
    this.#askAgainMs = ASK_AGAIN_MS;
    this.#doubtedSince = this.#answer = null;
  }

  /**
   * An attempt has failed. If its connection did not open, asks the server over HTTP: at the first such failure of an outage,
   * and then at most every 30 s. In between, the last answer holds. If nothing is heard, it asks again sooner at first.
   *
   * @param {import('./errors.js').MeetError} error
   * @param {string} url
   * @param {number} graceMs how long answers have to last that may come from a proxy while the server restarts
   * @param {(error: import('./errors.js').MeetError) => void} explained not called after `stop` or `expedite`
   */
  async explain(error, url, graceMs, explained) {
    if (error.code !== 'unreachable') return explained(error);
    if (this.#env.now() >= this.#askAfter) {
      const request = this.#request = new AbortController();
      const answer = await askOverHttp(this.#env, url, request);
      if (this.#request !== request) return;
      this.#request = null;
      this.#answered(answer, graceMs);
    }
    explained(this.#answer ?? error);
  }

  /**
   * @param {import('./handshake-answer.js').Answer | null} answer
   * @param {number} graceMs
   */
  #answered(answer, graceMs) {
    const now = this.#env.now();
    const error = this.#answer = answer?.error ?? null;
    this.#askAfter = now + (answer === null ? this.#askAgainMs : ASK_MS);
    this.#askAgainMs = answer === null ? Math.min(this.#askAgainMs * 2, ASK_MS) : ASK_AGAIN_MS;
    if (error === null || error.retryable || answer?.isCertain) {
      this.#doubtedSince = null;
      return;
    }
    this.#doubtedSince ??= now;
    error.retryable = now - this.#doubtedSince < graceMs;
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
    // The network may be another one.
    if (this.#answer === null) this.#askAfter = 0;
    if (remaining > 0) this.start(remaining);
    else this.#retry();
    return true;
  }
}

/** Between two requests of one outage: several attempts. */
const ASK_MS = 30_000;

/** After the first request without an answer, and doubled after each further one: longer than the attempts of a first join. */
const ASK_AGAIN_MS = 5000;
