// A session in a room, over as many connections as it takes.

import { Connection, socketUrl } from './connection.js';
import { Emitter } from './emitter.js';
import { environment } from './environment.js';
import { MeetError, serverError } from './errors.js';
import { farewell } from './farewell.js';
import { tooLarge } from './ledger.js';
import { Meta } from './meta.js';
import { followPage } from './page-events.js';
import { DEFAULT_LIMITS, GOING_AWAY, LEAVE, bytesOf, isSequenced } from './protocol.js';
import { Receipts } from './receipts.js';
import { delayBy, fullJitter } from './retry.js';
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
 *   asked at each connection. Where it throws, rejects, gives no string or takes too long, the try has failed
 *   (`unauthorized`), and `retry` is asked
 * @property {number} [tokenMs] how long that function may take; 30,000 by default
 * @property {import('./retry.js').RetryPolicy} [retry] when to try again; {@link fullJitter} by default
 * @property {number} [openMs] how long a connection may take to open, and the server may then be silent before
 *   it answers; 10,000 by default
 * @property {import('./pace.js').Rate} [pace] how fast to send; somewhat below the server's limits by default
 * @property {(welcome: import('./protocol.js').Welcome) => void} [check] looks at the first welcome, before anybody hears of
 *   it; what it throws is what `join` rejects with
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
  /** The same, resolved. */
  #href = '';
  #env;
  #options;
  #retry;
  /** @type {TabTicket | null} */
  #tabTicket = null;
  /** @type {State} */
  #state = 'idle';
  #meta;
  /** @type {Connection | null} */
  #connection = null;
  /** Aborted when the session is over. */
  #scope = new AbortController();
  /** @type {(error?: unknown) => void} */
  #settleJoin = () => {};
  #sender;
  /** @type {any} */
  #retryTimer = null;
  /** @type {any} */
  #tokenTimer = null;
  /** The server asked for no try before this time. */
  #notBefore = 0;
  #failures = 0;
  /** Of the session that this is; `null` outside of the room. @type {string | null} */
  #ticket = null;
  /** Of an earlier session, which may be in the room yet, and is not to be seen beside this one. @type {string | null} */
  #former = null;
  /** Those of the server that this session is with; `null` before the first welcome. @type {import('./protocol.js').Limits | null} */
  #limits = null;
  #graceMs = GRACE_MS;
  /** Aborted when nothing is to be said about an earlier session any more. */
  #farewell = new AbortController();
  /** @type {Promise<void>} */
  #left = Promise.resolve();
  /** How many attempts were given up whose `join` may still arrive, and take the session from a newer connection. */
  #strays = 0;
  #receipts = new Receipts();

  /**
   * @param {string | URL} url of the room; `http:` and relative ones are made `ws:` ones of the page's host, when it joins
   * @param {SocketOptions} [options]
   */
  constructor(url, options = {}) {
    super();
    this.#url = url;
    this.#env = environment(options.environment);
    this.#options = options;
    this.#retry = options.retry ?? fullJitter({ random: this.#env.random });
    this.#sender = this.#newSender();
    this.#meta = new Meta(options.meta);
  }

  get state() {
    return this.#state;
  }

  /** What the others are told about this peer. An update is seen here at once; one that the server refuses is undone. */
  get meta() {
    return this.#meta.value;
  }

  /**
   * Joins, and stays until `leave` or until the server ends it. Connections that are lost in between are replaced.
   *
   * @param {{ signal?: AbortSignal }} [options] aborting gives up joining, or leaves. A signal of `AbortSignal.timeout`
   *   limits joining alone
   * @returns {Promise<void>} resolves with the first welcome; rejects with a {@link MeetError}, or with the signal's reason
   */
  async join({ signal } = {}) {
    if (this.#state !== 'idle' && this.#state !== 'closed') {
      throw new MeetError('state', `joining while ${this.#state}`);
    }
    signal?.throwIfAborted();
    if (this.#env.WebSocket === undefined) throw new MeetError('unsupported', 'this browser has no WebSocket');
    this.#href = socketUrl(this.#url, this.#env.base);
    this.#meta.restart();
    // The `join` says it now.
    this.#farewell.abort();
    this.#tabTicket = new TabTicket(this.#env, this.#href);
    this.#former = this.#tabTicket.take() ?? this.#former;
    this.#scope = new AbortController();
    const scope = this.#scope.signal;
    this.#sender = this.#newSender();
    this.#limits = null;
    this.#failures = 0;
    this.#notBefore = 0;
    this.#strays = 0;
    followPage(this.#env, {
      wake: (certain) => this.#wake(certain),
      hide: (forGood) => this.#hide(forGood),
      restore: () => this.#restore(),
    }, scope);
    signal?.addEventListener('abort', () => {
      if (this.#ticket === null || signal.reason?.name !== 'TimeoutError') void this.leave();
    }, { signal: scope });

    const joined = new Promise((resolve, reject) => {
      this.#settleJoin = (error) => {
        if (error === undefined) resolve(undefined);
        else reject(signal?.aborted ? signal.reason : error);
      };
    });
    this.#setState('connecting');
    void this.#connect(scope);
    await joined;
  }

  /**
   * Leaves at once; the others are told, also where there is no connection or no answer yet. Idempotent.
   *
   * @returns {Promise<void>} resolves when the server has heard it, or when it has not for as long as it keeps a session
   *   without a connection
   */
  leave() {
    return this.#leave(null);
  }

  /**
   * Sends to one peer or to all, in order. Without a connection it is kept and sent later.
   *
   * @param {import('./protocol.js').SentMessage} message
   * @throws {MeetError} `state` where not joined, `not-json`, `too-large` where the frame is over the server's limit (64 KiB
   *   by default), `queue-full` where too much is kept. Nothing was sent then
   */
  send(message) {
    if (this.#ticket === null) throw new MeetError('state', `sending while ${this.#state}`);
    this.#sender.send(message);
  }

  /**
   * Tells the others something new about this peer. In any state: what is wanted last is what the server is told. Where it
   * refuses, `meta` is again what it has, and `rejected` tells.
   *
   * @param {unknown} meta
   * @throws {MeetError} `not-json`, `too-large` (4 KiB of JSON by default), `queue-full`. Nothing has changed then
   */
  update(meta) {
    const wish = this.#meta.wish(meta);
    if (this.#ticket !== null) this.#tell(wish);
    this.#meta.want(wish, (ref) => this.#sender.find(ref) !== null);
  }

  /** @param {import('./meta.js').Wish} wish */
  #tell(wish) {
    const [bytes, most] = [bytesOf(wish.text), this.#limits?.metaBytes ?? Infinity];
    if (bytes > most) throw tooLarge(bytes, most);
    wish.ref = this.#sender.send({ type: 'update', meta: wish.meta });
  }

  /** @param {AbortSignal} scope */
  async #connect(scope) {
    if (scope.aborted) return;
    /** @type {string | undefined} */
    let token;
    try {
      token = await this.#token();
    } catch (cause) {
      const error = new MeetError('unauthorized', 'there is no token', { retryable: true, cause });
      if (!scope.aborted) this.#failed(error, true);
      return;
    }
    if (scope.aborted || this.#connection !== null) return;
    /** @type {Connection} */
    let connection;
    try {
      connection = new Connection(this.#href, this.#env, this.#options.openMs ?? OPEN_MS);
    } catch (cause) {
      void this.#leave(new MeetError('blocked', 'this page may not open a WebSocket there', { cause }));
      return;
    }
    this.#connection = connection;
    /** @type {MeetError | null} */
    let refusal = null;
    let welcomed = false;
    let opened = false;
    connection.on('open', () => {
      opened = true;
      this.#strays += 1;
      // Without a ticket there is no other way to end a session whose welcome was not read.
      if (this.#ticket === null) connection.lastWords = LEAVE;
      connection.send(JSON.stringify(this.#joinMessage(token)));
    });
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
          connection.lastWords = null;
          welcomed = frame.type === 'welcome';
          refusal = frame.type === 'error' ? serverError(frame) : null;
          if (frame.type === 'welcome') this.#welcomed(connection, frame);
          break;
        // A sign of life while the application decides, or in the lobby. Nothing is counted yet.
        case 'ping': return connection.send('{"type":"pong","received":0}');
        case 'waiting': return this.#setState('waiting');
        default: // A newer server says more than this client knows.
      }
    });
    connection.on('end', ({ detail: { error, comeBack } }) => {
      this.#connection = null;
      const unreachable = () => new MeetError('unreachable', 'no connection', { retryable: true, cause: error });
      this.#failed(refusal ?? (opened ? error : unreachable()), comeBack || this.#takenByStray(error));
    });
  }

  /** @returns {Promise<string | undefined>} */
  async #token() {
    const { token, tokenMs = TOKEN_MS } = this.#options;
    if (token === undefined) return undefined;
    try {
      const given = typeof token !== 'function' ? token : await new Promise((resolve, reject) => {
        this.#tokenTimer = this.#env.setTimeout(() => reject(new Error('it took too long')), tokenMs);
        Promise.resolve(token()).then(resolve, reject);
      });
      if (typeof given !== 'string') throw new TypeError('a token is a string');
      return given;
    } finally {
      this.#env.clearTimeout(this.#tokenTimer);
    }
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
      meta: this.#meta.say(),
      token,
      resume: this.#ticket === null ? undefined : { ticket: this.#ticket, received: this.#receipts.received },
      replaces: this.#former ?? undefined,
    };
  }

  /**
   * @param {Connection} connection
   * @param {import('./protocol.js').Welcome} welcome
   */
  #welcomed(connection, welcome) {
    const isFirst = this.#ticket === null;
    this.#failures = 0;
    this.#ticket = welcome.ticket;
    this.#former = null;
    this.#graceMs = welcome.graceMs;
    const limits = this.#limits = welcome.limits ?? DEFAULT_LIMITS;
    if (isFirst) {
      try {
        this.#options.check?.(welcome);
      } catch (error) {
        void this.#leave(/** @type {MeetError} */ (error));
        return;
      }
      this.#settleJoin();
    }
    connection.expectHeartbeat(welcome.heartbeatMs, welcome.limits !== undefined);
    const full = welcome.resumed === 'full';
    if (full) this.#receipts.acknowledged();
    else this.#receipts.restart();
    // Before anybody hears of the welcome, and sends because of it.
    const refused = this.#sender.open(full ? welcome.received : null, limits);
    // Until the server has heard something after a fresh welcome, the session has a shorter grace; after a `partial`, it
    // cannot know that this end counts anew.
    if (!full) this.#acknowledge(connection, 'ack');
    const wish = this.#meta.compare(welcome);
    try {
      if (wish !== null) this.#tell(wish);
    } catch (error) {
      const { ref, meta } = /** @type {import('./meta.js').Wish} */ (wish);
      this.#meta.undo(ref);
      refused.push({ error: /** @type {MeetError} */ (error), message: { type: 'update', meta } });
    }
    const scope = this.#scope.signal;
    this.#setState('joined');
    if (this.#connection === connection) this.emit('welcome', { welcome });
    for (const each of refused) if (!scope.aborted) this.emit('rejected', each);
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
    if (this.#connection === connection && this.#receipts.isDue) this.#acknowledge(connection, 'ack');
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
    const { code, ref, retryAfterMs = 0 } = frame;
    const replaced = this.#meta.isReplaced(ref);
    if (code === 'rate-limited' && !replaced && this.#sender.repeat(ref, retryAfterMs)) return;
    const message = this.#sender.find(ref);
    this.#meta.undo(ref);
    if (code !== 'rate-limited' || !replaced) this.emit('rejected', { error: serverError(frame), message });
  }

  /**
   * A try has failed, or the connection is lost.
   *
   * @param {MeetError} error
   * @param {boolean} comeBack
   */
  #failed(error, comeBack) {
    if (!comeBack) {
      this.#over(error);
      return;
    }
    this.#failures += 1;
    const scope = this.#scope.signal;
    const joined = this.#ticket !== null;
    /** @type {number | null} */
    let delay = null;
    try {
      delay = delayBy(this.#retry, { attempt: this.#failures, joined, error });
    } catch (broken) {
      error = /** @type {MeetError} */ (broken);
    }
    // The policy is the application's, and may have left.
    if (scope.aborted) return;
    if (delay === null) {
      void this.#leave(error);
      return;
    }
    this.#notBefore = this.#env.now() + error.retryAfterMs;
    this.#tryLater(delay);
    this.#setState(joined ? 'away' : 'connecting', error);
  }

  /** @param {number} ms */
  #tryLater(ms) {
    this.#env.clearTimeout(this.#retryTimer);
    this.#retryTimer = this.#env.setTimeout(() => this.#tryAgain(), ms);
  }

  #tryAgain() {
    this.#env.clearTimeout(this.#retryTimer);
    this.#retryTimer = null;
    const scope = this.#scope.signal;
    this.#setState(this.#ticket === null ? 'connecting' : 'resuming');
    void this.#connect(scope);
  }

  /** @param {boolean} certain */
  #wake(certain) {
    // Not before the time that the server asked for, whatever the page does.
    const early = this.#notBefore - this.#env.now();
    if (this.#retryTimer !== null && early > 0) this.#tryLater(early);
    else if (this.#retryTimer !== null) this.#tryAgain();
    else if (certain && this.#connection !== null) {
      this.#drop();
      this.#tryAgain();
    } else this.#connection?.check();
  }

  /** @param {boolean} forGood */
  #hide(forGood) {
    const ticket = this.#ticket ?? this.#former;
    if (ticket !== null) this.#tabTicket?.leave(ticket);
    if (forGood) void this.leave();
    // An open socket keeps a page out of the back/forward cache.
    else if (this.#connection !== null) {
      this.#drop(GOING_AWAY);
      this.#tryLater(PAUSE_MS);
      this.#setState(this.#ticket === null ? 'connecting' : 'away');
    }
  }

  #restore() {
    const left = this.#tabTicket?.take() ?? null;
    // That of another page in this tab, which was there in the meantime.
    if (left !== null && left !== this.#ticket) this.#former = left;
    this.#wake(true);
  }

  /** @param {number} [code] */
  #drop(code) {
    this.#connection?.close(code);
    this.#connection = null;
  }

  /**
   * @param {MeetError | null} reason
   * @returns {Promise<void>}
   */
  #leave(reason) {
    if (this.#state === 'idle' || this.#state === 'closed') return this.#left;
    this.#left = this.#sayGoodbye(this.#connection, this.#ticket !== null);
    this.#over(reason);
    return this.#left;
  }

  /**
   * @param {Connection | null} connection
   * @param {boolean} isOwn whether that is the connection of the session that is to leave, not of one that would replace it
   */
  async #sayGoodbye(connection, isOwn) {
    const ticket = this.#former = this.#ticket ?? this.#former;
    const { signal } = this.#farewell = new AbortController();
    const withinMs = this.#graceMs;
    const url = this.#href;
    let told = (await connection?.leave()) === true && isOwn;
    if (!told && ticket !== null) told = await farewell(this.#env, { url, ticket, withinMs, signal });
    if (told && this.#former === ticket) this.#former = null;
  }

  /** @param {MeetError | null} reason */
  #over(reason) {
    this.#scope.abort();
    this.#env.clearTimeout(this.#retryTimer);
    this.#env.clearTimeout(this.#tokenTimer);
    this.#retryTimer = null;
    this.#connection = null;
    this.#ticket = null;
    this.#settleJoin(reason ?? new MeetError('closed', 'left before joining'));
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
const TOKEN_MS = 30_000;

/** The default of the protocol, until a server has told its own. */
const GRACE_MS = 30_000;

/** A page may be brought back without an event in a browser that has no back/forward cache after all. */
const PAUSE_MS = 5000;
