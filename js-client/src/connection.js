// One WebSocket, from the attempt to open it to its end.

import { Emitter } from './emitter.js';
import { MeetError, closeError } from './errors.js';
import { Liveness } from './liveness.js';
import { LEAVE, SUBPROTOCOL, parseFrame } from './protocol.js';

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
  #liveness;

  /** What is said before this end closes. @type {string | null} */
  lastWords = null;

  /**
   * @param {string} url
   * @param {import('./environment.js').Environment} env
   * @param {number} openMs how long opening and each first answer may take
   * @throws {unknown} what the browser throws where this page may not connect there
   */
  constructor(url, env, openMs) {
    super();
    this.#env = env;
    this.#socket = new env.WebSocket(url, SUBPROTOCOL);
    this.#liveness = new Liveness(env, openMs, {
      ask: () => this.send('{"type":"probe"}'),
      lost: () => {
        this.close();
        this.emit('end', { error: new MeetError('timeout', 'the server does not answer', { retryable: true }), comeBack: true });
      },
    });
    const { signal } = this.#scope;
    this.#socket.addEventListener('open', () => {
      this.#liveness.heard();
      this.emit('open', undefined);
    }, { signal });
    this.#socket.addEventListener('message', ({ data }) => this.#received(data), { signal });
    this.#socket.addEventListener('close', ({ code, reason }) => {
      this.#release();
      const error = closeError(code, reason);
      this.emit('end', { error, comeBack: error.retryable });
    }, { signal });
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
   * @param {boolean} answers whether it answers `probe`
   */
  expectHeartbeat(heartbeatMs, answers) {
    this.#liveness.expect(SILENT_HEARTBEATS * heartbeatMs, answers);
  }

  /** Something may have happened to the connection: asks the server, or looks whether it has been silent for too long. */
  check() {
    if (!this.#scope.signal.aborted) this.#liveness.look(true);
  }

  /**
   * Gives the socket up, without an event. An attempt to open is aborted.
   *
   * @param {number} [code]
   */
  close(code) {
    if (this.lastWords !== null) this.send(this.lastWords);
    this.#release();
    this.#socket.close(code);
  }

  /**
   * Says that the page leaves. What still comes is ignored.
   *
   * @returns {Promise<boolean>} whether the server has closed for that; it is not waited for long
   */
  async leave() {
    this.lastWords = LEAVE;
    if (!this.isOpen) return this.close(), false;
    this.send(LEAVE);
    this.#release();
    const told = await new Promise((resolve) => {
      const timer = this.#env.setTimeout(() => resolve(false), CLOSE_MS);
      this.#socket.addEventListener('close', ({ code }) => {
        this.#env.clearTimeout(timer);
        resolve(code === 1000);
      }, { once: true });
    });
    this.#socket.close();
    return told;
  }

  /** @param {unknown} data */
  #received(data) {
    this.#liveness.heard();
    const frame = parseFrame(data);
    if (frame !== null) this.emit('frame', { frame, size: String(data).length });
  }

  #release() {
    this.#scope.abort();
    this.#liveness.stop();
  }
}

/**
 * The URL of a WebSocket; `http:` and relative ones are made `ws:` ones.
 *
 * @param {string | URL} url
 * @param {string | undefined} base
 * @throws {MeetError} `url`
 */
export function socketUrl(url, base) {
  let cause;
  try {
    const resolved = new URL(url, base);
    resolved.protocol = resolved.protocol.replace(/^http/, 'ws');
    resolved.hash = '';
    if (/^wss?:$/.test(resolved.protocol)) return resolved.href;
  } catch (error) {
    cause = error;
  }
  throw new MeetError('url', `no WebSocket can be opened to ${url}`, { cause });
}

/**
 * Two and a half of the server's pings are missing. Not three, which is what it counts itself: by then the session of a
 * server that has lost this end at once may be at the end of its grace period, and coming back early costs nothing.
 */
const SILENT_HEARTBEATS = 2.5;

/** How long a server may take to answer a goodbye. */
const CLOSE_MS = 2000;
