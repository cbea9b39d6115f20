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

  /**
   * @param {<Type extends keyof Events & string>(type: Type, detail: Events[Type]) => void} fire called when an event's
   *   turn comes; a handler of an earlier one may have changed everything by then
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
    // The first one of them. More that are added while they are fired come after them.
    if (this.#waiting.push(() => this.#fire(type, detail)) === 1) queueMicrotask(() => this.#drain());
  }

  #drain() {
    for (const fire of this.#waiting) fire();
    this.#waiting = [];
  }
}
