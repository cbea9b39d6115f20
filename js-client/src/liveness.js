// Whether the server is still there.

/**
 * Listens for its silence, and asks before it gives up, where the server answers.
 *
 * Timers of a page in the background come late, and so does all that was sent while the machine slept. A gap between two
 * looks, by the clock that stands still meanwhile or by the one on the wall, is a reason to ask, and never a verdict: the
 * one on the wall may have been set.
 */
export class Liveness {
  #env;
  #ask;
  #lost;
  #patienceMs;
  #asks = false;
  #heardAt;
  #lookedAt;
  #wall;
  /** When the answer has to be there. */
  #deadline = Infinity;
  /** @type {any} */
  #timer = null;

  /**
   * @param {import('./environment.js').Environment} env
   * @param {number} patienceMs after how much silence the server counts as lost, or is asked
   * @param {{ ask: () => void, lost: () => void }} handlers
   */
  constructor(env, patienceMs, { ask, lost }) {
    this.#env = env;
    this.#patienceMs = patienceMs;
    this.#ask = ask;
    this.#lost = lost;
    this.#heardAt = this.#lookedAt = env.now();
    this.#wall = env.wall();
    this.look();
  }

  heard() {
    this.#heardAt = this.#env.now();
    this.#deadline = Infinity;
  }

  /**
   * @param {number} patienceMs
   * @param {boolean} asks whether the server answers when it is asked
   */
  expect(patienceMs, asks) {
    this.#patienceMs = patienceMs;
    this.#asks = asks;
    this.look();
  }

  /**
   * One timer, set anew only when it fires: a frame costs no timer.
   *
   * @param {boolean} [suspicious] asks now, if it can
   */
  look(suspicious = false) {
    const [now, wall] = [this.#env.now(), this.#env.wall()];
    const slept = Math.max(now - this.#lookedAt, wall - this.#wall) > GAP_MS;
    this.#lookedAt = now;
    this.#wall = wall;
    let end = this.#heardAt + this.#patienceMs;
    if (this.#asks && this.#deadline === Infinity && (suspicious || slept || now >= end)) {
      this.#deadline = now + ANSWER_MS;
      this.#ask();
    }
    if (this.#deadline < Infinity) end = this.#deadline;
    this.stop();
    if (now >= end) this.#lost();
    else this.#timer = this.#env.setTimeout(() => this.look(), this.#asks ? Math.min(end - now, TICK_MS) : end - now);
  }

  stop() {
    this.#env.clearTimeout(this.#timer);
  }
}

/** A page that is awake is to have another socket within two seconds; a slow network takes this long to wake, too. */
const ANSWER_MS = 1400;

const TICK_MS = 1000;

/** More than a page is busy, or its timers are late, in the foreground. */
const GAP_MS = 3000;
