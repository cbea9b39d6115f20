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
  #isDraining = false;

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
    this.#waiting.push(() => this.#fire(type, detail));
    queueMicrotask(() => this.drain());
  }

  /** Fires what waits, and what is added meanwhile. Called in a handler, it leaves that to the one who fires already. */
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
