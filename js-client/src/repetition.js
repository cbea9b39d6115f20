// When to say again what the server has refused.

/** A little later, and less and less often while that is refused, too. */
export class Repetition {
  #env;
  #repeat;
  /** Set while something is to be said again. @type {any} */
  #timer = null;
  /** How often in a row that was refused, and when it was last said again. */
  #refusals = 0;
  #repeatedAt = -Infinity;

  /**
   * @param {import('./environment.js').Environment} env
   * @param {() => void} repeat
   */
  constructor(env, repeat) {
    this.#env = env;
    this.#repeat = repeat;
  }

  refused() {
    if (this.#timer !== null) return;
    // A refusal comes at once. The last repetition got through, and this is a new trouble.
    if (this.#env.now() - this.#repeatedAt > REFUSAL_MS) this.#refusals = 0;
    const ceiling = Math.min(MOST_DELAY_MS, FIRST_REPEAT_MS * 2 ** Math.min(this.#refusals, 10));
    this.#refusals += 1;
    // At random, since others have been refused in the same moment.
    this.#timer = this.#env.setTimeout(() => {
      this.#timer = null;
      this.#repeatedAt = this.#env.now();
      this.#repeat();
    }, ceiling * (1 + this.#env.random()) / 2);
  }

  close() {
    this.#env.clearTimeout(this.#timer);
  }
}

const MOST_DELAY_MS = 30_000;

/** A full queue empties as fast as its receiver reads: a second is long. */
const FIRST_REPEAT_MS = 1000;

/** The server's answer is here by then, over any network. */
const REFUSAL_MS = 10_000;
