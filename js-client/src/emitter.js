// An EventTarget whose events have types.

import { bindMembers } from './bind-members.js';

/**
 * Fires `CustomEvent`s with a `detail`. Its members work through a `Proxy`, and detached from the object.
 *
 * @template {Record<string, object | undefined>} Events the `detail` of each event type
 */
export class Emitter extends EventTarget {
  constructor() {
    super();
    bindMembers(this);
  }

  /**
   * Like `addEventListener`, with a typed `detail`. Returns a function that removes the listener.
   *
   * @template {keyof Events & string} Type
   * @param {Type} type
   * @param {(event: CustomEvent<Events[Type]>) => void} listener
   * @param {{ signal?: AbortSignal, once?: boolean }} [options]
   * @returns {() => void}
   */
  on(type, listener, options) {
    const untyped = /** @type {EventListener} */ (/** @type {unknown} */ (listener));
    this.addEventListener(type, untyped, options);
    return () => this.removeEventListener(type, untyped);
  }

  /**
   * @protected
   * @template {keyof Events & string} Type
   * @param {Type} type
   * @param {Events[Type]} detail
   */
  emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
