// webrtc-pc, "Chain an asynchronous operation".

import { deferred, exception } from './basics.js';

/** Runs the asynchronous operations of one connection one after the other, in the order of the calls. */
export class OperationsChain {
  /** @type {(() => void)[]} the first one is running */
  #operations = [];
  #closed = false;
  #onEmpty;

  /** @param {() => void} onEmpty called when the last operation is done */
  constructor(onEmpty) {
    this.#onEmpty = onEmpty;
  }

  /** Operations that run or wait. */
  get length() {
    return this.#operations.length;
  }

  /**
   * @template T
   * @param {() => Promise<T>} operation
   * @returns {Promise<T>} never settles when the chain is closed first
   */
  enqueue(operation) {
    if (this.#closed) return Promise.reject(exception('InvalidStateError', 'The connection is closed'));
    const { promise, resolve, reject } = /** @type {ReturnType<typeof deferred<T>>} */ (deferred());
    /** @param {() => void} settle */
    const finish = (settle) => {
      if (this.#closed) return;
      // The next operation begins before the caller hears of this one. Not a reaction to the
      // promise: that would count as handling its rejection, and hide an unhandled one.
      queueMicrotask(() => this.#next());
      settle();
    };
    this.#operations.push(() => {
      operation().then((value) => finish(() => resolve(value)), (error) => finish(() => reject(error)));
    });
    if (this.#operations.length === 1) this.#operations[0]?.();
    return promise;
  }

  /** Nothing begins or settles from here on. */
  close() {
    this.#closed = true;
  }

  #next() {
    if (this.#closed) return;
    this.#operations.shift();
    const [next] = this.#operations;
    if (next) next();
    else this.#onEmpty();
  }
}
