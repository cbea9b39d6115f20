// A session in a room, over as many connections as it takes.

import { Attempt } from './attempt.js';
import { socketUrl } from './connection.js';
import { Emitter } from './emitter.js';
import { environment } from './environment.js';
import { MeetError, serverError } from './errors.js';
import { FormerSession } from './former-session.js';
import { Meta } from './meta.js';
import { followPage } from './page-events.js';
import { DEFAULT_LIMITS, GOING_AWAY, isSequenced, measure } from './protocol.js';
import { Receipts } from './receipts.js';
import { fullJitter } from './retry.js';
import { RetryTimer } from './retry-timer.js';
import { Sender } from './sender.js';
import { readToken } from './token.js';

/** @typedef {import('./socket-types.js').State} State */
/** @typedef {import('./socket-types.js').SocketOptions} SocketOptions */
/** @typedef {import('./socket-types.js').SocketEvents} SocketEvents */

/**
 * Joins, counts, resumes. It knows nothing of WebRTC.
 *
 * @extends {Emitter<SocketEvents>}
 */
export class SignalingSocket extends Emitter {
  #url;
  /** The same, resolved. */
  #href = '';
  #env;
  #options;
  #retry;
  /** @type {State} */
  #state = 'idle';
  #meta;
  /** @type {Attempt | null} */
  #connection = null;
  /** Aborted when the session is over. */
  #scope = new AbortController();
  /** @type {(error?: unknown) => void} */
  #settleJoin = () => {};
  #sender;
  /** Of the session that this is; `null` outside of the room. @type {string | null} */
  #ticket = null;
  #former;
  /** The longest `meta` that the server takes; not known before the first welcome. */
  #metaBytes = Infinity;
  #graceMs = GRACE_MS;
  /** @type {Promise<void>} */
  #left = Promise.resolve();
  /** How many attempts were given up whose `join` may still arrive, and take the session from a newer connection. */
  #strays = 0;
  #receipts = new Receipts();
  /** Being told. @type {(() => void)[]} */
  #events = [];

