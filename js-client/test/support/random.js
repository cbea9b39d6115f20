// Reproducible randomness.

/** A small seeded generator (mulberry32): the same sequence on every machine, fast, not for secrets. */
export class Random {
  #state;

  /** @param {number} seed any integer; its low 32 bits count */
  constructor(seed) {
    this.#state = seed >>> 0;
  }

  /** A number in [0, 1), like `Math.random`. */
  next() {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /**
   * An integer in [0, bound).
   *
   * @param {number} bound
   */
  below(bound) {
    return Math.floor(this.next() * bound);
  }

  /**
   * True with this probability.
   *
   * @param {number} probability
   */
  chance(probability) {
    return this.next() < probability;
  }

  /**
   * @template T
   * @param {readonly T[]} list not empty
   * @returns {T}
   */
  pick(list) {
    return /** @type {T} */ (list[this.below(list.length)]);
  }

  /**
   * Random text of base64url characters.
   *
   * @param {number} length
   */
  token(length) {
    let text = '';
    while (text.length < length) text += BASE64URL[this.below(BASE64URL.length)];
    return text;
  }
}

const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
