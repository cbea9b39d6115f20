// Makes `addEventListener(…, { signal })` reliable in Node (nodejs/node#63954).
//
// The listener that waits for the signal is held by one slot of its target, so that of several
// of them all but the last may be collected as garbage, and aborting does not remove what it should.
// Browsers have no such fault; a client that relies on signals would seem to leak listeners, and to
// hear events after its end, whenever garbage happens to be collected.

import { setMaxListeners } from 'node:events';

const { addEventListener } = EventTarget.prototype;

/**
 * @this {EventTarget}
 * @param {string} type
 * @param {EventListenerOrEventListenerObject | null} listener
 * @param {boolean | AddEventListenerOptions} [options]
 */
EventTarget.prototype.addEventListener = function addReliably(type, listener, options) {
  if (typeof options !== 'object' || !options?.signal) {
    addEventListener.call(this, type, listener, options);
    return;
  }
  const { signal, ...rest } = options;
  if (signal.aborted) return;
  addEventListener.call(this, type, listener, rest);
  addEventListener.call(signal, 'abort', () => this.removeEventListener(type, listener, rest), { once: true });
};

// Node warns of more than ten listeners at one target; a signal that ends a room has more.
setMaxListeners(0);
