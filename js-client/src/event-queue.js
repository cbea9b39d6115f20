// Events that are fired after what they tell of, one after the other.

/**
 * Nothing of the application runs in the middle of a change: events wait until what caused them, a message or a call, is
 * done. So the state is complete when the first of them is fired, and a handler may call anything. What that causes is
 * told after the events that wait already.
 *
 * @template {Record<string, object | undefined>} Events
 */
export class EventQueue {
  #fire;
  /** @type {(() => void)[]} */
  #waiting = [];

  /** @param {<Type extends keyof Events & string>(type: Type, detail: Events[Type]) => void} fire */
  constructor(fire) {
    this.#fire = fire;
  }

  /**
   * @template {keyof Events & string} Type
   * @param {Type} type
   * @param {Events[Type]} detail
   * @param {() => boolean} [isDue] asked when its turn comes: a handler of an earlier event may have changed everything
   */
  add(type, detail, isDue = () => true) {
    this.#waiting.push(() => { if (isDue()) this.#fire(type, detail); });
    if (this.#waiting.length === 1) queueMicrotask(() => this.#drain());
  }

  #drain() {
    // Together with those that are added meanwhile. A handler that throws is reported by its EventTarget.
    for (const fire of this.#waiting) fire();
    this.#waiting = [];
  }
}
