// A session in a room, over as many connections as it takes.

import { Connection, socketUrl } from './connection.js';
import { Emitter } from './emitter.js';
import { environment } from './environment.js';
import { MeetError, serverError } from './errors.js';
import { followPage } from './page-events.js';
import { isSequenced } from './protocol.js';
import { Receipts } from './receipts.js';
import { fullJitter } from './retry.js';
import { Sender } from './sender.js';
import { TabTicket } from './tab-ticket.js';

/**
 * - `idle`: not joined yet
 * - `connecting`: the first connection is under way
 * - `waiting`: in the room's lobby
 * - `joined`: in the room
 * - `away`: the connection is lost, and the next try is waited for; the others see this peer as away
 * - `resuming`: the next try is under way
 * - `closed`: over, until `join` is called again
 *
 * @typedef {'idle' | 'connecting' | 'waiting' | 'joined' | 'away' | 'resuming' | 'closed'} State
 */

/**
 * @typedef {object} SocketOptions
 * @property {unknown} [meta] what the others are told about this peer
 * @property {string | (() => string | Promise<string>)} [token] for the application's authorisation; a function is
 *   asked at each connection
 * @property {import('./retry.js').RetryPolicy} [retry] when to try again; {@link fullJitter} by default
 * @property {number} [openMs] how long a connection may take to open, and the server may then be silent before
 *   it answers; 10,000 by default
 * @property {import('./pace.js').Rate} [pace] how fast to send; somewhat below the server's default limits
 * @property {Partial<import('./environment.js').Environment>} [environment] for tests
 */

/**
 * Joins, counts, resumes. It knows nothing of WebRTC.
 *
 * - `statechange`: `reason` says why, where it is `away` or `closed`; `null` after leaving
 * - `welcome`: in the room, for the first time or again; see `resumed` in the protocol
 * - `message`: what happens in the room, in order, nothing twice
 * - `rejected`: the server did not do what a message asked for. `message` is `null` where it is no longer known
 *
 * @extends {Emitter<{
 *   statechange: { state: State, reason: MeetError | null },
 *   welcome: { welcome: import('./protocol.js').Welcome },
 *   message: { message: import('./protocol.js').RoomMessage },
 *   rejected: { error: MeetError, message: import('./protocol.js').SentMessage | null },
 * }>}
 */
export class SignalingSocket extends Emitter {
  #url;
  #env;
  #options;
  #retry;
  #tabTicket;
  /** @type {State} */
  #state = 'idle';
  #meta;
  /** @type {Connection | null} */
  #connection = null;
  /** Aborted when the session is over. */
  #scope = new AbortController();
  #sender;
  /** @type {any} */
  #retryTimer = null;
  /** The server asked for no try before this time. */
  #notBefore = 0;
  #failures = 0;
  /** @type {string | null} */
  #ticket = null;
  /** How many attempts were given up whose `join` may still arrive, and take the session from a newer connection. */
  #strays = 0;
  #receipts = new Receipts();

  /**
   * @param {string | URL} url of the room; `http:` and relative ones are made `ws:` ones of the page's host
   * @param {SocketOptions} [options]
   */
  constructor(url, options = {}) {
    super();
    this.#env = environment(options.environment);
    this.#options = options;
    this.#url = socketUrl(url, this.#env.base);
    this.#retry = options.retry ?? fullJitter({ random: this.#env.random });
    this.#tabTicket = new TabTicket(this.#env, this.#url);
    this.#sender = this.#newSender();
    this.#meta = options.meta;
  }

  get state() {
    return this.#state;
  }

  /** What the others are told about this peer. */
  get meta() {
    return this.#meta;
  }

