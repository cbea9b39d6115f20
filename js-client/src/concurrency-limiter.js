// A limit on how many connections are set up at the same time.

/**
 * Starts connections in the order of their requests, a few at a time. Making one blocks the page's main thread for some
 * milliseconds: without a limit, joining a room of hundreds would freeze the page.
 */
export class ConcurrencyLimiter {
  #env;
  #free = MAX_CONCURRENT;
  /** @type {Set<() => void>} */
  #queue = new Set();

  /** @param {Pick<import('./environment.js').Environment, 'setTimeout'>} env */
  constructor(env) {
    this.#env = env;
  }

  /**
   * @param {() => void} start a different function for each request; not called before the current task is done
   * @returns {() => void} cancels the request
   */
  enqueue(start) {
    this.#queue.add(start);
    // A timer would be late in a hidden page.
    void Promise.resolve().then(() => this.#startNext());
    return () => void this.#queue.delete(start);
  }

  #startNext() {
    for (const start of this.#queue) {
      if (this.#free === 0) return;
      this.#free -= 1;
      this.#queue.delete(start);
      this.#env.setTimeout(() => {
        this.#free += 1;
        this.#startNext();
      }, SETUP_MS);
      start();
    }
  }
}

const MAX_CONCURRENT = 4;

/** Sixteen connections a second: a full room appears at once to the eye. */
const SETUP_MS = 250;
