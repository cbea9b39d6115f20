// Sends the messages of one session: in order, counted, and within the rate limit.

import { MeetError } from './errors.js';
import { DEFAULT_LIMITS } from './protocol.js';
import { RateLimiter } from './rate-limiter.js';
import { RetransmitQueue } from './retransmit-queue.js';

/** @typedef {import('./protocol.js').SentMessage} SentMessage */

export class Sender {
  #queue = new RetransmitQueue();
  #limiter;
  #env;
  #write;
  #isOpen = false;
  #frameBytes = DEFAULT_LIMITS.frameBytes;
  /** @type {any} */
  #timer = null;

  /**
   * @param {(text: string) => void} write
   * @param {import('./rate-limiter.js').RateLimit | undefined} rateLimit
   * @param {import('./environment.js').Environment} env
   */
  constructor(write, rateLimit, env) {
    this.#write = write;
    this.#limiter = new RateLimiter(rateLimit);
    this.#env = env;
  }

  /**
   * @param {SentMessage} message
   * @returns {number} the `ref` of the message
   * @throws {import('./errors.js').MeetError} `not-json`, `too-large`, `queue-full`
   */
  send(message) {
    const ref = this.#queue.add(message, this.#frameBytes);
    this.#flush();
    return ref;
  }

  /**
   * There is a connection. Returns the messages that are dropped since they exceed its limits, or concern another session.
   *
   * @param {number | null} received how many messages of the session the server has handled; `null` if both ends count from 0
   * @param {import('./protocol.js').Limits} limits
   * @param {boolean} isNew whether the server has another session now
   */
  open(received, limits, isNew) {
    /** @type {SentMessage[]} */
    let lost = [];
    if (received !== null) this.#queue.resume(received);
    // What a moderator has decided concerns the room and the peers of the session before.
    else lost = this.#queue.restart((message) => !isRenewed(message) && (message.type === 'broadcast' || !isNew));
    const dropped = lost.filter((message) => !isRenewed(message))
      .map((message) => ({ message, error: new MeetError('lost', 'the session ended before this was sent') }));
    this.#frameBytes = limits.frameBytes;
    this.#limiter.follow(limits);
    dropped.push(...this.#queue.removeOversized(limits.frameBytes));
    this.#isOpen = true;
    this.#flush();
    return dropped;
  }

  /** There is no connection. Messages wait from now on. */
  hold() {
    this.#isOpen = false;
    this.#env.clearTimeout(this.#timer);
  }

  /** @param {number} received */
  acknowledge(received) {
    this.#queue.acknowledge(received);
  }

  /**
   * The server has rejected this message because of its rate. Returns false if it is not known any more.
   *
   * @param {number | undefined} ref
   * @param {number} retryAfterMs
   */
  retransmit(ref, retryAfterMs) {
    if (!this.#queue.retransmit(ref)) return false;
    this.#limiter.pause(this.#env.now() + retryAfterMs);
    this.#flush();
    return true;
  }

  /**
   * The message with this `ref`, if it is still known.
   *
   * @param {number | undefined} ref
   */
  find(ref) {
    return this.#queue.find(ref)?.message ?? null;
  }

  #flush() {
    this.#env.clearTimeout(this.#timer);
    for (let next; this.#isOpen && (next = this.#queue.next) !== undefined;) {
      const wait = this.#limiter.tryTake(this.#env.now(), next.bytes);
      if (wait > 0) {
        this.#timer = this.#env.setTimeout(() => this.#flush(), wait);
        return;
      }
      this.#queue.shift();
      this.#write(next.text);
    }
  }
}

/**
 * Signals belong to negotiations that start again, and `meta` is reconciled.
 *
 * @param {SentMessage} message
 */
const isRenewed = ({ type }) => type === 'signal' || type === 'update';
