// The wait to be let in, before the call.

/**
 * Calls `show(state)` when the room's wait begins, goes on or has lost its connection (`waiting`, `connecting`), until `signal`
 * is aborted. A page that is reloaded meanwhile knows it by `takeReloadedWait`.
 */
export function followWait(room, show, signal) {
  let waits = false;
  room.on('statechange', ({ detail: { state } }) => {
    waits ||= state === 'waiting';
    if (waits && (state === 'waiting' || state === 'connecting')) show(state);
  }, { signal });
  // Not before: a tab that is duplicated must not ask as well.
  addEventListener('pagehide', () => {
    if (waits) store((storage) => storage.setItem(KEY, location.pathname));
  }, { signal });
  addEventListener('pageshow', takeReloadedWait, { signal });
}

/** Whether the page waited here when it was reloaded; true once. */
export function takeReloadedWait() {
  const path = store((storage) => {
    const stored = storage.getItem(KEY);
    storage.removeItem(KEY);
    return stored;
  });
  return path === location.pathname && performance.getEntriesByType('navigation')[0]?.type === 'reload';
}

function store(step) {
  try {
    return step(sessionStorage);
  } catch {
    // Blocked storage: the person has to click once more.
    return null;
  }
}

const KEY = 'meet.waiting';
