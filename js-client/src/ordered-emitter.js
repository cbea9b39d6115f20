// Events in one order for all listeners.

import { Emitter } from './emitter.js';

/**
 * Fires one event at a time, so that each listener gets them in order, also if a handler causes another one.
 *
 * @template {Record<string, object | undefined>} Events
 * @extends {Emitter<Events>}
 */
export class OrderedEmitter extends Emitter {
  /** Being fired. @type {(() => void)[]} */
  #events = [];

  /**
   * @override
   * @protected
   * @type {Emitter<Events>['emit']}
   */
  emit(type, detail) {
    if (this.#events.push(() => super.emit(type, detail)) > 1) return;
    for (const fire of this.#events) fire();
    this.#events = [];
  }
}
