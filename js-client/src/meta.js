// What this page tells the others about itself: what it wants, and what the server has.

import { toJson } from './protocol.js';

/**
 * One value, as it was when the page gave it. `ref` is the number of the update that tells it; 0 where there is none.
 *
 * @typedef {{ ref: number, meta: unknown, text: string }} Wish
 */

/**
 * The wanted `meta` is what `join` says, and what is compared with the server's at each welcome. An update is in force
 * here at once; one that the server refuses is undone.
 */
export class Meta {
  /** What the server has, as this page has put it. @type {Wish} */
  #held;
  /** What the others are told: the application may put something else in the place of what a page says. @type {unknown} */
  #told;
  /** Updates that may be refused yet, oldest first. @type {Wish[]} */
  #updates = [];
  /** What the last `join` said. */
  #said;

  /** @param {unknown} meta */
  constructor(meta) {
    this.#held = this.#said = { ref: 0, meta, text: '' };
    this.#told = meta;
  }

  get #wanted() {
    return this.#updates.at(-1) ?? this.#held;
  }

  /** What the others are told, or will be. */
  get value() {
    return this.#updates.length === 0 ? this.#told : this.#wanted.meta;
  }

  /**
   * Another stay in the room.
   *
   * @throws {import('./errors.js').MeetError} `not-json`
   */
  restart() {
    this.#held = this.wish(this.#wanted.meta);
    this.#told = this.#held.meta;
    this.#updates = [];
  }

  /** For a `join`. */
  say() {
    this.#said = this.#wanted;
    return this.#said.meta;
  }

  /**
   * @param {unknown} meta
   * @returns {Wish}
   * @throws {import('./errors.js').MeetError} `not-json`
   */
  wish(meta) {
    const text = toJson(meta);
    return { ref: 0, meta: JSON.parse(text), text };
  }

  /**
   * @param {Wish} wish
   * @param {(ref: number) => boolean} isOpen whether the server may still refuse the update of this number
   */
  want(wish, isOpen) {
    for (let first = this.#updates[0]; first !== undefined && !isOpen(first.ref); first = this.#updates[0]) {
      this.#held = first;
      this.#told = first.meta;
      this.#updates.shift();
    }
    this.#updates.push(wish);
  }

  /**
   * Compares what is wanted with what the server has, and tells it what differs. Returns what could not be told, which is
   * undone.
   *
   * @param {import('./protocol.js').Welcome} welcome
   * @param {(wish: Wish) => void} tell may throw
   */
  compare({ resumed, self }, tell) {
    // Updates are on their way then, or were handled.
    if (resumed === 'full') return [];
    const wanted = this.#wanted;
    const known = resumed === 'no' ? [this.#said] : [this.#held, ...this.#updates];
    const text = toJson(self.meta);
    // What is not among them was put in place by the application, which this page does not dispute.
    this.#held = known.reverse().find((wish) => wish.text === text) ?? /** @type {Wish} */ (known.at(-1));
    this.#told = self.meta;
    this.#updates = [];
    if (wanted.text === this.#held.text) return [];
    try {
      tell(wanted);
      this.#updates = [wanted];
      return [];
    } catch (error) {
      const message = { type: /** @type {const} */ ('update'), meta: wanted.meta };
      return [{ error: /** @type {import('./errors.js').MeetError} */ (error), message }];
    }
  }

  /**
   * The server has not done an update, and does not do it later either.
   *
   * @param {number | undefined} ref
   */
  undo(ref) {
    this.#updates = this.#updates.filter((wish) => wish.ref !== ref);
  }

  /**
   * Whether an update is not to be sent again since a newer one was sent after it, which it would undo.
   *
   * @param {number | undefined} ref
   */
  isReplaced(ref) {
    return this.#updates.slice(0, -1).some((wish) => wish.ref === ref);
  }
}
