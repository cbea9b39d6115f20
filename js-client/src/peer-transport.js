// The transport to one other page, over one RTCPeerConnection after the other.

import { ConcurrencyLimiter } from './concurrency-limiter.js';
import { ConnectionGeneration } from './connection-generation.js';
import { compact } from './description.js';
import { Emitter } from './emitter.js';
import { MeetError, plainError } from './errors.js';
import { RESYNC } from './negotiator.js';
import { refusal } from './peer-limits.js';
import { Recovery } from './recovery.js';
import { ResyncTimer } from './resync-timer.js';
import { ANNOUNCEMENT_COST, SourceExchange, controlCost } from './source-exchange.js';
import { parseControl } from './transport-message.js';

/** @typedef {import('./recovery.js').TransportState} TransportState */

/**
 * @typedef {object} SignalingOptions
 * @property {(data: object) => void} send sends to the transport of the other page, by signaling. It may throw: after
 *   `too-large` (a `code`) the transport has `failed`, after any other error it resyncs later
 * @property {() => boolean} isReady whether signaling reaches the other page now
 * @property {ConcurrencyLimiter} [limiter] shared by all transports of a page
 * @property {PeerTransport | null} [earlier] the one to the same peer that was closed before, if any
 * @property {boolean} [isPrepared] makes its connection and its offer at once, before there is a peer: see {@link assigned}
 *
 * @typedef {import('./connection-generation.js').ConnectionOptions & SignalingOptions} TransportOptions
 */

/**
 * Replaces a connection that cannot be repaired (see {@link Recovery}). Each replacement is a *connection generation*,
 * counted from 1 (`epoch` on the wire). Messages name the generations of both ends, so that each end ignores messages for a
 * connection that is gone. Both ends replace theirs.
 *
 * A message that refers to no connection of the other end, like the first offer, is addressed to no generation, and any
 * connection that has not started accepts it. So two ends that replace at the same time meet again.
 *
 * The `RTCPeerConnection` of a generation is made when the concurrency limiter allows it, and by the polite end not before
 * there is an offer.
 *
 * `warning` says why the connection does not work yet. An error with the code `refused` says that the other page exceeded
 * the limits for one peer; its connection was closed.
 *
 * @extends {Emitter<{
 *   state: { state: TransportState },
 *   sources: { list: import('./transceiver-pool.js').SourceDescription[] },
 *   datachannel: { channel: RTCDataChannel },
 *   warning: { error: Error },
 * }>}
 */
export class PeerTransport extends Emitter {
  #options;
  #limiter;
  #recovery;
  /** `null` until the limiter allows it, and after it was closed. @type {ConnectionGeneration | null} */
  #current = null;
  #lifetime = new AbortController();
  /** Removes this transport from the queue of the limiter. @type {(() => void) | null} */
  #dequeue = null;
  /** Messages that came before the connection. @type {import('./negotiator.js').NegotiationMessage[]} */
  #pending = [];

  #generation = 1;
  /** The newest known generation of the other end. @type {number | null} */
  #remoteGeneration = null;
  /** That of which an earlier transport knew: older messages may still be under way. */
  #minRemoteGeneration = 0;
  /** Whether this generation has received a description of the other end. */
  #started = false;
  /** Whether one was applied. */
  #applied = false;

  /** Whether there is no peer yet. */
  #isPrepared;
  /** When to repeat an offer that was not answered. @type {any} */
  #offerTimer = null;

  /** Whether messages to the other end may have been lost. */
  #lossy = false;
  #resyncTimer;
  #sources;

