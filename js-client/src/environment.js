// What the client takes from its surroundings. A test passes its own.

/**
 * @typedef {object} Environment
 * @property {typeof globalThis.RTCPeerConnection} RTCPeerConnection
 * @property {typeof globalThis.WebSocket} WebSocket
 * @property {typeof globalThis.MediaStream} MediaStream
 * @property {(step: () => void, ms: number) => any} setTimeout
 * @property {(timer: any) => void} clearTimeout
 * @property {() => number} now milliseconds that never go back; they may stand still while the machine sleeps
 * @property {() => number} wall milliseconds of the clock on the wall, which goes on then, and may be set
 * @property {() => number} random from 0 up to 1
 * @property {EventTarget | null} window where `online`, `pagehide` and `pageshow` fire
 * @property {(EventTarget & { visibilityState?: string }) | null} document where `visibilitychange` and `resume` fire
 * @property {Pick<Storage, 'getItem' | 'setItem' | 'removeItem'> | null} storage lives as long as the tab
 * @property {string | undefined} base what URLs are relative to
 */

/**
 * The page's, looked up when it is needed: importing the client touches nothing, so that a server may do it.
 *
 * @param {Partial<Environment>} [given]
 * @returns {Environment}
 */
export function environment(given = {}) {
  const page = typeof window === 'undefined' ? null : window;
  return {
    RTCPeerConnection: globalThis.RTCPeerConnection,
    WebSocket: globalThis.WebSocket,
    MediaStream: globalThis.MediaStream,
    setTimeout: (step, ms) => globalThis.setTimeout(step, ms),
    clearTimeout: (timer) => globalThis.clearTimeout(timer),
    now: () => performance.now(),
    wall: () => Date.now(),
    random: () => Math.random(),
    window: page,
    document: page?.document ?? null,
    storage: tabStorage(page),
    // Of a `srcdoc` or blank frame, that of the page around it. A page may change it (`<base>`) until it is needed.
    get base() { return page?.document.baseURI; },
    ...given,
  };
}

/** A page that may not store anything (a sandboxed frame, say) throws at the very look. */
function tabStorage(/** @type {Window | null} */ page) {
  try {
    return page?.sessionStorage ?? null;
  } catch {
    return null;
  }
}
