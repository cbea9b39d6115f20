// What one session sends: in order, counted, and no faster than it may.

import { Ledger } from './ledger.js';
import { Pace } from './pace.js';

/** @typedef {import('./protocol.js').SentMessage} SentMessage */

export class Sender {
  #ledger = new Ledger();
  #pace;
  #env;
  #write;
  #isOpen = false;
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
   * @throws {import('./errors.js').MeetError} `queue-full`
   */
  send(message) {
    this.#ledger.add(message);
    this.#flush();
  }

  /**
   * There is a connection, and the server has handled the first `received` messages of the session.
   *
   * @param {number} received
   */
  resume(received) {
    this.#ledger.resend(received);
    this.#isOpen = true;
    this.#flush();
  }

  /** There is a connection, and counting starts anew. */
  restart() {
    // What was meant for one peer was part of a conversation that has to start anew, and `join` has told the meta.
    this.#ledger.restart(({ type }) => type !== 'signal' && type !== 'update');
    this.#isOpen = true;
    this.#flush();
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
