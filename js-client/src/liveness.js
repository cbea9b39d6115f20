// Whether the server still responds.

/**
 * Detects silence of the server. If the server answers probes, sends one before it gives up.
 *
 * Timers of a background page are late, and so is everything that was sent while the machine slept. After a gap between two
 * checks, by the monotonic clock or by the wall clock, it probes, and never concludes anything: the wall clock may have been
 * set.
 */
export class Liveness {
  #env;
  #probe;
  #lost;
  #timeoutMs;
  #probes = false;
  #heardAt;
  #checkedAt;
  #checkedWall;
  /** When the reply to a probe is due. */
  #deadline = Infinity;
  /** Whether the probe was repeated after a gap. */
  #isRepeated = false;
  /** @type {any} */
  #timer = null;

  /**
   * @param {import('./environment.js').Environment} env
   * @param {number} timeoutMs after how much silence the server is lost, or probed
   * @param {{ probe: () => void, lost: () => void }} handlers
   */
  constructor(env, timeoutMs, { probe, lost }) {
    this.#env = env;
    this.#timeoutMs = timeoutMs;
    this.#probe = probe;
    this.#lost = lost;
    this.#heardAt = this.#checkedAt = env.now();
    this.#checkedWall = env.wall();
    this.check();
  }

  heard() {
    this.#heardAt = this.#env.now();
    this.#deadline = Infinity;
    this.#isRepeated = false;
  }

  /**
   * @param {number} timeoutMs
   * @param {boolean} probes whether the server answers probes
   */
  expect(timeoutMs, probes) {
    this.#timeoutMs = timeoutMs;
    this.#probes = probes;
    this.check();
  }

  /**
   * There is one timer, which is set again only when it fires: a frame costs no timer.
   *
   * @param {boolean} [isSuspicious] probes now, if possible
   */
  check(isSuspicious = false) {
    const [now, wall] = [this.#env.now(), this.#env.wall()];
    const isGap = Math.max(now - this.#checkedAt, wall - this.#checkedWall) > GAP_MS;
    this.#checkedAt = now;
    this.#checkedWall = wall;
    let end = this.#heardAt + this.#timeoutMs;
    const isPending = this.#deadline < Infinity;
    // A probe from before the machine slept has no answer yet when the machine wakes. Only one is repeated, since timers of a
    // background page may always be this late.
    if (this.#probes && (isPending ? isGap && !this.#isRepeated : isSuspicious || isGap || now >= end)) {
      this.#isRepeated = isPending;
      this.#deadline = now + ANSWER_MS;
      this.#probe();
    }
    if (this.#deadline < Infinity) end = this.#deadline;
    this.stop();
    if (now >= end) this.#lost();
    else this.#timer = this.#env.setTimeout(() => this.check(), this.#probes ? Math.min(end - now, TICK_MS) : end - now);
  }

  stop() {
    this.#env.clearTimeout(this.#timer);
  }
}

/** A page is to have another socket two seconds after it wakes. A slow network needs the rest of that to wake, too. */
const ANSWER_MS = 1400;

const TICK_MS = 1000;

/** Longer than a page in the foreground is busy, or its timers are late. */
const GAP_MS = 3000;
