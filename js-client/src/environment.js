// The platform APIs that the client uses. Tests pass their own.

/**
 * @typedef {object} Environment
 * @property {typeof globalThis.RTCPeerConnection} RTCPeerConnection
 * @property {typeof globalThis.WebSocket} WebSocket
 * @property {typeof globalThis.MediaStream} MediaStream
 * @property {typeof globalThis.fetch} fetch
 * @property {(step: () => void, ms: number) => any} setTimeout
 * @property {(timer: any) => void} clearTimeout
 * @property {() => number} now a monotonic clock in milliseconds; it may stop while the machine sleeps
 * @property {() => number} wall the wall clock in milliseconds; it goes on during sleep, and may be set
 * @property {() => number} random from 0 up to 1
 * @property {EventTarget | null} window where `online`, `pagehide` and `pageshow` fire
 * @property {(EventTarget & { visibilityState?: string }) | null} document where `visibilitychange` and `resume` fire
 * @property {Pick<Storage, 'getItem' | 'setItem' | 'removeItem'> | null} storage `sessionStorage`
 * @property {string | undefined} base what URLs are relative to
 */

/**
 * The page's own APIs. Importing the client accesses none of them, so that it works on a server.
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
    fetch: (input, init) => globalThis.fetch(input, init),
    setTimeout: (step, ms) => globalThis.setTimeout(step, ms),
    clearTimeout: (timer) => globalThis.clearTimeout(timer),
    now: () => performance.now(),
    wall: () => Date.now(),
    random: () => Math.random(),
    window: page,
    document: page?.document ?? null,
    storage: tabStorage(page),
    // For a `srcdoc` or blank frame, that of its parent. Read late, since a page may change it (`<base>`).
    get base() { return page?.document.baseURI; },
    ...given,
  };
}

/** In a page without storage access (a sandboxed frame, for example) the getter throws. */
function tabStorage(/** @type {Window | null} */ page) {
  try {
    return page?.sessionStorage ?? null;
  } catch {
    return null;
  }
}
