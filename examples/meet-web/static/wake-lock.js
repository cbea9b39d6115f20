// Keeps the screen of a phone or laptop lit while a call is on.

/** Holds a wake lock until `signal` is aborted; browsers drop it whenever the page is hidden. */
export function stayAwake(signal) {
  if (navigator.wakeLock === undefined) return;
  let lock = null;

  async function acquire() {
    if (document.visibilityState !== 'visible') return;
    try {
      lock = await navigator.wakeLock.request('screen');
      if (signal.aborted) void lock.release();
    } catch {
      // Low battery, or not allowed: the screen may dim.
    }
  }

  document.addEventListener('visibilitychange', acquire, { signal });
  signal.addEventListener('abort', () => void lock?.release(), { once: true });
  void acquire();
}
