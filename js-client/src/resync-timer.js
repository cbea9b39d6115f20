// When to resync after the server has refused a message, or the other page has missed one.

/** A little later, with exponential backoff while messages are refused. */
export class ResyncTimer {
  #env;
  #resync;
  /** Set while a resync is scheduled. @type {any} */
  #timer = null;
  /** How many resyncs in a row were refused. */
  #refusals = 0;
  #lastResync = -Infinity;

  /**
   * @param {import('./environment.js').Environment} env
   * @param {() => void} resync
   */
  constructor(env, resync) {
    this.#env = env;
    this.#resync = resync;
  }

  /** A message was refused. */
  start() {
    if (this.#timer !== null) return;
    // A refusal follows its message at once. So the last resync succeeded, and this refusal is unrelated.
    if (this.#env.now() - this.#lastResync > REFUSAL_MS) this.#refusals = 0;
    const ceiling = Math.min(MAX_DELAY_MS, INITIAL_DELAY_MS * 2 ** Math.min(this.#refusals, 10));
    this.#refusals += 1;
    // With jitter, since other pages were refused at the same moment.
    this.#timer = this.#env.setTimeout(() => {
      this.#timer = null;
      this.#lastResync = this.#env.now();
      this.#resync();
    }, ceiling * (1 + this.#env.random()) / 2);
  }

  stop() {
    this.#env.clearTimeout(this.#timer);
  }
}

const MAX_DELAY_MS = 30_000;

/** A full queue empties as fast as its receiver reads: a second is long. */
const INITIAL_DELAY_MS = 1000;

/** Longer than the server's reply takes over any network. */
const REFUSAL_MS = 10_000;
