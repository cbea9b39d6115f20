// An EventTarget whose events have types.

/**
 * Fires `CustomEvent`s, whose `detail` says what happened.
 *
 * @template {Record<string, object | undefined>} Events what the `detail` of each type of event is
 */
export class Emitter extends EventTarget {
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
