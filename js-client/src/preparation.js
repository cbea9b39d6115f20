// A connection that is opened before the page joins.

import { observePageLifecycle } from './page-lifecycle.js';

/** @typedef {import('./attempt.js').Attempt} Attempt */

/**
 * Keeps a connection ready. The server closes one that does not join in time: then another one is opened, unseen, for a few
 * minutes at most. It never fails: what cannot be prepared is done when the page joins.
 */
export class Preparation {
  #env;
  #open;
  #ended;
  /** @type {Attempt | null} */
  #attempt = null;
  #openedAt = 0;
  #scope = new AbortController();
  /** @type {any} */
  #timer = null;
  /** Resolves when there is nothing more to wait for. */
  ready;
  #settle = () => {};

  /**
   * @param {import('./environment.js').Environment} env
   * @param {(signal: AbortSignal) => Promise<Attempt | null>} open opens a connection; `null` if that is not possible now
   * @param {() => void} ended called when it is over without a join
   */
  constructor(env, open, ended) {
    this.#env = env;
    this.#open = open;
    this.#ended = ended;
    this.ready = new Promise((resolve) => { this.#settle = () => resolve(undefined); });
    this.#timer = env.setTimeout(() => this.stop(), MAX_MS);
    observePageLifecycle(env, {
      // From another network, a connection that was open reaches nobody.
      wake: (isDead) => { if (isDead) this.#reopen(); },
      // An open socket keeps a page out of the back/forward cache.
      hide: () => this.stop(),
      restore: () => {},
    }, this.#scope.signal);
    void this.#reopen();
  }

  /** The connection, if there is one, which the preparation gives up. @returns {Attempt | null} */
  take() {
    const attempt = this.#attempt;
    this.#attempt = null;
    this.#end();
    return attempt;
  }

  /** The connection is open, and the server has said what it says first. */
  opened() {
    this.#settle();
  }

  /** @param {Attempt} attempt whose connection has ended */
  lost(attempt) {
    if (attempt !== this.#attempt) return;
    this.#attempt = null;
    // A server that ends it sooner does not want it.
    if (attempt.wasOpened && this.#env.now() - this.#openedAt > SHORTEST_MS) void this.#reopen();
    else this.stop();
  }

  /** Closes the connection. */
  stop() {
    if (this.#scope.signal.aborted) return;
    this.#attempt?.close();
    this.#attempt = null;
    this.#end();
    this.#ended();
  }

  async #reopen() {
    const { signal } = this.#scope;
    this.#attempt?.close();
    this.#attempt = null;
    const attempt = await this.#open(signal);
    if (signal.aborted) return attempt?.close();
    if (attempt === null) return this.stop();
    this.#openedAt = this.#env.now();
    this.#attempt = attempt;
    return undefined;
  }

  #end() {
    this.#scope.abort();
    this.#env.clearTimeout(this.#timer);
    this.#settle();
  }
}

/** As long as somebody looks at a lobby page. */
const MAX_MS = 180_000;

/** Below the time that any server gives a client to join. */
const SHORTEST_MS = 1000;
