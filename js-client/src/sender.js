// What one session sends: in order, counted, and no faster than it may.

import { Ledger } from './ledger.js';
import { Pace } from './pace.js';
import { DEFAULT_LIMITS } from './protocol.js';

/** @typedef {import('./protocol.js').SentMessage} SentMessage */

export class Sender {
  #ledger = new Ledger();
  #pace;
  #env;
  #write;
  #isOpen = false;
  #frameBytes = DEFAULT_LIMITS.frameBytes;
  /** @type {any} */
  #timer = null;

  /**
   * @param {(text: string) => void} write
   * @param {import('./pace.js').Rate | undefined} pace
   * @param {import('./environment.js').Environment} env
   */
  constructor(write, pace, env) {
    this.#write = write;
    this.#pace = new Pace(pace);
    this.#env = env;
  }

  /**
   * @param {SentMessage} message
   * @returns {number} the number of the message
   * @throws {import('./errors.js').MeetError} `not-json`, `too-large`, `queue-full`
   */
  send(message) {
    const ref = this.#ledger.add(message, this.#frameBytes);
    this.#flush();
    return ref;
  }

  /**
   * There is a connection. Returns what is over the limits that come with it, and is given up.
   *
   * @param {number | null} received how many messages of the session the server has handled; `null` where counting starts
   *   anew
   * @param {import('./protocol.js').Limits} limits
   */
  open(received, limits) {
    // What was meant for one peer was part of a conversation that has to start anew, and the meta is compared.
    if (received === null) this.#ledger.restart(({ type }) => type !== 'signal' && type !== 'update');
    else this.#ledger.resend(received);
    this.#frameBytes = limits.frameBytes;
    this.#pace.follow(limits);
    const given = this.#ledger.prune(limits.frameBytes);
    this.#isOpen = true;
    this.#flush();
    return given;
  }

  /** There is no connection. What is sent now waits. */
  hold() {
    this.#isOpen = false;
    this.#env.clearTimeout(this.#timer);
  }

  /** @param {number} received */
  acknowledge(received) {
    this.#ledger.acknowledge(received);
  }

  /**
   * The server has not processed the message of this number, since they came too fast. False where it is not known.
   *
   * @param {number | undefined} ref
   * @param {number} retryAfterMs
   */
  repeat(ref, retryAfterMs) {
    if (!this.#ledger.repeat(ref)) return false;
    this.#pace.pause(this.#env.now() + retryAfterMs);
    this.#flush();
    return true;
  }

  /**
   * The message of this number, if it is still known.
   *
   * @param {number | undefined} ref
   */
  find(ref) {
    return this.#ledger.find(ref);
  }

  #flush() {
    this.#env.clearTimeout(this.#timer);
    while (this.#isOpen && !this.#ledger.isEmpty) {
      const wait = this.#pace.take(this.#env.now(), this.#ledger.nextBytes);
      if (wait > 0) {
        this.#timer = this.#env.setTimeout(() => this.#flush(), wait);
        return;
      }
      this.#write(this.#ledger.next() ?? '');
    }
  }
}