  /** @param {TransportOptions} options */
  constructor(options) {
    super();
    const { polite, env, publications, limiter = new ConcurrencyLimiter(env), earlier = null, isPrepared = false } = options;
    this.#options = options;
    this.#isPrepared = isPrepared;
    if (earlier !== null) {
      // Counts go on: neither end takes messages of the earlier transport for those of this one.
      this.#generation = earlier.#generation + 1;
      this.#minRemoteGeneration = earlier.#remoteGeneration ?? earlier.#minRemoteGeneration;
    }
    this.#limiter = limiter;
    this.#resyncTimer = new ResyncTimer(env, () => this.#resync());
    this.#sources = new SourceExchange({
      describe: () => this.#current?.transceivers.describe() ?? [],
      withConnection: (step) => this.#withConnection(step),
      isConnected: () => this.state === 'connected',
      signal: (sources) => this.#send({ sources }),
      env,
    }, earlier === null ? undefined : earlier.#sources);
    this.#recovery = new Recovery({
      ...options,
      requestOffer: () => this.#send({ request: 'offer' }),
      restart: () => this.#current?.negotiator.ice.restart(),
      replace: (byRemote) => this.#replace(byRemote),
      notify: (event) => {
        if (event === 'changed') this.emit('state', { state: this.state });
        else this.#warn(new Error('no route to the peer in time'));
      },
    });
    const { signal } = this.#lifetime;
    publications.on('change', () => this.#publicationsChanged(), { signal });
    env.window?.addEventListener('online', () => this.#recovery.handle('wake'), { signal });
    if (isPrepared) this.#connect();
    else if (!polite) this.#enqueue();
  }

  /** `failed` after some attempts in a row. Attempts go on at growing intervals, and at once when something has changed. */
  get state() {
    return this.#recovery.shown;
  }

  /** Whether there is a connection. */
  get isConnecting() {
    return this.#current !== null;
  }

  /** Whether the first offer was made. */
  get hasOffer() {
    return this.#current?.negotiator.offer != null;
  }

  /** The first offer, with the candidates that were gathered so far; `null` if it is not made yet. */
  offer() {
    const offer = this.#current?.negotiator.offer ?? null;
    return offer === null ? null : this.#compose(offer);
  }

  /**
   * There is a peer for what was prepared.
   *
   * @param {{ isOffered: boolean }} options whether it has got the offer
   * @param {object[]} missed the messages that it has not got
   */
  assigned({ isOffered }, missed) {
    const { env } = this.#options;
    this.#isPrepared = false;
    this.#recovery.handle('started');
    for (const message of missed) this.#deliver(message);
    // An older client takes no offer with `joined`.
    const repeat = () => { if (!this.#started && this.#options.isReady()) this.#resync(); };
    if (isOffered) this.#offerTimer = env.setTimeout(repeat, REPEAT_OFFER_MS);
  }

  /** Whether every exchange of descriptions is complete. */
  get settled() {
    return this.#current?.negotiator.settled ?? false;
  }

  /**
   * The receiver of a media section; `null` while the section is not negotiated.
   *
   * @param {string} mid
   */
  receiver(mid) {
    return this.#current?.transceivers.receiver(mid) ?? null;
  }

  /**
   * @returns {Promise<RTCStatsReport>}
   * @throws {MeetError} `state`: there is no connection, and none is being made
   */
  async getStats() {
    return this.#connection().pc.getStats();
  }

  /**
   * Opens a data channel to the other page. It closes when the connection is replaced.
   *
   * @param {string} label
   * @param {RTCDataChannelInit} [options]
   * @throws {MeetError} `state`: there is no connection, and none is being made
   */
  createDataChannel(label, options) {
    const { hold, pc } = this.#connection();
    return hold(pc.createDataChannel(label, options));
  }

  /**
   * Handles a message of the other page's transport.
   *
   * @param {import('./transport-message.js').TransportMessage} message
   */
  receive({ generation, to, negotiation, sources }) {
    const known = this.#remoteGeneration ?? Math.max(generation, this.#minRemoteGeneration);
    if (this.#lifetime.signal.aborted || generation < known) return;
    // The other end does not know of this generation yet, and has missed messages.
    if (to !== null && to < this.#generation && isResync(negotiation)) this.refused();
    // It was for an earlier transport, before permissions changed.
    if (this.#remoteGeneration === null && to !== null && to !== this.#generation) return;
    const { state } = this.#recovery;
    // After this end gave up, a new generation of the other end shows that another connection may work.
    const isNew = generation > known && (this.#started || state === 'lost' || state === 'broken');
    this.#remoteGeneration = generation;
    if (isNew && !this.#recovery.renew()) this.#refuse(refusal('connections'));
    if (to !== null && to !== this.#generation) return;
    if (sources !== null && this.#charge(ANNOUNCEMENT_COST + sources.list.length)) this.#receiveSources(sources);
    if (negotiation !== null && !this.#lifetime.signal.aborted) this.#negotiate(negotiation);
  }

  /**
   * Signaling reaches the other page again.
   *
   * @param {{ lossy: boolean }} options whether messages may have been lost in between
   */
  wake({ lossy }) {
    if (!lossy && !this.#lossy) return this.#recovery.handle('wake');
    this.#lossy = false;
    if (this.#recovery.state === 'connected') this.#current?.negotiator.resync();
    else this.#recovery.handle('loss');
    this.#sources.announce();
  }

  /** A message did not reach the other page. The transport resyncs at the next `wake`. */
  undelivered() {
    this.#lossy = true;
  }

  /**
   * A message was lost, since a queue was full: that of the other page at the server or that of this page. The transport
   * resyncs a little later, at growing intervals while messages are refused.
   */
  refused() {
    if (!this.#lifetime.signal.aborted) this.#resyncTimer.start();
  }

  /** The STUN and TURN servers have changed. If the browser rejects them, the call goes on with the previous ones. */
  reconfigure() {
    this.#current?.reconfigure(this.#options.configuration());
  }

  close() {
    this.#lifetime.abort();
    this.#resyncTimer.stop();
    this.#options.env.clearTimeout(this.#offerTimer);
    this.#recovery.close();
    this.#tearDown();
  }

  /** Whether there is no connection yet, and one is to come. */
  get #isExpected() {
    const { state } = this.#recovery;
    return this.#current === null && (state === 'waiting' || state === 'connecting' || state === 'lost');
  }

  /** The connection. It is made now if it waits for the limiter. */
  #connection() {
    if (this.#isExpected) this.#connect();
    if (this.#current === null) throw new MeetError('state', 'no connection to the peer');
    return this.#current;
  }

  #enqueue() {
    this.#dequeue ??= this.#limiter.enqueue(() => this.#connect());
  }

  #connect() {
    this.#dequeue?.();
    this.#dequeue = null;
    try {
      this.#current = new ConnectionGeneration(this.#options, (message) => this.#send(message));
    } catch (error) {
      // No WebRTC, invalid servers, or too many connections.
      this.#refuse(plainError(error));
      return;
    }
    this.#listen(this.#current);
    for (const message of this.#pending.splice(0)) void this.#current.negotiator.receive(message);
    // Messages were lost while the connection waited for the limiter, and it could not be replaced again.
    const isLossy = this.#recovery.state === 'lost';
    if (!this.#isPrepared) this.#recovery.handle('started');
    if (isLossy) this.#current?.negotiator.resync();
  }

  /** @param {ConnectionGeneration} connection */
  #listen({ control, hold, negotiator, pc, signal, transceivers }) {
    negotiator.on('applied', () => { this.#applied = true; this.#emitSources(); }, { signal });
    negotiator.on('exchanged', () => { this.#withConnection(() => transceivers.settle()); this.#emitSources(); }, { signal });
    negotiator.on('failure', ({ detail: { error } }) => this.#failed(error), { signal });
    negotiator.on('warning', ({ detail: { error } }) => this.#warn(error), { signal });
    pc.addEventListener('connectionstatechange', () => {
      const isDead = pc.connectionState === 'failed' && !negotiator.ice.survivesFailure;
      this.#recovery.handle(isDead ? 'dead' : /** @type {import('./recovery.js').Event} */ (pc.connectionState));
    }, { signal });
    pc.addEventListener('datachannel', ({ channel }) => {
      if (this.#charge(CHANNEL_COST)) this.emit('datachannel', { channel: hold(channel) });
    }, { signal });
    control.addEventListener('open', () => this.#sources.announce(), { signal });
    control.addEventListener('message', ({ data }) => {
      const text = String(data);
      const sources = this.#charge(controlCost(text)) ? parseControl(text) : null;
      if (sources !== null) this.#receiveSources(sources);
    }, { signal });
  }

  /**
   * Takes tokens for an action of the other page. If there are too few, refuses the other page.
   *
   * @param {number} tokens
   */
  #charge(tokens) {
    const isTooMuch = (this.#current?.negotiator.spend(tokens) ?? 0) > 0;
    if (isTooMuch) this.#refuse(refusal('messages or data channels'));
    return !isTooMuch;
  }

  /**
   * Calls `step` with the connection, if there is one. If the browser throws, the connection has failed.
   *
   * @param {(connection: ConnectionGeneration) => void} step
   */
  #withConnection(step) {
    try {
      if (this.#current !== null) step(this.#current);
    } catch (error) {
      this.#failed(plainError(error));
    }
  }

  /** @param {Error} error why this connection is unusable */
  #failed(error) {
    if (isCode(error, 'refused')) return this.#refuse(error);
    if (this.#recovery.state === 'broken') return;
    this.#recovery.handle('broken');
    this.#warn(error);
  }

  #tearDown() {
    this.#dequeue?.();
    this.#dequeue = null;
    this.#pending = [];
    this.#sources.cancel();
    this.#current?.close();
    this.#current = null;
    this.#started = this.#applied = false;
  }

  /**
   * Starts a new generation. The other end learns of it by its first offer, or by a request for one.
   *
   * @param {boolean} byRemote the other end has started a new one already
   */
  #replace(byRemote) {
    this.#tearDown();
    this.#generation += 1;
    if (!this.#options.polite) this.#enqueue();
    else if (!byRemote) this.#send({ request: 'offer' });
  }

  /** Closes the connection for some time, since another one would fail the same way. @param {Error} error */
  #refuse(error) {
    if (this.#current === null && this.#recovery.state === 'broken') return;
    this.#tearDown();
    this.#recovery.refuse();
    this.#warn(error);
  }

  #warn(/** @type {Error} */ error) {
    if (!this.#lifetime.signal.aborted) this.emit('warning', { error });
  }

  /** @param {import('./negotiator.js').NegotiationMessage} message */
  #negotiate(message) {
    const isDescription = 'description' in message;
    if (this.#current !== null) {
      // Before it is applied: another generation may be announced in between.
      if (isDescription) this.#started = true;
      void this.#current.negotiator.receive(message);
    // A new connection makes its offer without a request.
    } else if (this.#isExpected && !('request' in message) && this.#pending.length < MAX_PENDING) {
      this.#pending.push(message);
      if (!isDescription) return;
      this.#started = true;
      this.#enqueue();
    }
  }

  /** Sends again what the other page may lack, over the present connection. */
  #resync() {
    if (!this.#options.isReady()) {
      this.#lossy = true;
      return;
    }
    if (this.#current !== null) {
      this.#current.negotiator.resync();
      this.#sources.announce();
    } else if (this.#options.polite && this.#isExpected) this.#send({ request: 'offer' });
  }

  #publicationsChanged() {
    this.#withConnection(({ transceivers }) => transceivers.apply(this.#options.publications));
    // Before the first exchange there is no media section to refer to. The description will carry the sources.
    if (this.#started) this.#sources.schedule();
  }

  /** @param {import('./negotiator.js').NegotiationMessage | { sources: import('./transport-message.js').Sources }} message */
  #send(message) {
    this.#deliver(this.#compose(message));
  }

  /** @param {import('./negotiator.js').NegotiationMessage | { sources: import('./transport-message.js').Sources }} message */
  #compose(message) {
    const to = this.#started ? this.#remoteGeneration : null;
    const more = 'description' in message ? { description: compact(message.description), sources: this.#sources.next() } : {};
    return { epoch: this.#generation, to, ...message, ...more };
  }

  /** @param {object} message */
  #deliver(message) {
    try {
      this.#options.send(message);
    } catch (error) {
      if (isCode(error, 'too-large')) this.#refuse(refusal('media sections'));
      else this.refused();
    }
  }

  /** @param {import('./transport-message.js').Sources} sources */
  #receiveSources(sources) {
    if (this.#sources.receive(sources)) this.#emitSources();
  }

  /** Sources that come with a description are shown once that is applied. */
  #emitSources() {
    const list = this.#sources.remote;
    if (this.#applied && list !== null) this.emit('sources', { list });
  }
}

const isCode = (/** @type {any} */ error, /** @type {string} */ code) => error.code === code;

const isResync = (/** @type {any} */ message) => message?.request === RESYNC;

/** Longer than the answer takes over any usable network. */
const REPEAT_OFFER_MS = 3000;

/** As many messages as one side sends before it hears from the other one. */
const MAX_PENDING = 32;

const CHANNEL_COST = 60;
