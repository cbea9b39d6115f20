// A queue of events that fire in order, each after its cause is complete.

/**
 * No handler of the application runs during a change: events wait until the message or call that caused them is handled. So
 * the state is complete when the first of them fires, and a handler may call any method. The events of such a call fire
 * after those that wait already.
 *
 * @template {Record<string, object | undefined>} Events
 */
export class EventQueue {
  #fire;
  /** @type {(() => void)[]} */
  #waiting = [];
  #isDraining = false;

  /**
   * @param {<Type extends keyof Events & string>(type: Type, detail: Events[Type]) => void} fire called for each event in
   *   order; handlers of earlier events may have changed the state by then
   */
  constructor(fire) {
    this.#fire = fire;
  }

  /**
   * @template {keyof Events & string} Type
   * @param {Type} type
   * @param {Events[Type]} detail
   */
  add(type, detail) {
    this.#waiting.push(() => this.#fire(type, detail));
    queueMicrotask(() => this.drain());
  }

  /** Fires all events, and those added meanwhile. A nested call does nothing: the outer one goes on. */
  drain() {
    if (this.#isDraining) return;
    this.#isDraining = true;
    try {
      for (let fire; (fire = this.#waiting.shift()) !== undefined;) fire();
    } finally {
      this.#isDraining = false;
    }
  }
}
