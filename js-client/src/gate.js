// When a connection may begin, so that many of them do not stop the page.

/**
 * Lets connections begin in the order in which they came, a few of them at once. To make one takes the page's main
 * thread milliseconds, in which nothing else is done: a room that is joined by hundreds would stand still.
 */
export class Gate {
  #env;
  #free = AT_ONCE;
  /** @type {Set<() => void>} */
  #queue = new Set();

  /** @param {Pick<import('./environment.js').Environment, 'setTimeout'>} env */
  constructor(env) {
    this.#env = env;
  }

  /**
   * @param {() => void} begin its own for each turn; called when its turn has come, not before the task at hand is done
   * @returns {() => void} gives the turn up
   */
  enter(begin) {
    this.#queue.add(begin);
    // A timer would be late in a page that is hidden.
    void Promise.resolve().then(() => this.#admit());
    return () => void this.#queue.delete(begin);
  }

  #admit() {
    for (const turn of this.#queue) {
      if (this.#free === 0) return;
      this.#free -= 1;
      this.#queue.delete(turn);
      this.#env.setTimeout(() => {
        this.#free += 1;
        this.#admit();
      }, TURN_MS);
      turn();
    }
  }
}

const AT_ONCE = 4;

/** Sixteen connections a second: everybody in a full room, at once to the eye. */
const TURN_MS = 250;
