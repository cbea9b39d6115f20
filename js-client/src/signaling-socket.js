// A session in a room, over one connection after the other.

import { Attempt } from './attempt.js';
import { socketUrl } from './connection.js';
import { environment } from './environment.js';
import { MeetError, serverError } from './errors.js';
import { Joining } from './joining.js';
import { OrderedEmitter } from './ordered-emitter.js';
import { Preparation } from './preparation.js';
import { PreviousSession } from './previous-session.js';
import { Meta } from './meta.js';
import { observePageLifecycle } from './page-lifecycle.js';
import { DEFAULT_LIMITS, GOING_AWAY, isSequenced, measure } from './protocol.js';
import { AckTracker } from './ack-tracker.js';
import { fullJitter } from './retry.js';
import { RetryTimer } from './retry-timer.js';
import { Sender } from './sender.js';
import { readToken } from './token.js';

/** @typedef {import('./socket-types.js').State} State */
/** @typedef {import('./socket-types.js').SocketOptions} SocketOptions */
/** @typedef {import('./socket-types.js').SocketEvents} SocketEvents */

/**
 * Joins, counts frames, and resumes. It is independent of WebRTC.
 *
 * @extends {OrderedEmitter<SocketEvents>}
 */
export class SignalingSocket extends OrderedEmitter {
  #url;
  /** The resolved URL. */
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
  /** @type {Joining | null} */
  #joining = null;
  #sender;
  /** The ticket of this session; `null` outside of the room. @type {string | null} */
  #ticket = null;
  /** The ticket of the place in the lobby; `null` outside of it. @type {string | null} */
  #place = null;
  #previous;
  /** The longest `meta` that the server accepts; not known before the first welcome. */
  #metaBytes = Infinity;
  #graceMs = GRACE_MS;
  /** @type {Promise<void>} */
  #left = Promise.resolve();
  /** How many abandoned attempts there are whose `join` may still arrive, and take the session from a newer connection. */
  #orphanedAttempts = 0;
  #acks = new AckTracker();
  /** @type {Preparation | null} */
  #preparation = null;

