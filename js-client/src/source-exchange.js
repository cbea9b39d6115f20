// The exchange of source descriptions with one other page.

import { TokenBucket } from './token-bucket.js';

/** @typedef {import('./transport-message.js').Sources} Sources */
/** @typedef {import('./connection-generation.js').ConnectionGeneration} ConnectionGeneration */

/**
 * @typedef {object} SourceExchangeOptions
 * @property {() => import('./transceiver-pool.js').SourceDescription[]} describe what this page publishes, as far as it
 *   is negotiated
 * @property {(step: (connection: ConnectionGeneration) => void) => void} withConnection calls `step` if there is a
 *   connection, and handles what it throws
 * @property {() => boolean} isConnected whether the control channel delivers now
 * @property {(sources: Sources) => void} signal sends by signaling
 * @property {import('./environment.js').Environment} env
 */

/**
 * Announces what this page publishes, and keeps what the other page announced last.
 *
 * The control channel carries announcements also while signaling is down, signaling carries them while that channel is
 * not open. Revisions order them.
 */
export class SourceExchange {
  #options;
  #env;
  #revision = 0;
  /** Limits control messages to fewer than the other page accepts. */
  #bucket = new TokenBucket(MESSAGES_PER_SECOND, MAX_BURST);
  /** Set while an announcement waits for tokens. @type {any} */
  #timer = null;
  #isScheduled = false;
  /** @type {Sources} */
  #remote = { revision: 0, list: [] };

  /**
   * @param {SourceExchangeOptions} options
   * @param {SourceExchange} [earlier] of an earlier transport, whose revisions go on
   */
  constructor(options, earlier) {
    this.#options = options;
    this.#env = options.env;
    if (earlier === undefined) return;
    this.#revision = earlier.#revision;
    this.#remote = { revision: earlier.#remote.revision, list: [] };
  }

  /** What the other page announced; `null` before its first announcement. */
  get remote() {
    return this.#remote.revision > 0 ? this.#remote.list : null;
  }

  /**
   * @param {Sources} sources
   * @returns {boolean} whether they are newer than the known ones
   */
  receive(sources) {
    if (sources.revision <= this.#remote.revision) return false;
    this.#remote = sources;
    return true;
  }

  /** The next revision of what this page publishes. */
  next() {
    this.#revision += 1;
    return { revision: this.#revision, list: this.#options.describe() };
  }

  /** Announces all changes of the current task at once. */
  schedule() {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.announce();
    });
  }

  announce() {
    this.#options.withConnection(({ control }) => {
      const sources = this.next();
      if (control.readyState === 'open') {
        const text = JSON.stringify({ sources });
        const wait = this.#bucket.tryTake(this.#env.now(), controlCost(text));
        if (wait > 0) {
          this.#timer ??= this.#env.setTimeout(() => { this.#timer = null; this.announce(); }, wait);
          return;
        }
        control.send(text);
      }
      // A broken connection delivers only once it is repaired.
      if (control.readyState !== 'open' || !this.#options.isConnected()) this.#options.signal(sources);
    });
  }

  /** Cancels the announcement that waits for tokens. */
  cancel() {
    this.#env.clearTimeout(this.#timer);
    this.#timer = null;
  }
}

/** The cost of one announcement, without its length. */
export const ANNOUNCEMENT_COST = 8;

/** @param {string} text of a control message */
export const controlCost = (text) => ANNOUNCEMENT_COST + text.length / CHARACTERS_PER_TOKEN;

const CHARACTERS_PER_TOKEN = 100;
const MESSAGES_PER_SECOND = 15;
const MAX_BURST = 1000;
