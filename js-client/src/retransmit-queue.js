// Messages that wait to be sent, and messages that may have to be sent again.

import { MeetError } from './errors.js';
import { measure, toJson, tooLarge } from './protocol.js';

/**
 * `ref` is the number that errors of the server refer to. It is also the order.
 *
 * @typedef {{ ref: number, message: import('./protocol.js').SentMessage, text: string, bytes: number }} Entry
 */

/**
 * Counts like XMPP's stream management: frames carry no sequence numbers, both ends count (`docs/protocol.md`, section 5).
 * It is bounded: `add` throws if too much waits for a connection.
 */
export class RetransmitQueue {
  /** Sent, and not acknowledged. @type {Entry[]} */
  #sent = [];
  /** The last acknowledged ones: errors about them may still arrive. @type {Entry[]} */
  #acknowledged = [];
  /** Not sent, in order. @type {Entry[]} */
  #waiting = [];
  /** How many the server has handled. */
  #handled = 0;
  #size = 0;
  #lastRef = 0;

  /**
   * @param {import('./protocol.js').SentMessage} message
   * @param {number} frameBytes the longest frame that the server accepts
   * @returns {number} the `ref` of the message
   * @throws {MeetError} `not-json`, `too-large`, `queue-full`. The queue is unchanged then
   */
  add(message, frameBytes) {
    const ref = this.#lastRef + 1;
    const text = serialize({ ...message, ref });
    const bytes = measure(text, frameBytes);
    if (this.#sent.length + this.#waiting.length >= MAX_FRAMES || this.#size + text.length > MAX_SIZE) {
      throw new MeetError('queue-full', 'too many messages wait', { retryable: true });
    }
    this.#lastRef = ref;
    this.#size += text.length;
    this.#waiting.push({ ref, message, text, bytes });
    return ref;
  }

  /**
   * Removes waiting messages that are longer than the server accepts.
   *
   * @param {number} frameBytes
   * @returns {{ message: import('./protocol.js').SentMessage, error: MeetError }[]}
   */
  removeOversized(frameBytes) {
    const removed = this.#retain(({ bytes }) => bytes <= frameBytes);
    return removed.map(({ message, bytes }) => ({ message, error: tooLarge(bytes, frameBytes) }));
  }

  /** The next message to send. @returns {Entry | undefined} */
  get next() {
    return this.#waiting[0];
  }

  /** The next message was sent. */
  shift() {
    this.#sent.push(...this.#waiting.splice(0, 1));
  }

  /**
   * The server has handled the first `received` messages of the session.
   *
   * @param {number} received
   */
  acknowledge(received) {
    const count = Math.min(received - this.#handled, this.#sent.length);
    if (count <= 0) return;
    this.#acknowledged = this.#sent.splice(0, count);
    for (const entry of this.#acknowledged) this.#size -= entry.text.length;
    this.#handled = received;
  }

  /**
   * The session resumes: queues all unacknowledged messages again, before newer ones.
   *
   * @param {number} received
   */
  resume(received) {
    this.acknowledge(received);
    this.#waiting.unshift(...this.#sent.splice(0));
  }

  /**
   * Counts from 0 again. Drops sent messages, since the server may have handled them, and waiting ones that `retains` does
   * not accept.
   *
   * @param {(message: import('./protocol.js').SentMessage) => boolean} retains
   * @returns {import('./protocol.js').SentMessage[]} the waiting ones that were dropped
   */
  restart(retains) {
    this.#handled = 0;
    this.#acknowledged = [];
    this.#sent = [];
    return this.#retain(({ message }) => retains(message)).map(({ message }) => message);
  }

  /**
   * The message that an error refers to, if it is still known.
   *
   * @param {number | undefined} ref
   */
  find(ref) {
    return [...this.#acknowledged, ...this.#sent].find((entry) => entry.ref === ref);
  }

  /**
   * Queues a message again that the server has counted but not processed. Returns false if it is not known any more.
   *
   * @param {number | undefined} ref
   */
  retransmit(ref) {
    const entry = this.find(ref);
    if (entry === undefined) return false;
    // The errors for several messages arrive one after the other. The messages keep their order.
    const at = this.#waiting.findIndex((waiting) => waiting.ref > entry.ref);
    this.#waiting.splice(at < 0 ? this.#waiting.length : at, 0, entry);
    this.#size += entry.text.length;
    return true;
  }

  /**
   * Of the waiting messages. Returns the others.
   *
   * @param {(entry: Entry) => boolean} retains
   */
  #retain(retains) {
    const removed = this.#waiting.filter((entry) => !retains(entry));
    this.#waiting = this.#waiting.filter(retains);
    this.#size = [...this.#sent, ...this.#waiting].reduce((size, { text }) => size + text.length, 0);
    return removed;
  }
}

/**
 * A message as a frame, without optional fields that are `undefined`. Values that are `undefined` become `null`.
 *
 * @param {Record<string, unknown>} message
 */
function serialize(message) {
  const fields = Object.entries(message).filter(([name, value]) => value !== undefined || VALUES.has(name));
  return `{${fields.map(([name, value]) => `${toJson(name)}:${toJson(value)}`).join()}}`;
}

const VALUES = new Set(['data', 'meta']);

/** Four times what the server lets a client send before it acknowledges. */
const MAX_FRAMES = 1024;

/**
 * In UTF-16 code units. In a room of 16 a page may have an offer for each other page at once, and answers to theirs: if all
 * publish five more video tracks at once, Chromium's offers have 50,000 each and its answers 27,000.
 */
const MAX_SIZE = 2 * 1024 * 1024;
