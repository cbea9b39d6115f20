// A deterministic event loop, with any order that a browser may choose.

import { VirtualClock } from './clock.js';
import { Random } from './random.js';

/** @typedef {{ label: string, number: number, due: number, run: () => unknown }} Task */

// Taken at import, so that a test that mocks the globals does not stop the scheduler.
const realImmediate = setImmediate;

/**
 * Runs the tasks of all pages, servers and networks of a test, one at a time, each followed by its
 * microtasks. Nothing runs by itself: a test lets tasks run with `settle`, `run`, `until`, `step`
 * or `clock.advance`.
 *
 * Without a seed tasks run in the order in which they were posted. With a seed any queue may be
 * the next, and some queues are slow; within a queue the order always holds. A seed gives the same
 * schedule every time, as long as the code under test takes its randomness from `random` too.
 */
export class Scheduler {
  #random;
  #shuffled;
  #latencyMs;
  /** @type {TaskQueue[]} those that have tasks */
  #ready = [];
  #posted = 0;
  #running = false;
  /** @type {string[]} */
  #trace = [];

  /**
   * @param {{ seed?: number | undefined, latencyMs?: readonly [min: number, max: number] | undefined }} [options]
   *   `latencyMs` is how long everything takes that goes over a network; by default no time passes
   */
  constructor({ seed, latencyMs = [0, 0] } = {}) {
    this.#shuffled = seed !== undefined;
    this.#random = new Random(seed ?? 0);
    this.#latencyMs = latencyMs;
    this.clock = new VirtualClock(this);
  }

  /** Randomness for the fakes and for the code under test, from the same seed. */
  get random() {
    return this.#random;
  }

  /** Whether it runs in a random order. */
  get shuffled() {
    return this.#shuffled;
  }

  /**
   * A queue whose tasks run in the order in which they were posted.
   *
   * @param {string} name shown in traces
   */
  queue(name) {
    return this.#makeQueue(name, () => this.clock.now());
  }

