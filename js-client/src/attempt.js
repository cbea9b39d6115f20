// One attempt to join: from opening a connection to the server's reply.

import { Connection } from './connection.js';
import { MeetError, serverError } from './errors.js';
import { HELLO_SUBPROTOCOL, LEAVE, SUBPROTOCOL } from './protocol.js';

/**
 * @typedef {object} Handlers
 * @property {() => { text: string, isFresh: boolean }} join returns the `join` when the connection is open. `isFresh`: only
 *   this connection can end a session whose welcome the page does not read
 * @property {(hello: import('./protocol.js').Hello) => void} hello before the `join`
 * @property {() => void} opened it could join now
 * @property {(frame: import('./protocol.js').Waiting) => void} waiting in the lobby
 * @property {(welcome: import('./protocol.js').Welcome) => void} welcome
 * @property {(frame: import('./protocol.js').ServerMessage, size: number) => void} frame after the welcome
 * @property {(error: MeetError, mayReconnect: boolean) => void} end of the attempt, or of its connection
 *
 * @typedef {object} Start
 * @property {boolean} isHeld whether the join waits for `start`
 * @property {boolean} wantsHello whether it waits for a `hello` of the server, if that sends one
 * @property {import('./socket-types.js').JoinOffers | null} offers which it waits for, for a short time
 */

export class Attempt extends Connection {
  #env;
  #handlers;
  #offers;
  #isHeld;
  #isOpened = false;
  #isJoining = false;
  #welcomed = false;
  /** Whether the server has replied to `join`. */
  #answered = false;
  /** @type {MeetError | null} */
  #refusal = null;
  #began;
  /** How long a round trip takes, as opening has shown. */
  #openMs = 0;
  /** Set while the join waits for a `hello`, or for offers. @type {any} */
  #timer = null;
  /** What it still waits for. @type {'hello' | 'offers' | null} */
  #awaited;

  /**
   * @param {string} url
   * @param {import('./environment.js').Environment} env
   * @param {number} timeoutMs for opening, and for each first reply
   * @param {Handlers} handlers
   * @param {Start} start
   * @throws {unknown} what the browser throws if the page may not connect there
   */
  constructor(url, env, timeoutMs, handlers, { isHeld, wantsHello, offers }) {
    super(url, env, timeoutMs, wantsHello ? [SUBPROTOCOL, HELLO_SUBPROTOCOL] : [SUBPROTOCOL]);
    this.#env = env;
    this.#handlers = handlers;
    this.#offers = offers;
    this.#isHeld = isHeld;
    this.#awaited = wantsHello ? 'hello' : 'offers';
    this.#began = env.now();
    this.on('open', () => this.#opened());
    this.on('frame', ({ detail: { frame, size } }) => this.#received(frame, size));
    this.on('end', ({ detail: { error, mayReconnect } }) => {
      env.clearTimeout(this.#timer);
      const unreachable = () => new MeetError('unreachable', 'no connection', { retryable: true, cause: error });
      handlers.end(this.#refusal ?? (this.#isOpened ? error : unreachable()), mayReconnect);
    });
  }

  get wasOpened() {
    return this.#isOpened;
  }

  /** Whether its `join` was sent without a reply. The server may receive it after that of a newer attempt. */
  get isUnanswered() {
    return this.#isJoining && !this.#answered;
  }

  /** Joins as soon as it is open. */
  start() {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    if (this.#isOpened) this.expectReply();
    this.#proceed();
  }

  /** @override @param {number} [code] */
  close(code) {
    this.#env.clearTimeout(this.#timer);
    super.close(code);
  }

  /** @override */
  async leave() {
    this.#env.clearTimeout(this.#timer);
    if (this.#isJoining) return super.leave();
    // There is nothing to leave yet.
    this.close();
    return false;
  }

  #opened() {
    this.#isOpened = true;
    this.#openMs = this.#env.now() - this.#began;
    if (this.#awaited === 'hello' && this.subprotocol === HELLO_SUBPROTOCOL) {
      this.#timer = this.#env.setTimeout(() => this.#greeted(), HELLO_MS);
    } else this.#greeted();
    // The server does not speak again before the join.
    if (this.#isHeld) this.expectNothing();
  }

  /** There is no need to wait for a `hello` any more. */
  #greeted() {
    this.#env.clearTimeout(this.#timer);
    this.#awaited = 'offers';
    this.#handlers.opened();
    this.#proceed();
  }

  #proceed() {
    // It may have been closed while the offers were made.
    if (this.#isHeld || this.#isJoining || !this.isOpen || this.#awaited === 'hello') return;
    if (this.#awaited === 'offers' && this.#offers?.isPending) {
      // They save a round trip, and so are worth a part of one.
      this.#env.clearTimeout(this.#timer);
      const join = () => { this.#awaited = null; this.#proceed(); };
      this.#timer = this.#env.setTimeout(join, Math.min(this.#openMs * OFFERS_SHARE, OFFERS_MS));
      this.#offers.whenMade(join);
      return;
    }
    this.#env.clearTimeout(this.#timer);
    this.#isJoining = true;
    const { text, isFresh } = this.#handlers.join();
    if (isFresh) this.closingFrame = LEAVE;
    this.send(text);
  }

  /**
   * @param {import('./protocol.js').ServerMessage} frame
   * @param {number} size
   */
  #received(frame, size) {
    const { welcome, waiting, hello, frame: handle } = this.#handlers;
    if (this.#welcomed) return handle(frame, size);
    switch (frame.type) {
      case 'hello':
        if (this.#isJoining) return;
        hello(frame);
        if (this.#awaited === 'hello') this.#greeted();
        return;
      case 'welcome':
        this.#replied();
        this.#welcomed = true;
        return welcome(frame);
      case 'error':
        this.#replied();
        this.#refusal = serverError(frame);
        return;
      // A keepalive while the application authorizes the join, or in the lobby. Frames are not counted yet.
      case 'ping': return this.send('{"type":"pong","received":0}');
      case 'waiting':
        // Without a ticket, only this connection can end the wait.
        if (frame.ticket) this.#replied();
        return waiting(frame);
      default: // A newer server may send unknown messages.
    }
  }

  #replied() {
    this.#answered = true;
    this.closingFrame = null;
  }
}

/** How long it waits for a `hello`, which the server sends at once, or as soon as it has ICE servers. */
const HELLO_MS = 1000;

/** How long it waits for offers: this share of a round trip, and this time at most. */
const OFFERS_SHARE = 0.1;
const OFFERS_MS = 100;
