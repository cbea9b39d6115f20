// The promise of `join`.

import { MeetError } from './errors.js';

export class Joining {
  #isPending = true;
  /** @type {(error?: unknown) => void} */
  #settle = () => {};
  /** @type {Promise<void>} */
  promise;

  /**
   * @param {AbortSignal | undefined} signal of the application: leaves when it is aborted. One of `AbortSignal.timeout` only
   *   limits joining
   * @param {AbortSignal} scope aborted when the session is over
   * @param {() => void} leave
   */
  constructor(signal, scope, leave) {
    signal?.addEventListener('abort', () => {
      if (this.#isPending || signal.reason?.name !== 'TimeoutError') leave();
    }, { signal: scope });
    this.promise = new Promise((resolve, reject) => {
      this.#settle = (error) => {
        this.#isPending = false;
        if (error === undefined) resolve();
        else reject(signal?.aborted ? signal.reason : error);
      };
    });
  }

  done() {
    this.#settle();
  }

  /** @param {MeetError | null} reason `null` after leaving */
  failed(reason) {
    this.#settle(reason ?? new MeetError('closed', 'left before joining'));
  }
}