  /**
   * A queue for what goes over a network: its tasks are due after the latency, still in order.
   *
   * @param {string} name shown in traces
   */
  wire(name) {
    const [min, max] = this.#latencyMs;
    return this.#makeQueue(name, () => {
      const extra = max > min ? this.#random.below(max - min + 1) : 0;
      return this.clock.now() + min + extra;
    });
  }

  /**
   * A step outside every queue, like the "in parallel" of a specification: no order holds between
   * it and anything else.
   *
   * @param {string} label
   * @param {() => unknown} run
   */
  inParallel(label, run) {
    this.queue('in parallel').post(label, run);
  }

  /** Lets all microtasks run, as an event loop does between two tasks and after each listener. */
  checkpoint() {
    return new Promise((resolve) => realImmediate(resolve));
  }

  /** Runs one task; false if none is ready. */
  async step() {
    // Two drivers at once would make the order of tasks depend on who awaits what.
    if (this.#running) throw new Error('the scheduler is already running a task');
    const queue = this.#choose();
    if (!queue) return false;
    this.#running = true;
    try {
      const task = queue.take(this.#random);
      this.#note(`${queue.name}: ${task.label}`);
      await task.run();
      await this.checkpoint();
    } finally {
      this.#running = false;
    }
    return true;
  }

  /**
   * Runs until no task is ready. Time stands still: timers that are not due stay.
   *
   * @param {{ limit?: number }} [options] how many tasks at most
   * @throws {Error} when that many did not suffice, so that a loop ends a test
   */
  async settle({ limit = TASK_LIMIT } = {}) {
    // What the caller has begun counts as part of its task.
    await this.checkpoint();
    for (let ran = 0; await this.step(); ran++) {
      if (ran >= limit) throw this.#error(`still busy after ${limit} tasks`);
    }
  }

  /**
   * Runs until the condition holds, and lets time pass when nothing else is left to do.
   *
   * @param {() => unknown} condition
   * @param {{ withinMs?: number }} [options] how much time may pass; by default none
   * @throws {Error} when it does not hold by then
   */
  async until(condition, { withinMs = 0 } = {}) {
    const end = this.clock.now() + withinMs;
    await this.checkpoint();
    for (let ran = 0; !condition(); ran++) {
      if (ran >= TASK_LIMIT) throw this.#error(`not so after ${TASK_LIMIT} tasks: ${condition}`);
      if (await this.step()) continue;
      if (!this.clock.leap(end)) throw this.#error(`not so within ${withinMs} ms: ${condition}`);
    }
  }

  /**
   * Runs until a promise is settled, and returns what it gives.
   *
   * @template T
   * @param {Promise<T> | (() => Promise<T>)} work
   * @param {{ withinMs?: number }} [options] how much time may pass; by default none
   * @returns {Promise<T>}
   * @throws {Error} when it is still pending by then
   */
  async run(work, options) {
    const promise = typeof work === 'function' ? work() : work;
    let settled = false;
    const settle = () => { settled = true; };
    promise.then(settle, settle);
    await this.until(() => settled, options);
    return promise;
  }

  /** When the next task is due that is not yet; `Infinity` if there is none. For the clock. */
  get nextDue() {
    const now = this.clock.now();
    const later = this.#ready.filter((queue) => !queue.held && queue.due > now);
    return Math.min(Infinity, ...later.map((queue) => queue.due));
  }

  /** The last tasks that ran, oldest first: where to look when a seed fails. */
  get trace() {
    return [...this.#trace];
  }

  /**
   * @param {string} name
   * @param {() => number} due
   */
  #makeQueue(name, due) {
    const weight = this.#shuffled && this.#random.chance(SLOW_QUEUES) ? SLOW_WEIGHT : 1;
    return new TaskQueue({ name, weight, due, number: () => this.#posted++, ready: this.#ready });
  }

  #choose() {
    const now = this.clock.now();
    const queues = this.#ready.filter((queue) => !queue.held && queue.due <= now);
    if (!this.#shuffled) {
      return queues.reduce((a, b) => (a && a.head <= b.head ? a : b), queues[0]);
    }
    let point = this.#random.next() * queues.reduce((sum, queue) => sum + queue.weight, 0);
    return queues.find((queue) => (point -= queue.weight) < 0) ?? queues.at(-1);
  }

  /** @param {string} line */
  #note(line) {
    this.#trace.push(line);
    if (this.#trace.length > TRACE_LENGTH) this.#trace.shift();
  }

  /** @param {string} message */
  #error(message) {
    return new Error(`${message}\nthe last tasks:\n  ${this.#trace.join('\n  ')}`);
  }
}

/** Tasks that run in order. Made by `Scheduler.queue`. */
export class TaskQueue {
  /** @type {Task[]} */
  #tasks = [];
  #number;
  #due;
  #lastDue = 0;
  #ready;

  /** While true its tasks wait. */
  held = false;

  /** When true its tasks may overtake each other: no real queue does that. */
  disorderly = false;

  /**
   * @param {object} init
   * @param {string} init.name
   * @param {number} init.weight how often it is chosen, relative to others
   * @param {() => number} init.due when a task that is posted now may run
   * @param {() => number} init.number numbers all tasks in the order of posting
   * @param {TaskQueue[]} init.ready the scheduler's list of queues that have tasks
   */
  constructor({ name, weight, due, number, ready }) {
    this.name = name;
    this.weight = weight;
    this.#due = due;
    this.#number = number;
    this.#ready = ready;
  }

  /**
   * Appends a task. When it returns a promise, the next task of *any* queue waits for that.
   *
   * @param {string} label shown in traces
   * @param {() => unknown} run
   */
  post(label, run) {
    if (this.#tasks.length === 0) this.#ready.push(this);
    this.#lastDue = Math.max(this.#lastDue, this.#due());
    this.#tasks.push({ label, number: this.#number(), due: this.#lastDue, run });
  }

  /**
   * Removes the next task and returns it. For the scheduler, which asks only queues that have one.
   *
   * @param {Random} random
   */
  take(random) {
    const index = this.disorderly ? random.below(this.#tasks.length) : 0;
    const [task] = this.#tasks.splice(index, 1);
    if (this.#tasks.length === 0) this.#ready.splice(this.#ready.indexOf(this), 1);
    return /** @type {Task} */ (task);
  }

  /** Forgets all its tasks. */
  clear() {
    if (this.#tasks.length === 0) return;
    this.#tasks = [];
    this.#ready.splice(this.#ready.indexOf(this), 1);
  }

  get length() {
    return this.#tasks.length;
  }

  /** When its next task may run. */
  get due() {
    return this.#tasks[0]?.due ?? Infinity;
  }

  /** The number of its next task. */
  get head() {
    return this.#tasks[0]?.number ?? Infinity;
  }
}

// A quarter of the queues is chosen twenty times less often than the others: that gives the long
// delays that a uniform choice hardly ever makes, and most races need one.
const SLOW_QUEUES = 0.25;
const SLOW_WEIGHT = 0.05;

// A storm of 22 transceivers takes about a thousand tasks.
const TASK_LIMIT = 100_000;
const TRACE_LENGTH = 60;
