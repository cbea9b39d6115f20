// A clock that a test advances.

/** @typedef {import('./scheduler.js').Scheduler} Scheduler */
/** @typedef {{ due: number, label: string, run: () => unknown }} Timer */

/**
 * Something with timers of its own. `advance` lets its time pass, until `to` or until it has something
 * to deliver before, and gives when that is; `deliver` does so, at that time.
 *
 * @typedef {{ advance: (to: number) => number | null, deliver: () => void }} Follower
 */

/**
 * The timers of all pages and servers of a test. `setTimeout`, `clearTimeout` and `now` are bound:
 * they can be handed out as they are.
 *
 * Timers fire in the order of their due times, those of the same time in the order in which they
 * were set, each as a task of its own.
 */
export class VirtualClock {
  #now = 0;
  #lastHandle = 0;
  /** @type {Map<number, Timer>} in the order in which they were set */
  #timers = new Map();
  /** @type {Follower | null} */
  #follower = null;
  #scheduler;
  #queue;

  /** @param {Scheduler} scheduler */
  constructor(scheduler) {
    this.#scheduler = scheduler;
    this.#queue = scheduler.queue('timers');
  }

  /** Milliseconds since the clock was made. */
  now = () => this.#now;

  /**
   * @param {(...args: any[]) => unknown} run
   * @param {number} [delayMs] below 0 counts as 0
   * @param {...any} args
   * @returns {number} a handle for `clearTimeout`, never 0
   */
  setTimeout = (run, delayMs = 0, ...args) => {
    const handle = ++this.#lastHandle;
    const timer = { due: this.#now + Math.max(0, delayMs), label: `timer ${delayMs} ms`, run: () => run(...args) };
    this.#timers.set(handle, timer);
    if (timer.due === this.#now) this.#fire(handle, timer);
    return handle;
  };

  /** @param {number | null | undefined} handle unknown ones are ignored */
  clearTimeout = (handle) => {
    if (handle != null) this.#timers.delete(handle);
  };

  /** @param {Follower} follower whose time is this clock's from now on */
  follow(follower) {
    this.#follower = follower;
  }

  /** How many timers are set: zero when nothing has leaked. */
  get pending() {
    return this.#timers.size;
  }

  /**
   * Lets time pass: everything that is due meanwhile runs, at its time, and between two times
   * everything that is ready.
   *
   * @param {number} ms
   */
  async advance(ms) {
    const end = this.#now + ms;
    do await this.#scheduler.settle();
    while (this.leap(end));
    this.#now = end;
  }

  /**
   * Goes to the next time at which something is due, if that is not after `latest`, and makes that
   * time's timers ready.
   *
   * @param {number} [latest] in ms since the clock was made
   * @returns {boolean} whether there was one
   */
  leap(latest = Infinity) {
    let next = this.#scheduler.nextDue;
    for (const timer of this.#timers.values()) next = Math.min(next, timer.due);
    const end = Math.min(next, latest);
    if (end === Infinity) return false;
    const reached = this.#follower?.advance(end) ?? null;
    if (reached !== null) {
      this.#now = Math.max(this.#now, reached);
      this.#follower?.deliver();
      if (reached < next) return true;
    }
    if (next > latest) return false;
    this.#now = next;
    for (const [handle, timer] of this.#timers) {
      if (timer.due === next) this.#fire(handle, timer);
    }
    return true;
  }

  /**
   * @param {number} handle
   * @param {Timer} timer
   */
  #fire(handle, timer) {
    this.#queue.post(timer.label, () => {
      // It may have been cleared while it waited for its turn.
      if (this.#timers.delete(handle)) return timer.run();
    });
  }
}