  /**
   * Joins, and stays until `leave` or until the server ends it. Connections that are lost in between are replaced.
   *
   * @param {{ signal?: AbortSignal }} [options] aborting gives up joining, or leaves
   * @returns {Promise<void>} resolves with the first welcome; rejects with a {@link MeetError}, or with the signal's reason
   */
  async join({ signal } = {}) {
    if (this.#state !== 'idle' && this.#state !== 'closed') {
      throw new MeetError('state', `joining while ${this.#state}`);
    }
    signal?.throwIfAborted();
    this.#scope = new AbortController();
    const scope = this.#scope.signal;
    // A ticket that is still known is of a session that was left a moment ago, and may not be gone yet.
    this.#replaces = this.#ticket ?? this.#tabTicket.take();
    this.#ticket = null;
    this.#sender = this.#newSender();
    this.#failures = 0;
    this.#notBefore = 0;
    this.#strays = 0;
    followPage(this.#env, { wake: (certain) => this.#wake(certain), hide: (forGood) => this.#hide(forGood) }, scope);
    signal?.addEventListener('abort', () => void this.leave(), { signal: scope });

    const joined = new Promise((resolve, reject) => {
      const over = new AbortController();
      this.on('welcome', () => { over.abort(); resolve(undefined); }, { signal: over.signal });
      this.on('statechange', ({ detail }) => {
        if (detail.state !== 'closed') return;
        over.abort();
        reject(signal?.aborted ? signal.reason : detail.reason ?? new MeetError('closed', 'left before joining'));
      }, { signal: over.signal });
    });
    this.#setState('connecting');
    void this.#connect();
    await joined;
  }

  /**
   * Leaves at once; the others are told. Idempotent.
   *
   * @returns {Promise<void>} resolves when the server has closed, or has not for too long
   */
  async leave() {
    const connection = this.#connection;
    if (this.#state === 'idle' || this.#state === 'closed') return;
    const joined = this.#state === 'joined';
    // Before the welcome it withdraws the `join`, which is sent as soon as the connection is open.
    connection?.send('{"type":"leave"}');
    this.#connection = null;
    const closing = joined ? connection?.closing() : connection?.close();
    this.#over(null);
    await closing;
  }

  /**
   * Sends to one peer or to all, in order. Without a connection it is kept and sent later.
   *
   * @param {import('./protocol.js').SentMessage} message
   * @throws {MeetError} `state` where not joined, `queue-full` where too much is kept
   */
  send(message) {
    if (this.#ticket === null || this.#scope.signal.aborted) {
      throw new MeetError('state', `sending while ${this.#state}`);
    }
    this.#sender.send(message);
  }

  /**
   * Tells the others something new about this peer.
   *
   * @param {unknown} meta
   * @throws {MeetError} `queue-full`
   */
  update(meta) {
    this.#meta = meta;
    if (this.#ticket !== null && !this.#scope.signal.aborted) this.send({ type: 'update', meta });
  }

  /** @type {string | null} */
  #replaces = null;

  async #connect() {
    const scope = this.#scope.signal;
    /** @type {string | undefined} */
    let token;
    try {
      token = typeof this.#options.token === 'function' ? await this.#options.token() : this.#options.token;
    } catch (cause) {
      const error = new MeetError('unauthorized', 'there is no token', { retryable: true, cause });
      if (!scope.aborted) this.#failed(error, true);
      return;
    }
    if (scope.aborted || this.#connection !== null) return;
    const connection = new Connection(this.#url, this.#env, this.#options.openMs ?? OPEN_MS);
    this.#connection = connection;
    /** @type {MeetError | null} */
    let refusal = null;
    let welcomed = false;
    let opened = false;
    const signal = scope;
    connection.on('open', () => {
      opened = true;
      this.#strays += 1;
      connection.send(JSON.stringify(this.#joinMessage(token)));
    }, { signal });
    connection.on('frame', ({ detail: { frame, size } }) => {
      if (welcomed) {
        this.#handle(connection, frame, size);
        return;
      }
      switch (frame.type) {
        case 'welcome':
        case 'error':
          // The join of this one was decided.
          if (refusal === null) this.#strays -= 1;
          welcomed = frame.type === 'welcome';
          refusal = frame.type === 'error' ? serverError(frame) : null;
          if (frame.type === 'welcome') this.#welcomed(connection, frame);
          break;
        // A sign of life while the application decides, or in the lobby. Nothing is counted yet.
        case 'ping': return connection.send('{"type":"pong","received":0}');
        case 'waiting': return this.#setState('waiting');
        default: // A newer server says more than this client knows.
      }
    }, { signal });
    connection.on('end', ({ detail: { error, comeBack } }) => {
      this.#connection = null;
      const unreachable = () => new MeetError('unreachable', 'no connection', { retryable: true, cause: error });
      this.#failed(refusal ?? (opened ? error : unreachable()), comeBack || this.#takenByStray(error));
    }, { signal });
  }

  /**
   * Whether it was this page itself that took the session over: without an attempt that was given up, it was somebody
   * else who has the ticket.
   *
   * @param {MeetError} error
   */
  #takenByStray(error) {
    if (error.code !== 'replaced' || this.#strays === 0) return false;
    this.#strays -= 1;
    return true;
  }

  #newSender() {
    return new Sender((text) => this.#connection?.send(text), this.#options.pace, this.#env);
  }

  /** @param {string | undefined} token */
  #joinMessage(token) {
    return {
      type: 'join',
      meta: this.#meta,
      token,
      resume: this.#ticket === null ? undefined : { ticket: this.#ticket, received: this.#receipts.received },
      replaces: this.#ticket === null ? this.#replaces ?? undefined : undefined,
    };
  }

  /**
   * @param {Connection} connection
   * @param {import('./protocol.js').Welcome} welcome
   */
  #welcomed(connection, welcome) {
    connection.expectHeartbeat(welcome.heartbeatMs);
    this.#failures = 0;
    this.#ticket = welcome.ticket;
    this.#replaces = null;
    if (welcome.resumed === 'full') this.#receipts.acknowledged();
    else this.#receipts.restart();
    // Before anybody hears of the welcome, and sends because of it.
    if (welcome.resumed === 'full') this.#sender.resume(welcome.received);
    else this.#sender.restart();
    // Until the server has heard something after a fresh welcome, the session has a shorter grace; after a `partial`, it
    // cannot know that this end counts anew.
    if (welcome.resumed !== 'full') this.#acknowledge(connection, 'ack');
    this.#setState('joined');
    this.emit('welcome', { welcome });
  }

  /**
   * @param {Connection} connection
   * @param {import('./protocol.js').ServerMessage} frame
   * @param {number} size
   */
  #handle(connection, frame, size) {
    if (frame.type === 'ping') {
      this.#sender.acknowledge(frame.received);
      this.#acknowledge(connection, 'pong');
      return;
    }
    if (frame.type === 'welcome' || frame.type === 'waiting') return;
    if (isSequenced(frame)) this.#receipts.count(size);
    if (frame.type === 'error') this.#rejected(frame);
    else this.emit('message', { message: frame });
    if (this.#receipts.isDue) this.#acknowledge(connection, 'ack');
  }

  /**
   * @param {Connection} connection
   * @param {'ack' | 'pong'} type
   */
  #acknowledge(connection, type) {
    this.#receipts.acknowledged();
    connection.send(JSON.stringify({ type, received: this.#receipts.received }));
  }

  /** @param {import('./protocol.js').ErrorMessage} frame */
  #rejected(frame) {
    if (frame.code === 'rate-limited' && this.#sender.repeat(frame.ref, frame.retryAfterMs ?? 0)) return;
    this.emit('rejected', { error: serverError(frame), message: this.#sender.find(frame.ref) });
  }

  /**
   * A try has failed, or the connection is lost.
   *
   * @param {MeetError} error
   * @param {boolean} comeBack
   */
  #failed(error, comeBack) {
    this.#failures += 1;
    const joined = this.#ticket !== null;
    const delay = comeBack ? this.#retry({ attempt: this.#failures, joined, error }) : null;
    if (delay === null) {
      this.#over(error);
      return;
    }
    this.#setState(joined ? 'away' : 'connecting', error);
    this.#notBefore = this.#env.now() + error.retryAfterMs;
    this.#tryLater(Math.max(delay, error.retryAfterMs));
  }

  /** @param {number} ms */
  #tryLater(ms) {
    this.#env.clearTimeout(this.#retryTimer);
    this.#retryTimer = this.#env.setTimeout(() => this.#tryAgain(), ms);
  }

  #tryAgain() {
    this.#env.clearTimeout(this.#retryTimer);
    this.#retryTimer = null;
    this.#setState(this.#ticket === null ? 'connecting' : 'resuming');
    void this.#connect();
  }

  /** @param {boolean} certain */
  #wake(certain) {
    // Not before the time that the server asked for, whatever the page does.
    const early = this.#notBefore - this.#env.now();
    if (this.#retryTimer !== null && early > 0) this.#tryLater(early);
    else if (this.#retryTimer !== null) this.#tryAgain();
    else if (certain && this.#state === 'joined') {
      this.#connection?.close();
      this.#connection = null;
      this.#tryAgain();
    } else this.#connection?.check();
  }

  /** @param {boolean} forGood */
  #hide(forGood) {
    if (this.#ticket !== null) this.#tabTicket.leave(this.#ticket);
    if (forGood) void this.leave();
    else this.#pause();
  }

  /** An open socket keeps a page out of the back/forward cache. `wake` resumes. */
  #pause() {
    if (this.#connection === null) return;
    this.#connection.close();
    this.#connection = null;
    this.#setState(this.#ticket === null ? 'connecting' : 'away');
    this.#tryLater(PAUSE_MS);
  }

  /** @param {MeetError | null} reason */
  #over(reason) {
    this.#scope.abort();
    this.#env.clearTimeout(this.#retryTimer);
    this.#retryTimer = null;
    this.#connection = null;
    this.#setState('closed', reason);
  }

  /**
   * @param {State} state
   * @param {MeetError | null} [reason]
   */
  #setState(state, reason = null) {
    if (state === this.#state) return;
    this.#state = state;
    if (state !== 'joined') this.#sender.hold();
    this.emit('statechange', { state, reason });
  }
}

const OPEN_MS = 10_000;

/** A page may be brought back without an event in a browser that has no back/forward cache after all. */
const PAUSE_MS = 5000;