  /**
   * @param {string | URL} url of the room; `join` resolves it against the page, and turns `http:` into `ws:`
   * @param {SocketOptions} [options]
   */
  constructor(url, options = {}) {
    super();
    this.#url = url;
    this.#env = environment(options.environment);
    this.#options = options;
    const { retry = fullJitter({ random: this.#env.random }) } = options;
    this.#retry = new RetryTimer(this.#env, retry, () => this.#reconnect());
    this.#sender = this.#newSender();
    this.#meta = new Meta(options.meta);
    this.#previous = new PreviousSession(this.#env);
  }

  get state() {
    return this.#state;
  }

  get #isOver() {
    return this.#state === 'idle' || this.#state === 'closed';
  }

  /** What another connection continues: the session, or the wait for it. */
  get #held() {
    return this.#ticket ?? this.#place;
  }

  /** The data about this peer for the others. An update shows here at once, and is reverted if the server rejects it. */
  get meta() {
    return this.#meta.value;
  }

  // The host application has changed it.
  set meta(meta) {
    this.#meta.replace(meta);
  }

  /**
   * Opens a connection, so that `join` is one message. It is kept for some minutes.
   *
   * @param {{ signal?: AbortSignal }} [options] aborting closes it
   * @returns {Promise<void>} resolves when it is open, or cannot be
   */
  async prepare({ signal } = {}) {
    if (!this.#isOver || signal?.aborted || this.#env.WebSocket === undefined) return;
    const href = this.#href = socketUrl(this.#url, this.#env.base);
    this.#preparation ??= new Preparation(this.#env, async (scope) => {
      try {
        const token = await readToken(this.#options, this.#env, scope);
        return scope.aborted ? null : this.#attempt(href, token, true);
      } catch {
        // `join` tells why.
        return null;
      }
    }, () => { this.#preparation = null; this.emit('unprepared', {}); });
    const preparation = this.#preparation;
    signal?.addEventListener('abort', () => preparation.stop(), { once: true });
    await preparation.ready;
  }

  /**
   * Joins, and stays until `leave` or until the server ends the session. Lost connections are replaced.
   *
   * @param {{ signal?: AbortSignal }} [options] aborting cancels joining, or leaves; `AbortSignal.timeout` only limits joining,
   *   with the time in the lobby
   * @returns {Promise<void>} resolves with the first welcome; rejects with a {@link MeetError}, or with the signal's reason
   */
  async join({ signal } = {}) {
    if (!this.#isOver) throw new MeetError('state', `joining while ${this.#state}`);
    signal?.throwIfAborted();
    if (this.#env.WebSocket === undefined) throw new MeetError('unsupported', 'no WebSocket in this browser');
    this.#href = socketUrl(this.#url, this.#env.base);
    this.#meta.restart();
    this.#previous.replace(this.#href);
    const { signal: scope } = (this.#scope = new AbortController());
    this.#sender = this.#newSender();
    this.#metaBytes = Infinity;
    this.#retry.reset();
    this.#orphanedAttempts = 0;
    observePageLifecycle(this.#env, {
      wake: (isDead) => this.#wake(isDead),
      hide: (isFinal) => this.#hide(isFinal),
      restore: () => { this.#previous.restore(this.#held); this.#wake(true); },
    }, scope);
    const { promise } = (this.#joining = new Joining(signal, scope, () => void this.leave()));
    this.#setState('connecting');
    const prepared = this.#preparation?.take() ?? null;
    this.#preparation = null;
    if (prepared === null) void this.#connect(scope);
    else (this.#connection = prepared).start();
    await promise;
  }

  /**
   * Leaves at once, also without a connection or before the server has replied. Idempotent.
   *
   * @returns {Promise<void>} resolves when the server has handled it, or the session has timed out (`graceMs`)
   */
  leave() {
    this.#preparation?.stop();
    return this.#leave(null);
  }

  /**
   * Sends a message, in order. Without a connection it waits for the next one.
   *
   * @param {import('./protocol.js').SentMessage} message
   * @throws {MeetError} `state`, `not-json`, `too-large` (a frame of 64 KiB by default), `queue-full`. Nothing was sent then
   */
  send(message) {
    if (this.#ticket === null) throw new MeetError('state', `sending while ${this.#state}`);
    this.#sender.send(message);
  }

  /**
   * Replaces the data about this peer, in any state: the server gets the last value. If it rejects that, `meta` returns to the
   * server's value, and `rejected` fires.
   *
   * @param {unknown} meta
   * @throws {MeetError} `not-json`, `too-large` (4 KiB of JSON by default), `queue-full`. Nothing has changed then
   */
  update(meta) {
    const update = this.#meta.snapshot(meta);
    if (this.#ticket !== null) this.#sendUpdate(update);
    this.#meta.add(update, (ref) => this.#sender.find(ref) !== null);
  }

  /** @param {import('./meta.js').Snapshot} update */
  #sendUpdate(update) {
    measure(update.text, this.#metaBytes);
    update.ref = this.#sender.send({ type: 'update', meta: update.meta });
  }

  /** @param {AbortSignal} scope */
  async #connect(scope) {
    if (scope.aborted) return;
    let token = /** @type {string | undefined} */ (undefined);
    try {
      token = await readToken(this.#options, this.#env, scope);
    } catch (cause) {
      const error = new MeetError('unauthorized', 'there is no token', { retryable: true, cause });
      if (!scope.aborted) this.#failed(error, true);
      return;
    }
    if (scope.aborted || this.#connection !== null) return;
    try {
      this.#connection = this.#attempt(this.#href, token, false);
    } catch (cause) {
      void this.#leave(new MeetError('blocked', 'the browser blocks the WebSocket', { cause }));
    }
  }

  /**
   * @param {string} href
   * @param {string | undefined} token
   * @param {boolean} isHeld
   */
  #attempt(href, token, isHeld) {
    const { openTimeoutMs = OPEN_TIMEOUT_MS, offers: all = null } = this.#options;
    const offers = this.#held === null ? all : null;
    const connection = new Attempt(href, this.#env, openTimeoutMs, {
      join: () => ({ text: this.#joinText(token), isFresh: this.#held === null }),
      hello: (hello) => this.#options.hello?.(hello),
      opened: () => this.#preparation?.opened(),
      waiting: (waiting) => this.#waits(connection, waiting),
      welcome: (welcome) => this.#welcomed(connection, welcome),
      frame: (frame, size) => this.#handle(connection, frame, size),
      end: (error, mayReconnect) => {
        if (connection !== this.#connection) return this.#preparation?.lost(connection);
        this.#abandon();
        const retries = mayReconnect || this.#replacedByOrphan(error);
        void this.#retry.explain(error, this.#href, this.#held === null ? 0 : this.#graceMs,
          (reason) => this.#failed(reason, reason === error ? retries : reason.retryable));
        return undefined;
      },
    }, { isHeld, wantsHello: offers?.needsHello ?? false, offers });
    // Which keeps the page busy for some milliseconds. The browser opens the connection meanwhile.
    offers?.prepare();
    return connection;
  }

  /**
   * Whether this page itself has taken the session over. Without an orphaned attempt, another holder of the ticket has.
   *
   * @param {MeetError} error
   */
  #replacedByOrphan(error) {
    if (error.code !== 'replaced' || this.#orphanedAttempts === 0) return false;
    this.#orphanedAttempts -= 1;
    return true;
  }

  #newSender() {
    return new Sender((text) => this.#connection?.send(text), this.#options.rateLimit, this.#env);
  }

  /** @param {string | undefined} token */
  #joinText(token) {
    const join = this.#joinMessage(token);
    const text = JSON.stringify(join);
    if (join.resume !== undefined) return text;
    // A server with a lower limit of the frame is not known before the welcome.
    const offers = this.#options.offers?.take(DEFAULT_LIMITS.frameBytes - measure(text) - OFFERS_FIELD) ?? [];
    return offers.length === 0 ? text : JSON.stringify({ ...join, offers });
  }

  /** @param {string | undefined} token */
  #joinMessage(token) {
    const ticket = this.#held;
    return {
      type: 'join',
      meta: this.#meta.join(),
      token,
      // `waiting`: this page has had no welcome of the session, so the server must not take `received` for a number of frames.
      resume: ticket === null ? undefined : { ticket, received: this.#acks.received, waiting: this.#ticket === null || undefined },
      replaces: this.#previous.ticket ?? undefined,
    };
  }

  /**
   * A session whose grace period was over may have to wait again.
   *
   * @param {Attempt} connection
   * @param {import('./protocol.js').Waiting} waiting
   */
  #waits(connection, { ticket, heartbeatMs, graceMs = GRACE_MS }) {
    const isNew = ticket === undefined || ticket !== this.#place;
    this.#retry.reset();
    this.#ticket = null;
    this.#place = ticket ?? null;
    this.#graceMs = graceMs;
    this.#acks.restart();
    connection.expectHeartbeat(heartbeatMs ?? HEARTBEAT_MS, heartbeatMs !== undefined);
    // Until the first frame after it, the place has a shorter grace period.
    if (this.#place !== null) this.#acknowledge(connection, 'ack');
    this.#setState('waiting');
    if (isNew && this.#connection === connection) this.emit('waiting', {});
  }

  /**
   * @param {Attempt} connection
   * @param {import('./protocol.js').Welcome} received
   */
  #welcomed(connection, received) {
    const isFirst = this.#ticket === null;
    // Admitted without a connection: `partial`, but this page knows nothing of the room yet.
    const welcome = isFirst ? { ...received, resumed: /** @type {const} */ ('no') } : received;
    this.#retry.reset();
    this.#ticket = welcome.ticket;
    this.#place = null;
    this.#previous.ticket = null;
    this.#graceMs = welcome.graceMs;
    const limits = { ...DEFAULT_LIMITS, ...welcome.limits };
    this.#metaBytes = limits.metaBytes;
    if (isFirst) {
      try {
        this.#options.validateWelcome?.(welcome);
      } catch (error) {
        return void this.#leave(/** @type {MeetError} */ (error));
      }
      this.#joining?.done();
    }
    connection.expectHeartbeat(welcome.heartbeatMs, welcome.limits !== undefined);
    const full = welcome.resumed === 'full';
    if (full) this.#acks.acknowledged();
    else this.#acks.restart();
    // Before the event `welcome`, whose handlers may send.
    const rejected = this.#sender.open(full ? welcome.received : null, limits, welcome.resumed === 'no');
    // Until the first frame after a new welcome, the session has a shorter grace period. After a `partial`, the server does not
    // know that this end counts from 0.
    if (!full) this.#acknowledge(connection, 'ack');
    rejected.push(...this.#meta.reconcile(welcome, (update) => this.#sendUpdate(update)));
    const scope = this.#scope.signal;
    this.#setState('joined');
    if (this.#connection === connection) this.emit('welcome', { welcome });
    for (const each of rejected) if (!scope.aborted) this.emit('rejected', each);
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
    if (frame.type === 'welcome' || frame.type === 'waiting' || frame.type === 'hello') return;
    if (isSequenced(frame)) this.#acks.count(size);
    if (frame.type === 'error') this.#rejected(frame);
    else this.emit('message', { message: frame });
    if (this.#connection === connection && this.#acks.isDue) this.#acknowledge(connection, 'ack');
  }

  /**
   * @param {Attempt} connection
   * @param {'ack' | 'pong'} type
   */
  #acknowledge(connection, type) {
    this.#acks.acknowledged();
    connection.send(JSON.stringify({ type, received: this.#acks.received }));
  }

  /** @param {import('./protocol.js').ErrorMessage} frame */
  #rejected(frame) {
    const { code, ref } = frame;
    const error = serverError(frame);
    const superseded = this.#meta.isSuperseded(ref);
    if (code === 'rate-limited' && !superseded && this.#sender.retransmit(ref, error.retryAfterMs)) return;
    const message = this.#sender.find(ref);
    this.#meta.revert(ref);
    if (code !== 'rate-limited' || !superseded) this.emit('rejected', { error, message });
  }

  /**
   * An attempt has failed, or the connection is lost.
   *
   * @param {MeetError} error
   * @param {boolean} mayReconnect
   */
  #failed(error, mayReconnect) {
    if (!mayReconnect) return this.#end(error);
    const scope = this.#scope.signal;
    const { delay, reason } = this.#retry.failed(error, this.#held !== null);
    // The policy is application code, and may have called `leave`.
    if (scope.aborted) return;
    if (delay === null) return void this.#leave(reason);
    this.#retry.start(delay);
    this.#setState(this.#ticket === null ? 'connecting' : 'away', error);
  }

  #reconnect() {
    const scope = this.#scope.signal;
    this.#setState(this.#ticket === null ? 'connecting' : 'resuming');
    void this.#connect(scope);
  }

  /** @param {boolean} isDead whether the connection certainly is */
  #wake(isDead) {
    if (this.#retry.expedite()) return;
    if (isDead && this.#connection !== null) {
      this.#connection.close();
      this.#abandon();
      this.#reconnect();
    } else this.#connection?.check();
  }

  /** @param {boolean} isFinal */
  #hide(isFinal) {
    this.#previous.hide(this.#held);
    if (isFinal) void this.leave();
    // An open socket keeps a page out of the back/forward cache.
    else if (this.#connection !== null) {
      this.#connection.close(GOING_AWAY);
      this.#abandon();
      this.#retry.start(PAUSE_MS);
      this.#setState(this.#ticket === null ? 'connecting' : 'away');
    }
  }

  /** This end does not use the connection any more. */
  #abandon() {
    if (this.#connection?.isUnanswered) this.#orphanedAttempts += 1;
    this.#connection = null;
  }

  /**
   * @param {MeetError | null} reason
   * @returns {Promise<void>}
   */
  #leave(reason) {
    if (this.#isOver) return this.#left;
    this.#left = this.#previous.leave(this.#connection, this.#held, this.#graceMs);
    this.#end(reason);
    return this.#left;
  }

  /** @param {MeetError | null} reason */
  #end(reason) {
    this.#scope.abort();
    this.#retry.stop();
    this.#connection = null;
    this.#ticket = this.#place = null;
    this.#joining?.failed(reason);
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

/** The bytes of the name of the field, and of what is around it. */
const OFFERS_FIELD = 16;

/** The default of `openTimeoutMs`. */
const OPEN_TIMEOUT_MS = 10_000;

/** The defaults of the protocol, until the server announces its own values. */
const GRACE_MS = 30_000;
const HEARTBEAT_MS = 10_000;

/** A browser without a back/forward cache may restore a page without an event. */
const PAUSE_MS = 5000;
