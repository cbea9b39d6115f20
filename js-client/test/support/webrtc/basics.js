// What all the fakes are made of: events, errors, promises.

import '../abort-fix.js';

import { getEventListeners } from 'node:events';

/**
 * An `EventTarget` with `on…` attributes (any property of that name) that knows how many listeners
 * it has.
 */
export class FakeEventTarget extends EventTarget {
  /** @type {Set<string>} */
  #types = new Set();

  /**
   * @override
   * @param {string} type
   * @param {any} listener
   * @param {boolean | AddEventListenerOptions} [options]
   */
  addEventListener(type, listener, options) {
    this.#types.add(type);
    super.addEventListener(type, listener, options);
  }

  /**
   * @override
   * @param {Event} event
   */
  dispatchEvent(event) {
    const name = `on${event.type}`;
    const self = /** @type {Record<string, any>} */ (/** @type {unknown} */ (this));
    if (typeof self[name] === 'function') {
      // Read again when its turn comes: a listener before it may have replaced it.
      super.addEventListener(event.type, () => self[name]?.call(this, event), { once: true });
    }
    return super.dispatchEvent(event);
  }

  /** How many listeners are attached, `on…` attributes among them. */
  get listenerCount() {
    let count = 0;
    for (const type of this.#types) count += getEventListeners(this, type).length;
    for (const [name, value] of Object.entries(this)) {
      if (name.startsWith('on') && typeof value === 'function') count++;
    }
    return count;
  }
}

/**
 * An event with these properties.
 *
 * @param {string} type
 * @param {Record<string, unknown>} [properties]
 */
export function makeEvent(type, properties = {}) {
  return Object.assign(new Event(type), properties);
}

/**
 * A promise and what settles it.
 *
 * @template T
 * @returns {{ promise: Promise<T>, resolve: (value: T) => void, reject: (reason: unknown) => void }}
 */
export function deferred() {
  /** @type {(value: T) => void} */
  let resolve = () => {};
  /** @type {(reason: unknown) => void} */
  let reject = () => {};
  /** @type {Promise<T>} */
  const promise = new Promise((fulfil, refuse) => {
    resolve = fulfil;
    reject = refuse;
  });
  return { promise, resolve, reject };
}

/**
 * A `DOMException`, as the specification names it.
 *
 * @param {'InvalidStateError' | 'InvalidAccessError' | 'InvalidModificationError' | 'OperationError'
 *   | 'SyntaxError'} name
 * @param {string} message
 */
export function exception(name, message) {
  return new DOMException(message, name);
}
