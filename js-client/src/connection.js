// One WebSocket, from opening it to its end.

import { Emitter } from './emitter.js';
import { MeetError, closeError } from './errors.js';
import { Liveness } from './liveness.js';
import { LEAVE, SUBPROTOCOL, parseFrame } from './protocol.js';

/**
 * Fires `open`, then `frame` for each frame, then `end`: exactly once, and as the last event.
 *
 * @extends {Emitter<{
 *   open: undefined,
 *   frame: { frame: import('./protocol.js').ServerMessage, size: number },
 *   end: { error: MeetError, mayReconnect: boolean },
 * }>}
 */
export class Connection extends Emitter {
  /** @type {WebSocket} */
  #socket;
  #env;
  #scope = new AbortController();
  #timeoutMs;
  #liveness;

  /** The frame that is sent before this end closes. @type {string | null} */
  closingFrame = null;

  /**
   * @param {string} url
   * @param {import('./environment.js').Environment} env
   * @param {number} timeoutMs for opening, and for each first reply
   * @param {string[]} [subprotocols]
   * @throws {unknown} what the browser throws if the page may not connect there
   */
  constructor(url, env, timeoutMs, subprotocols = [SUBPROTOCOL]) {
    super();
    this.#env = env;
    this.#timeoutMs = timeoutMs;
    this.#socket = new env.WebSocket(url, subprotocols);
    this.#liveness = new Liveness(env, timeoutMs, {
      probe: () => this.send('{"type":"probe"}'),
      lost: () => {
        this.close();
        this.emit('end', { error: new MeetError('timeout', 'the server is silent', { retryable: true }), mayReconnect: true });
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
      this.emit('end', { error, mayReconnect: error.retryable });
    }, { signal });
  }

  /** The one that the server has selected, once it is open. */
  get subprotocol() {
    return this.#socket.protocol;
  }

  get isOpen() {
    return !this.#scope.signal.aborted && this.#socket.readyState === this.#env.WebSocket.OPEN;
  }

  /** @param {string} text */
  send(text) {
    if (this.isOpen) this.#socket.send(text);
  }

  /**
   * The server is lost if it is silent for longer than a few heartbeats.
   *
   * @param {number} heartbeatMs
   * @param {boolean} probes whether it answers `probe`
   */
  expectHeartbeat(heartbeatMs, probes) {
    this.#liveness.expect(SILENT_HEARTBEATS * heartbeatMs, probes);
  }

  /** The server need not send anything until `expectReply`. */
  expectNothing() {
    this.#liveness.stop();
  }

  /** The server has to reply in time. */
  expectReply() {
    this.#liveness.heard();
    this.#liveness.expect(this.#timeoutMs, false);
  }

  /** The connection may have died: probes the server, or checks whether it has been silent for too long. */
  check() {
    if (!this.#scope.signal.aborted) this.#liveness.check(true);
  }

  /**
   * Closes the socket without an event. Aborts opening it.
   *
   * @param {number} [code]
   */
  close(code) {
    if (this.closingFrame !== null) this.send(this.closingFrame);
    this.#release();
    this.#socket.close(code);
  }

  /**
   * Sends `leave`, and ignores all further frames.
   *
   * @returns {Promise<boolean>} whether the server has closed the connection for it in time
   */
  async leave() {
    this.closingFrame = LEAVE;
    if (!this.isOpen) return this.close(), false;
    this.send(LEAVE);
    this.#release();
    const handled = await new Promise((resolve) => {
      const timer = this.#env.setTimeout(() => resolve(false), CLOSE_MS);
      this.#socket.addEventListener('close', ({ code }) => {
        this.#env.clearTimeout(timer);
        resolve(code === 1000);
      }, { once: true });
    });
    this.#socket.close();
    return handled;
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
 * The URL of a WebSocket. `http:` and relative URLs become `ws:` ones.
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
  throw new MeetError('url', `no URL of a WebSocket: ${url}`, { cause });
}

/**
 * Two and a half heartbeats. The server itself counts three: if it has lost this end at once, the grace period of the session
 * may be over by then. An early reconnect costs nothing.
 */
const SILENT_HEARTBEATS = 2.5;

/** How long a server may take to handle a `leave`. */
const CLOSE_MS = 2000;
