// What a page's life tells about its connections.

/**
 * @typedef {object} PageHandlers
 * @property {(certain: boolean) => void} wake the page can be used again. `certain`: what was connected before is dead
 * @property {(forGood: boolean) => void} hide the page goes away; not for good if the browser may bring it back as it was
 */

/**
 * Listens until `signal` is aborted.
 *
 * @param {import('./environment.js').Environment} env
 * @param {PageHandlers} handlers
 * @param {AbortSignal} signal
 */
export function followPage({ window, document }, { wake, hide }, signal) {
  let wasOffline = false;
  window?.addEventListener('offline', () => { wasOffline = true; }, { signal });
  window?.addEventListener('online', () => {
    // Another network has another address: whatever TCP still believes, no answer comes back to the old one.
    wake(wasOffline);
    wasOffline = false;
  }, { signal });
  window?.addEventListener('pageshow', (event) => {
    // Back from the back/forward cache, where sockets do not survive.
    if (/** @type {PageTransitionEvent} */ (event).persisted) wake(true);
  }, { signal });
  window?.addEventListener('pagehide', (event) => {
    hide(!(/** @type {PageTransitionEvent} */ (event).persisted));
  }, { signal });
  document?.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') wake(false);
  }, { signal });
}
