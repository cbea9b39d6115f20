// An EventTarget whose events have types.

import { bindMembers } from './bind-members.js';

/**
 * Fires `CustomEvent`s, whose `detail` says what happened. Its members work through a `Proxy`, and detached from it.
 *
 * @template {Record<string, object | undefined>} Events what the `detail` of each type of event is
 */
export class Emitter extends EventTarget {
  constructor() {
    super();
    bindMembers(this);
  }

  /**
   * Like `addEventListener`, with a `detail` that has a type. Returns what removes the listener again.
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
