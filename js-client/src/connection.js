// One WebSocket, from the attempt to open it to its end.

import { Emitter } from './emitter.js';
import { MeetError, closeError } from './errors.js';
import { SUBPROTOCOL, parseFrame } from './protocol.js';

/**
 * Fires `open`, then `frame` for each one, then `end`: once, whatever the reason, and nothing after it.
 *
 * @extends {Emitter<{
 *   open: undefined,
 *   frame: { frame: import('./protocol.js').ServerMessage, size: number },
 *   end: { error: MeetError, comeBack: boolean },
 * }>}
 */
export class Connection extends Emitter {
  /** @type {WebSocket} */
  #socket;
  #env;
  #scope = new AbortController();
  /** @type {any} */
  #timer = null;
  /** After how much silence the server counts as lost. */
  #patienceMs;
  #heard;

  /**
   * @param {string} url
   * @param {import('./environment.js').Environment} env
   * @param {number} openMs how long opening and each first answer may take
   */
  constructor(url, env, openMs) {
    super();
    this.#env = env;
    this.#patienceMs = openMs;
    this.#heard = env.now();
    this.#socket = new env.WebSocket(url, SUBPROTOCOL);
    const { signal } = this.#scope;
    this.#socket.addEventListener('open', () => this.#opened(), { signal });
    this.#socket.addEventListener('message', ({ data }) => this.#received(data), { signal });
    this.#socket.addEventListener('close', ({ code, reason }) => this.#closed(code, reason), { signal });
    this.#watch();
  }

  get isOpen() {
    return !this.#scope.signal.aborted && this.#socket.readyState === this.#env.WebSocket.OPEN;
  }

  /** @param {string} text */
  send(text) {
    if (this.isOpen) this.#socket.send(text);
  }

  /**
   * From now on the server is heard at least this often, or counts as lost.
   *
   * @param {number} heartbeatMs
   */
  expectHeartbeat(heartbeatMs) {
    this.#patienceMs = SILENT_HEARTBEATS * heartbeatMs;
    this.#watch();
  }

  /** Looks at once whether the server has been silent for too long: timers of a page in the background come late. */
  check() {
    if (!this.#scope.signal.aborted) this.#watch();
  }

  /** Gives the socket up, without an event. An attempt to open is aborted. */
  close() {
    this.#release();
    this.#socket.close();
  }

  /**
   * Waits for the server to close, but not for long; what still comes is ignored.
   *
   * @returns {Promise<void>}
   */
  async closing() {
    if (!this.isOpen) return this.close();
    this.#release();
    await new Promise((resolve) => {
      const timer = this.#env.setTimeout(() => resolve(undefined), CLOSE_MS);
      this.#socket.addEventListener('close', () => {
        this.#env.clearTimeout(timer);
        resolve(undefined);
      }, { once: true });
    });
    this.#socket.close();
  }

  #opened() {
    this.#heard = this.#env.now();
    this.emit('open', undefined);
  }

  /** @param {unknown} data */
  #received(data) {
    this.#heard = this.#env.now();
    const frame = parseFrame(data);
    if (frame !== null) this.emit('frame', { frame, size: String(data).length });
  }

  /**
   * @param {number} code
   * @param {string} reason
   */
  #closed(code, reason) {
    const error = closeError(code, reason);
    this.#end(error, error.retryable);
  }

  /** One timer, set anew only when it fires: a frame costs no timer. */
  #watch() {
    this.#env.clearTimeout(this.#timer);
    const left = this.#heard + this.#patienceMs - this.#env.now();
    if (left > 0) {
      this.#timer = this.#env.setTimeout(() => this.#watch(), left);
      return;
    }
    this.#socket.close();
    this.#end(new MeetError('timeout', 'the server does not answer', { retryable: true }), true);
  }

  /**
   * @param {MeetError} error
   * @param {boolean} comeBack
   */
  #end(error, comeBack) {
    this.#release();
    this.emit('end', { error, comeBack });
  }

  #release() {
    this.#scope.abort();
    this.#env.clearTimeout(this.#timer);
  }
}

/**
 * The URL of a WebSocket; `http:` and relative ones are made `ws:` ones.
 *
 * @param {string | URL} url
 * @param {string | undefined} base
 */
export function socketUrl(url, base) {
  const resolved = new URL(url, base);
  resolved.protocol = resolved.protocol.replace(/^http/, 'ws');
  resolved.hash = '';
  return resolved.href;
}

/**
 * Two and a half of the server's pings are missing. Not three, which is what it counts itself: by then the session of a
 * server that has lost this end at once may be at the end of its grace period, and coming back early costs nothing.
 */
const SILENT_HEARTBEATS = 2.5;

/** How long a server may take to answer a goodbye. */
const CLOSE_MS = 2000;
