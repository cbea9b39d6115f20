// A signaling channel between two ends, without a server.

/** @typedef {import('./scheduler.js').Scheduler} Scheduler */
/** @typedef {'deliver' | 'drop' | 'duplicate'} Delivery */

/**
 * Joins two ends, `a` and `b`. What one sends reaches the other as a copy, as through JSON, in the
 * order of sending, each message in a task of its own. Each end can be told to treat what it sends
 * badly.
 *
 * @param {Scheduler} scheduler
 */
export function fakeSignaling(scheduler) {
  const a = new SignalingEnd('a', scheduler);
  const b = new SignalingEnd('b', scheduler);
  a.connect(b);
  b.connect(a);
  return { a, b };
}

/** One end of the signaling channel. */
export class SignalingEnd {
  #queue;
  /** @type {SignalingEnd | undefined} */
  #other;
  /** @type {{ delivery: Delivery, matches: (message: any) => boolean }[]} */
  #planned = [];

  /** @type {((message: any) => unknown) | null} a rejection of what it returns counts as unhandled */
  onmessage = null;

  /** @type {any[]} everything that was sent here, dropped messages too */
  sent = [];

  /**
   * @param {string} name
   * @param {Scheduler} scheduler
   */
  constructor(name, scheduler) {
    this.#queue = scheduler.wire(`from ${name}`);
  }

  /** @param {SignalingEnd} other */
  connect(other) {
    this.#other = other;
  }

  /** @param {any} message something that JSON can carry */
  send(message) {
    const text = JSON.stringify(message);
    this.sent.push(JSON.parse(text));
    const index = this.#planned.findIndex((plan) => plan.matches(message));
    const [plan] = index < 0 ? [] : this.#planned.splice(index, 1);
    const times = plan ? COPIES[plan.delivery] : 1;
    for (let copy = 0; copy < times; copy++) {
      this.#queue.post(label(message), () => { this.#other?.onmessage?.(JSON.parse(text)); });
    }
  }

  /**
   * Decides what happens to the next matching message that is sent here.
   *
   * @param {Delivery} delivery
   * @param {(message: any) => boolean} [matches] by default any
   */
  next(delivery, matches = () => true) {
    this.#planned.push({ delivery, matches });
  }

  /** Keeps what is sent here from arriving until `release`. */
  hold() {
    this.#queue.held = true;
  }

  release() {
    this.#queue.held = false;
  }

  /** Loses everything that is under way from here. */
  lose() {
    this.#queue.clear();
  }

  /** Lets messages overtake each other, which no real signaling of this project does. */
  shuffle() {
    this.#queue.disorderly = true;
  }

  /** How many messages are under way from here. */
  get underway() {
    return this.#queue.length;
  }
}

/** @param {any} message */
function label(message) {
  return message?.description?.type ?? (message?.candidate ? 'candidate' : 'message');
}

/** @type {Record<Delivery, number>} */
const COPIES = { deliver: 1, drop: 0, duplicate: 2 };
