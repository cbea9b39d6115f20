// What was sent and may have to be sent again, and what waits to be sent.

import { MeetError } from './errors.js';
import { measure, toJson, tooLarge } from './protocol.js';

/**
 * One message on its way. The number under which the server tells of an error is also the order.
 *
 * @typedef {{ ref: number, message: import('./protocol.js').SentMessage, text: string, bytes: number }} Entry
 */

/**
 * Counts as XMPP's stream management does: no frame carries a number, both ends count (`docs/protocol.md`, section 5).
 * Bounded: a page that goes on talking while there is no connection is told so.
 */
export class Ledger {
  /** Sent, and not known to be handled. @type {Entry[]} */
  #sent = [];
  /** Handled, as the last word of the server has it: errors about them may still be on their way. @type {Entry[]} */
  #handledLast = [];
  /** Not sent, in their order. @type {Entry[]} */
  #waiting = [];
  /** How many the server has handled. */
  #handled = 0;
  #size = 0;
  #lastRef = 0;

  /**
   * @param {import('./protocol.js').SentMessage} message
   * @param {number} frameBytes the longest frame that the server takes
   * @returns {number} the number of the message
   * @throws {MeetError} `not-json`, `too-large`, `queue-full`, and nothing was added
   */
  add(message, frameBytes) {
    const ref = this.#lastRef + 1;
    const text = write({ ...message, ref });
    const bytes = measure(text, frameBytes);
    if (this.#sent.length + this.#waiting.length >= MOST_FRAMES || this.#size + text.length > MOST_SIZE) {
      throw new MeetError('queue-full', 'too much waits for the connection', { retryable: true });
    }
    this.#lastRef = ref;
    this.#size += text.length;
    this.#waiting.push({ ref, message, text, bytes });
    return ref;
  }

  /**
   * Gives up what waits and is longer than the server takes.
   *
   * @param {number} frameBytes
   * @returns {{ message: import('./protocol.js').SentMessage, error: MeetError }[]}
   */
  prune(frameBytes) {
    const given = this.#waiting.filter(({ bytes }) => bytes > frameBytes);
    this.#keep(({ bytes }) => bytes <= frameBytes);
    return given.map(({ message, bytes }) => ({ message, error: tooLarge(bytes, frameBytes) }));
  }

  /** The next text to send, which counts as sent. */
  next() {
    const entry = this.#waiting.shift();
    if (entry === undefined) return null;
    this.#sent.push(entry);
    return entry.text;
  }

  /** The length of that text in UTF-8; 0 where there is none. */
  get nextBytes() {
    return this.#waiting[0]?.bytes ?? 0;
  }

  get isEmpty() {
    return this.#waiting.length === 0;
  }

  /**
   * The server has handled the first `received` messages of the session.
   *
   * @param {number} received
   */
  acknowledge(received) {
    const news = Math.min(received - this.#handled, this.#sent.length);
    if (news <= 0) return;
    this.#handledLast = this.#sent.splice(0, news);
    for (const entry of this.#handledLast) this.#size -= entry.text.length;
    this.#handled = received;
  }

  /**
   * The session goes on with nothing lost: what the server has not handled is sent again, before anything newer.
   *
   * @param {number} received
   */
  resend(received) {
    this.acknowledge(received);
    this.#waiting.unshift(...this.#sent.splice(0));
  }

  /**
   * Counting starts anew. What was sent is given up, since it may have been handled; of what was never sent, that which
   * `keeps` accepts goes on waiting.
   *
   * @param {(message: import('./protocol.js').SentMessage) => boolean} keeps
   */
  restart(keeps) {
    this.#handled = 0;
    this.#handledLast = [];
    this.#sent = [];
    this.#keep(({ message }) => keeps(message));
  }

  /**
   * The message behind an error, if it is still kept.
   *
   * @param {number | undefined} ref
   */
  find(ref) {
    return this.#find(ref)?.message ?? null;
  }

  /**
   * Sends a message once more that the server has counted but not processed. False where it is no longer kept.
   *
   * @param {number | undefined} ref
   */
  repeat(ref) {
    const entry = this.#find(ref);
    if (entry === undefined) return false;
    // Several in a row come back one after the other, and keep their order.
    const at = this.#waiting.findIndex((waiting) => waiting.ref > entry.ref);
    this.#waiting.splice(at < 0 ? this.#waiting.length : at, 0, entry);
    this.#size += entry.text.length;
    return true;
  }

  /**
   * Of what was never sent.
   *
   * @param {(entry: Entry) => boolean} keeps
   */
  #keep(keeps) {
    this.#waiting = this.#waiting.filter(keeps);
    this.#size = [...this.#sent, ...this.#waiting].reduce((size, { text }) => size + text.length, 0);
  }

  /** @param {number | undefined} ref */
  #find(ref) {
    return [...this.#handledLast, ...this.#sent].find((entry) => entry.ref === ref);
  }
}

/**
 * A message as a frame. What is left out (a `reason`, say) is not written; a value that is `undefined` is `null`.
 *
 * @param {Record<string, unknown>} message
 */
function write(message) {
  const fields = Object.entries(message).filter(([name, value]) => value !== undefined || VALUES.has(name));
  return `{${fields.map(([name, value]) => `${toJson(name)}:${toJson(value)}`).join()}}`;
}

const VALUES = new Set(['data', 'meta']);

/** Four times what the server lets a client send before it acknowledges. */
const MOST_FRAMES = 1024;

/**
 * In UTF-16 code units. In a room of 16 a page may have an offer for each other one at once, and answers to theirs:
 * where all publish five pictures more at once, Chromium's offers are 50,000 each and its answers 27,000.
 */
const MOST_SIZE = 2 * 1024 * 1024;
