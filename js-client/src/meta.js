// The `meta` of this page: the desired value, and the value on the server.

import { toJson } from './protocol.js';

/**
 * A snapshot of a value. `ref` is the number of the message that sends it; 0 if there is none.
 *
 * @typedef {{ ref: number, meta: unknown, text: string }} Snapshot
 */

/**
 * `join` sends the desired value, and each welcome reconciles the server's with it. An update takes effect locally at once, and
 * is reverted if the server rejects it.
 */
export class Meta {
  /** The server's value, as this page has sent it. @type {Snapshot} */
  #confirmed;
  /** The value that the others get: the application may replace what a page sends. @type {unknown} */
  #published;
  /** Updates that the server may still reject, oldest first. @type {Snapshot[]} */
  #updates = [];
  /** The values of each `join` since the last welcome. While the page waits in the lobby, the first one holds there. */
  #joined = /** @type {Set<Snapshot>} */ (new Set());

  /** @param {unknown} meta */
  constructor(meta) {
    this.#confirmed = { ref: 0, meta, text: '' };
    this.#published = meta;
  }

  get #desired() {
    return this.#updates.at(-1) ?? this.#confirmed;
  }

  /** The value that the others get, or will get. */
  get value() {
    return this.#updates.length === 0 ? this.#published : this.#desired.meta;
  }

  /**
   * Starts another session.
   *
   * @throws {import('./errors.js').MeetError} `not-json`
   */
  restart() {
    this.#confirmed = this.snapshot(this.#desired.meta);
    this.#published = this.#confirmed.meta;
    this.#updates = [];
    this.#joined.clear();
  }

  /** The value for a `join`. */
  join() {
    this.#joined.add(this.#desired);
    return this.#desired.meta;
  }

  /**
   * @param {unknown} meta
   * @returns {Snapshot}
   * @throws {import('./errors.js').MeetError} `not-json`
   */
  snapshot(meta) {
    const text = toJson(meta);
    return { ref: 0, meta: JSON.parse(text), text };
  }

  /**
   * @param {Snapshot} update
   * @param {(ref: number) => boolean} isOpen whether the server may still reject the update with this `ref`
   */
  add(update, isOpen) {
    for (let first = this.#updates[0]; first !== undefined && !isOpen(first.ref); first = this.#updates[0]) {
      this.#confirmed = first;
      this.#published = first.meta;
      this.#updates.shift();
    }
    this.#updates.push(update);
  }

  /**
   * Reconciles the server's value with the desired one. Returns an update that could not be sent, which is reverted.
   *
   * @param {import('./protocol.js').Welcome} welcome
   * @param {(update: Snapshot) => void} send may throw
   */
  reconcile({ resumed, self }, send) {
    const joined = [...this.#joined];
    this.#joined.clear();
    // The updates were handled, or will be retransmitted.
    if (resumed === 'full') return [];
    const desired = this.#desired;
    const isNew = resumed === 'no';
    const known = (isNew ? joined : [this.#confirmed, ...this.#updates]).reverse();
    const text = toJson(self.meta);
    // Any other value is the application's, which this page accepts.
    this.#confirmed = known.find((one) => one.text === text) ?? /** @type {Snapshot} */ (known.at(isNew ? 0 : -1));
    this.#published = self.meta;
    this.#updates = [];
    if (desired.text === this.#confirmed.text) return [];
    try {
      send(desired);
      this.#updates = [desired];
      return [];
    } catch (error) {
      const message = { type: /** @type {const} */ ('update'), meta: desired.meta };
      return [{ error: /** @type {import('./errors.js').MeetError} */ (error), message }];
    }
  }

  /**
   * The application has changed the server's value, and accepts no update any more.
   *
   * @param {unknown} meta
   */
  replace(meta) {
    this.#published = meta;
    this.#updates = [];
  }

  /**
   * The server has rejected an update for good.
   *
   * @param {number | undefined} ref
   */
  revert(ref) {
    this.#updates = this.#updates.filter((update) => update.ref !== ref);
  }

  /**
   * Whether a newer update was sent after this one, which must not be retransmitted then.
   *
   * @param {number | undefined} ref
   */
  isSuperseded(ref) {
    return this.#updates.slice(0, -1).some((update) => update.ref === ref);
  }
}