  /**
   * @param {string | URL} url of the room; `http:` and relative ones are made `ws:` ones of the page's host, when it joins
   * @param {SocketOptions} [options]
   */
  constructor(url, options = {}) {
    super();
    this.#url = url;
    this.#env = environment(options.environment);
    this.#options = options;
    const { retry = fullJitter({ random: this.#env.random }) } = options;
    this.#retry = new RetryTimer(this.#env, retry, () => this.#tryAgain());
    this.#sender = this.#newSender();
    this.#meta = new Meta(options.meta);
    this.#former = new FormerSession(this.#env);
  }

  get state() {
    return this.#state;
  }

  get #isOver() {
    return this.#state === 'idle' || this.#state === 'closed';
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
    if (!this.#isOver) throw new MeetError('state', `joining while ${this.#state}`);
    signal?.throwIfAborted();
    if (this.#env.WebSocket === undefined) throw new MeetError('unsupported', 'this browser has no WebSocket');
    this.#href = socketUrl(this.#url, this.#env.base);
    this.#meta.restart();
    this.#former.follow(this.#href);
    this.#scope = new AbortController();
    const scope = this.#scope.signal;
    this.#sender = this.#newSender();
    this.#metaBytes = Infinity;
    this.#retry.reset();
    this.#strays = 0;
    followPage(this.#env, {
      wake: (certain) => this.#wake(certain),
      hide: (forGood) => this.#hide(forGood),
      restore: () => { this.#former.restore(this.#ticket); this.#wake(true); },
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
   * @returns {Promise<void>} resolves when the server has heard it, or the session has ended by itself (`graceMs`)
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
    measure(wish.text, this.#metaBytes);
    wish.ref = this.#sender.send({ type: 'update', meta: wish.meta });
  }

  /** @param {AbortSignal} scope */
  async #connect(scope) {
    if (scope.aborted) return;
    /** @type {string | undefined} */
    let token;
    try {
      token = await readToken(this.#options, this.#env, scope);
    } catch (cause) {
      const error = new MeetError('unauthorized', 'there is no token', { retryable: true, cause });
      if (!scope.aborted) this.#failed(error, true);
      return;
    }
    if (scope.aborted || this.#connection !== null) return;
    try {
      const connection = this.#connection = new Attempt(this.#href, this.#env, this.#options.openMs ?? OPEN_MS, {
        join: () => ({ text: JSON.stringify(this.#joinMessage(token)), isFresh: this.#ticket === null }),
        waiting: () => this.#setState('waiting'),
        welcome: (welcome) => this.#welcomed(connection, welcome),
        frame: (frame, size) => this.#handle(connection, frame, size),
        end: (error, comeBack) => {
          this.#forget();
          this.#failed(error, comeBack || this.#takenByStray(error));
        },
      });
    } catch (cause) {
      void this.#leave(new MeetError('blocked', 'this page may not open a WebSocket there', { cause }));
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
      replaces: this.#former.ticket ?? undefined,
    };
  }

  /**
   * @param {Attempt} connection
   * @param {import('./protocol.js').Welcome} welcome
   */
  #welcomed(connection, welcome) {
    const isFirst = this.#ticket === null;
    this.#retry.reset();
    this.#ticket = welcome.ticket;
    this.#former.ticket = null;
    this.#graceMs = welcome.graceMs;
    const limits = { ...DEFAULT_LIMITS, ...welcome.limits };
    this.#metaBytes = limits.metaBytes;
    if (isFirst) {
      try {
        this.#options.check?.(welcome);
      } catch (error) {
        return void this.#leave(/** @type {MeetError} */ (error));
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
    refused.push(...this.#meta.compare(welcome, (wish) => this.#tell(wish)));
    const scope = this.#scope.signal;
    this.#setState('joined');
    if (this.#connection === connection) this.emit('welcome', { welcome });
    for (const each of refused) if (!scope.aborted) this.emit('rejected', each);
  }

  /**
   * @param {Attempt} connection
   * @param {import('./protocol.js').ServerMessage} frame
   * @param {number} size
   */
  #handle(connection, frame, size) {
    if (frame.type === 'ping') {
      this.#sender.acknowledge(frame.received);
      return this.#acknowledge(connection, 'pong');
    }
    if (frame.type === 'welcome' || frame.type === 'waiting') return;
    if (isSequenced(frame)) this.#receipts.count(size);
    if (frame.type === 'error') this.#rejected(frame);
    else this.emit('message', { message: frame });
    if (this.#connection === connection && this.#receipts.isDue) this.#acknowledge(connection, 'ack');
  }

  /**
   * @param {Attempt} connection
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
    if (!comeBack) return this.#over(error);
    const scope = this.#scope.signal;
    const joined = this.#ticket !== null;
    const { delay, reason } = this.#retry.failed(error, joined);
    // The policy is the application's, and may have left.
    if (scope.aborted) return;
    if (delay === null) return void this.#leave(reason);
    this.#retry.start(delay);
    this.#setState(joined ? 'away' : 'connecting', error);
  }

  #tryAgain() {
    const scope = this.#scope.signal;
    this.#setState(this.#ticket === null ? 'connecting' : 'resuming');
    void this.#connect(scope);
  }

  /** @param {boolean} certain */
  #wake(certain) {
    if (this.#retry.hurry()) return;
    if (certain && this.#connection !== null) {
      this.#connection.close();
      this.#forget();
      this.#tryAgain();
    } else this.#connection?.check();
  }

  /** @param {boolean} forGood */
  #hide(forGood) {
    this.#former.hide(this.#ticket);
    if (forGood) void this.leave();
    // An open socket keeps a page out of the back/forward cache.
    else if (this.#connection !== null) {
      this.#connection.close(GOING_AWAY);
      this.#forget();
      this.#retry.start(PAUSE_MS);
      this.#setState(this.#ticket === null ? 'connecting' : 'away');
    }
  }

  /** The connection is over for this end. */
  #forget() {
    if (this.#connection?.isOpenEnded) this.#strays += 1;
    this.#connection = null;
  }

  /**
   * @param {MeetError | null} reason
   * @returns {Promise<void>}
   */
  #leave(reason) {
    if (this.#isOver) return this.#left;
    this.#left = this.#former.leave(this.#connection, this.#ticket, this.#graceMs);
    this.#over(reason);
    return this.#left;
  }

  /** @param {MeetError | null} reason */
  #over(reason) {
    this.#scope.abort();
    this.#retry.stop();
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

  /**
   * One event at a time: each listener hears them in their order, whatever a handler of them causes.
   *
   * @override
   * @protected
   * @type {Emitter<SocketEvents>['emit']}
   */
  emit(type, detail) {
    if (this.#events.push(() => super.emit(type, detail)) > 1) return;
    for (const fire of this.#events) fire();
    this.#events = [];
  }
}

const OPEN_MS = 10_000;

/** The default of the protocol, until a server has told its own. */
const GRACE_MS = 30_000;

/** A page may be brought back without an event in a browser that has no back/forward cache after all. */
const PAUSE_MS = 5000;
