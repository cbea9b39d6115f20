// What a page's life tells about its connections.

/**
 * @typedef {object} PageHandlers
 * @property {(certain: boolean) => void} wake the page can be used again. `certain`: what was connected before is dead
 * @property {(forGood: boolean) => void} hide the page goes away; not for good if the browser may bring it back as it was
 * @property {() => void} restore the browser has brought it back, from where sockets do not survive
 */

/**
 * Listens until `signal` is aborted.
 *
 * @param {import('./environment.js').Environment} env
 * @param {PageHandlers} handlers
 * @param {AbortSignal} signal
 */
export function followPage({ window, document }, { wake, hide, restore }, signal) {
  let wasOffline = false;
  window?.addEventListener('offline', () => { wasOffline = true; }, { signal });
  window?.addEventListener('online', () => {
    // Another network has another address: whatever TCP still believes, no answer comes back to the old one.
    wake(wasOffline);
    wasOffline = false;
  }, { signal });
  window?.addEventListener('pageshow', (event) => {
    if (/** @type {PageTransitionEvent} */ (event).persisted) restore();
  }, { signal });
  window?.addEventListener('pagehide', (event) => {
    hide(!(/** @type {PageTransitionEvent} */ (event).persisted));
  }, { signal });
  document?.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') wake(false);
  }, { signal });
  // Chromium freezes tabs that nobody looks at.
  document?.addEventListener('resume', () => wake(false), { signal });
}
