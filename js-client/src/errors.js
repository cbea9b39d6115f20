// Errors and their codes.

/**
 * Errors of the server have the codes of the protocol (`room-full`, `no-such-peer`, …). These are the client's own:
 *
 * - `url`: the room's URL is invalid, or not one of a WebSocket
 * - `unsupported`: this browser has no `WebSocket` or no `RTCPeerConnection`
 * - `blocked`: the browser does not let this page open the WebSocket, for example an unencrypted one from an `https` page
 * - `rtc`: the browser refuses the ICE servers, or the options of `rtc`
 * - `unreachable`: the connection could not be opened
 * - `unauthorized`, `denied`, `not-found`, `bad-request`: it could not, and over HTTP the server answers 401, 403, 404, 400
 * - `websocket-blocked`: it could not, though HTTP gets through
 * - `timeout`: the server did not answer
 * - `lost`: the connection ended, and the retry policy gave up; or the session ended before a moderator's decision was sent
 * - `kicked`: a moderator or the application removed this page; the message is their reason, if they gave one
 * - `replaced`, `closed`: the server ended the session, see {@link closeError}
 * - `protocol`: the server and this client do not understand each other
 * - `retry`: the retry policy threw, or gave no time
 * - `not-json`: the data cannot be serialized as JSON
 * - `too-large`: the data exceeds a limit of the server (the server uses this code, too)
 * - `queue-full`: too many messages wait for a connection
 * - `state`: the call is invalid in this state
 * - `media`: the connection to a peer does not work (yet); the client retries
 * - `refused`: a peer has exceeded the limits for one peer, and its connection was closed
 */
export class MeetError extends Error {
  /** Stable, for programs. */
  code;
  /** Whether a later retry makes sense. */
  retryable;
  /** The minimal delay of a retry, in milliseconds: at most five minutes, 0 if none was given. */
  retryAfterMs;

  /**
   * @param {string} code
   * @param {string} message for people
   * @param {{ retryable?: boolean, retryAfterMs?: number, cause?: unknown }} [options]
   */
  constructor(code, message, { retryable = false, retryAfterMs = 0, cause } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'MeetError';
    this.code = code;
    this.retryable = retryable;
    this.retryAfterMs = Math.min(retryAfterMs, MAX_RETRY_AFTER_MS);
  }
}

/**
 * A copy of a browser's error without references: Chromium keeps a closed `RTCPeerConnection` alive as long as one of its
 * `DOMException`s, which the console may hold.
 *
 * @param {unknown} error
 * @returns {Error} with the same code, name and message
 */
export function plainError(error) {
  const { code, message, name } = /** @type {MeetError} */ (error);
  return Object.assign(new Error(message), { code, name });
}

/**
 * An `error` message of the server.
 *
 * @param {{ code: string, message?: string, retryAfterMs?: number }} frame
 */
export function serverError({ code, message, retryAfterMs = 0 }) {
  return new MeetError(code, message ?? code, { retryable: RETRYABLE.has(code), retryAfterMs });
}

/**
 * The error for a close frame. The range of its code decides about a retry (`docs/protocol.md`, section 6), also for unknown
 * codes. Below 4000 the codes are those of RFC 6455: a lost connection is retried, one with invalid frames is not.
 *
 * @param {number} code
 * @param {string} reason
 */
export function closeError(code, reason) {
  const [name, text] = CLOSE_CODES[code] ?? ['lost', `the connection was closed (${code})`];
  // The words of a moderator, or of a newer server.
  const message = reason !== '' && (code === KICKED || CLOSE_CODES[code] === undefined) ? reason : text;
  const retryAfterMs = Number(/^retry-after-ms=(\d{1,7})$/.exec(reason)?.[1] ?? 0);
  const retryable = code >= 4000 ? code < 4500 : !FINAL.has(code);
  return new MeetError(name, message, { retryable, retryAfterMs });
}

/** A server that is busy for longer is asked again meanwhile. One that errs, or a hostile one, stops no page for a day. */
const MAX_RETRY_AFTER_MS = 300_000;

const KICKED = 4500;

const RETRYABLE = new Set(['rate-limited', 'peer-unreachable', 'unavailable', 'room-full', 'room-locked']);

/** Left; protocol error; unacceptable data; not UTF-8; policy; too large (RFC 6455, section 7.4.1). */
const FINAL = new Set([1000, 1002, 1003, 1007, 1008, 1009]);

/** @type {[string, string]} */
const INVALID_FRAME = ['protocol', 'the server rejected a frame'];

/** @type {Record<number, [string, string]>} */
const CLOSE_CODES = {
  1000: ['closed', 'the session has ended'],
  1002: INVALID_FRAME,
  1003: INVALID_FRAME,
  1007: INVALID_FRAME,
  1008: INVALID_FRAME,
  1009: ['too-large', 'a message was too large'],
  4000: ['unavailable', 'the server is restarting'],
  4001: ['timeout', 'this page was silent for too long'],
  4002: ['lost', 'this page took too long to read'],
  4003: ['unavailable', 'the server is busy'],
  4004: ['rate-limited', 'too many messages'],
  4500: ['kicked', 'removed from the room'],
  4501: ['protocol', 'the server rejected a message'],
  4502: ['unauthorized', 'not authorized'],
  4503: ['room-full', 'the room is full or locked'],
  4504: ['denied', 'denied'],
  4505: ['banned', 'banned from this room'],
  4506: ['duplicate', 'already in this room'],
  4507: ['closed', 'the room was closed'],
  4508: ['replaced', 'resumed elsewhere'],
};
