// The page lifecycle events that concern connections.

/**
 * @typedef {object} PageHandlers
 * @property {(isDead: boolean) => void} wake the page is usable again. `isDead`: its connections certainly are not
 * @property {(isFinal: boolean) => void} hide the page is being unloaded. Not `isFinal`: the browser may restore it from the
 *   back/forward cache
 * @property {() => void} restore the page was restored from the back/forward cache, which sockets do not survive
 */

/**
 * Listens until `signal` is aborted.
 *
 * @param {import('./environment.js').Environment} env
 * @param {PageHandlers} handlers
 * @param {AbortSignal} signal
 */
export function observePageLifecycle({ window, document }, { wake, hide, restore }, signal) {
  let wasOffline = false;
  window?.addEventListener('offline', () => { wasOffline = true; }, { signal });
  window?.addEventListener('online', () => {
    // Another network has another address: a TCP connection from the old one receives nothing, even if it seems open.
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
  // Chromium freezes background tabs.
  document?.addEventListener('resume', () => wake(false), { signal });
}
