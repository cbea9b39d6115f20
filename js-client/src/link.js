// The way to one other page, over as many RTCPeerConnections as it takes.

import { refusal } from './bounds.js';
import { compact } from './description.js';
import { Emitter } from './emitter.js';
import { Epoch } from './epoch.js';
import { MeetError, plainError } from './errors.js';
import { Gate } from './gate.js';
import { parseControl } from './link-message.js';
import { TokenBucket } from './pace.js';
import { Recovery } from './recovery.js';
import { Repetition } from './repetition.js';

/** @typedef {import('./recovery.js').LinkState} LinkState */

/**
 * @typedef {object} LinkOptions
 * @property {boolean} polite
 * @property {(data: object) => void} send to the other page's link, by signaling. What it throws is dealt with: after
 *   `too-large` (a `code`) the link has `failed`, after anything else the same is said again later
 * @property {() => boolean} isReady whether signaling gets through to the other page now
 * @property {() => RTCConfiguration} configuration
 * @property {import('./publications.js').Publications} publications
 * @property {import('./environment.js').Environment} env
 * @property {Gate} [gate] that of all links of a page
 */

/**
 * Replaces a connection that cannot be saved (see {@link Recovery}). Each replacement is an *epoch*, counted from 1;
 * messages name the epochs of both ends, so that what was meant for a connection that is gone is told apart. Both ends
 * replace theirs.
 *
 * What is about nothing in particular, like the first offer of a connection, is addressed to no epoch, and any
 * connection that has not begun takes it. So two ends that replace at the same time meet again.
 *
 * The `RTCPeerConnection` of an epoch is made when its turn has come, and by the polite end not before there is an offer.
 *
 * `warning` tells why it does not work yet. An error with the code `refused` says that the other page asked for more than
 * this one does for one peer; its connection was closed.
 *
 * @extends {Emitter<{
 *   state: { state: LinkState },
 *   sources: { list: import('./slots.js').SourceDescription[] },
 *   channel: { channel: RTCDataChannel },
 *   warning: { error: Error },
 * }>}
 */
export class Link extends Emitter {
  #options;
  #gate;
  #recovery;
  /** `null` until its turn has come, and after it was closed. @type {Epoch | null} */
  #current = null;
  #life = new AbortController();
  /** Gives up the turn that is waited for. @type {(() => void) | null} */
  #giveUpTurn = null;
  /** What came before the connection. @type {import('./negotiator.js').NegotiationMessage[]} */
  #early = [];

  #epoch = 1;
  /** The newest epoch of the other end that was heard of. @type {number | null} */
  #theirs = null;
  /** Whether this epoch has begun: there was a description of the other end. */
  #begun = false;
  /** Whether one was applied. */
  #applied = false;

  /** Whether messages to the other end may have been lost. */
  #lossy = false;
  #repetition;

  #revision = 0;
  /** Those of the control channel: less than the other page takes. */
  #tellings = new TokenBucket(TELLINGS_A_SECOND, MOST_TELLINGS);
  /** Set while something waits to be told there. @type {any} */
  #tellTimer = null;
  #tellsSoon = false;
  /** @type {import('./link-message.js').Sources} */
  #remote = { revision: 0, list: [] };

  /** @param {LinkOptions} options */
  constructor(options) {
    super();
    const { polite, env, publications, gate = new Gate(env) } = options;
    this.#options = options;
    this.#gate = gate;
    this.#repetition = new Repetition(env, () => this.#repeat());
    this.#recovery = new Recovery({
      ...options,
      ask: () => this.#say({ request: 'offer' }),
      restart: () => this.#current?.negotiator.restartIce(),
      replace: (told) => this.#replace(told),
      tell: (event) => {
        if (event === 'changed') this.emit('state', { state: this.state });
        else this.#warn(new Error('a way to the other page was not found in time'));
      },
    });
    const { signal } = this.#life;
    publications.on('change', () => this.#published(), { signal });
    env.window?.addEventListener('online', () => this.#recovery.tell('wake'), { signal });
    if (!polite) this.#awaitTurn();
  }

  /** `failed` after some tries in a row; they go on, less and less often, and at once when something has changed. */
  get state() {
    return this.#recovery.shown;
  }

  /** Whether every exchange of descriptions is complete. */
  get settled() {
    return this.#current?.negotiator.settled ?? false;
  }

  /**
   * What comes in through a media section; `null` while it is not negotiated.
   *
   * @param {string} mid
   */
  receiver(mid) {
    return this.#current?.slots.receiver(mid) ?? null;
  }

  /**
   * @returns {Promise<RTCStatsReport>}
   * @throws {MeetError} `state`: there is no connection, and none is being made
   */
  async getStats() {
    return this.#need().pc.getStats();
  }

  /**
   * Opens a data channel to the other page; it closes when the connection has to be replaced.
   *
   * @param {string} label
   * @param {RTCDataChannelInit} [options]
   * @throws {MeetError} `state`: there is no connection, and none is being made
   */
  openChannel(label, options) {
    const epoch = this.#need();
    return epoch.hold(epoch.pc.createDataChannel(label, options));
  }

  /**
   * Takes a message of the other page's link.
   *
   * @param {import('./link-message.js').LinkMessage} message
   */
  receive({ epoch, to, negotiation, sources }) {
    if (this.#life.signal.aborted || (this.#theirs !== null && epoch < this.#theirs)) return;
    const { state } = this.#recovery;
    // For one that was given up, it is a sign that another one may work.
    const isNew = this.#theirs !== null && epoch > this.#theirs && (this.#begun || state === 'lost' || state === 'broken');
    this.#theirs = epoch;
    if (isNew && !this.#recovery.renew()) this.#refuse(refusal('connections'));
    if (to !== null && to !== this.#epoch) return;
    if (sources !== null && this.#maySpend(CONTROL_POINTS + sources.list.length)) this.#heardOf(sources);
    if (negotiation !== null && !this.#life.signal.aborted) this.#negotiate(negotiation);
  }

  /**
   * Signaling gets through again.
   *
   * @param {{ lossy: boolean }} options whether messages may have been lost in between
   */
  wake({ lossy }) {
    if (!lossy && !this.#lossy) return this.#recovery.tell('wake');
    this.#lossy = false;
    if (this.#recovery.state === 'connected') this.#current?.negotiator.again();
    else this.#recovery.tell('doubt');
    this.#tellSources();
  }

  /** A message did not reach the other page. The rest is done when it does again. */
  undelivered() {
    this.#lossy = true;
  }

  /**
   * There was no place for a message: the other page is slow, or away for a while, and the server refused it; or too much
   * waits for this page's own connection. What is open is said again a little later, and less and less often while that is
   * refused, too.
   */
  refused() {
    if (!this.#life.signal.aborted) this.#repetition.refused();
  }

  /** The STUN and TURN servers have changed. Where the browser does not take them, a call goes on with those before. */
  reconfigure() {
    try {
      this.#current?.pc.setConfiguration(this.#options.configuration());
    } catch (error) {
      this.#warn(plainError(error));
    }
  }

  close() {
    this.#life.abort();
    this.#repetition.close();
    this.#recovery.close();
    this.#tearDown();
  }

  /** Whether there is no connection yet, and one is to come. */
  get #isExpected() {
    const { state } = this.#recovery;
    return this.#current === null && (state === 'waiting' || state === 'connecting' || state === 'lost');
  }

  /** The connection, without waiting for its turn. */
  #need() {
    if (this.#isExpected) this.#build();
    if (this.#current === null) throw new MeetError('state', 'there is no connection to the peer');
    return this.#current;
  }

  #awaitTurn() {
    this.#giveUpTurn ??= this.#gate.enter(() => this.#build());
  }

  #build() {
    this.#giveUpTurn?.();
    this.#giveUpTurn = null;
    try {
      this.#current = new Epoch(this.#options, (message) => this.#say(message));
    } catch (error) {
      // No WebRTC, servers that are none, too many connections.
      this.#refuse(plainError(error));
      return;
    }
    this.#listen(this.#current);
    for (const message of this.#early.splice(0)) void this.#current.negotiator.receive(message);
    this.#recovery.tell('begun');
  }

  /** @param {Epoch} epoch */
  #listen({ control, hold, negotiator, pc, signal, slots }) {
    negotiator.on('applied', () => { this.#applied = true; this.#showSources(); }, { signal });
    negotiator.on('exchanged', () => { this.#try(() => slots.settle()); this.#showSources(); }, { signal });
    negotiator.on('failure', ({ detail: { error } }) => this.#failed(error), { signal });
    negotiator.on('warning', ({ detail: { error } }) => this.#warn(error), { signal });
    pc.addEventListener('connectionstatechange', () => {
      this.#recovery.tell(/** @type {import('./recovery.js').Event} */ (pc.connectionState));
    }, { signal });
    pc.addEventListener('datachannel', ({ channel }) => {
      if (this.#maySpend(CHANNEL_POINTS)) this.emit('channel', { channel: hold(channel) });
    }, { signal });
    control.addEventListener('open', () => this.#tellSources(), { signal });
    control.addEventListener('message', ({ data }) => {
      const text = String(data);
      const sources = this.#maySpend(controlPoints(text)) ? parseControl(text) : null;
      if (sources !== null) this.#heardOf(sources);
    }, { signal });
  }

  /** @param {number} points */
  #maySpend(points) {
    const isTooMuch = (this.#current?.negotiator.spend(points) ?? 0) > 0;
    if (isTooMuch) this.#refuse(refusal('messages or data channels'));
    return !isTooMuch;
  }

  /**
   * Does what the browser may not let be done.
   *
   * @param {(epoch: Epoch) => void} step
   */
  #try(step) {
    try {
      if (this.#current !== null) step(this.#current);
    } catch (error) {
      this.#failed(plainError(error));
    }
  }

  /** @param {Error} error why this connection cannot be relied on any more */
  #failed(error) {
    if (isCode(error, 'refused')) return this.#refuse(error);
    if (this.#recovery.state === 'broken') return;
    this.#recovery.tell('broken');
    this.#warn(error);
  }

  #tearDown() {
    this.#giveUpTurn?.();
    this.#giveUpTurn = null;
    this.#early = [];
    this.#options.env.clearTimeout(this.#tellTimer);
    this.#tellTimer = null;
    this.#current?.close();
    this.#current = null;
    this.#begun = false;
    this.#applied = false;
  }

  /**
   * A new connection, of which the other end learns: by its first offer, or by being asked for one.
   *
   * @param {boolean} told the other end has one already
   */
  #replace(told) {
    this.#tearDown();
    this.#epoch += 1;
    if (!this.#options.polite) this.#awaitTurn();
    else if (!told) this.#say({ request: 'offer' });
  }

  /** Ends the connection for some time: another one would be no better. @param {Error} error */
  #refuse(error) {
    if (this.#current === null && this.#recovery.state === 'broken') return;
    this.#tearDown();
    this.#recovery.refuse();
    this.#warn(error);
  }

  #warn(/** @type {Error} */ error) {
    if (!this.#life.signal.aborted) this.emit('warning', { error });
  }

  /** @param {import('./negotiator.js').NegotiationMessage} message */
  #negotiate(message) {
    const isDescription = 'description' in message;
    if (this.#current !== null) {
      // Not only once it is applied: in between there may be news of another epoch.
      if (isDescription) this.#begun = true;
      void this.#current.negotiator.receive(message);
    // A connection that begins offers unasked.
    } else if (this.#isExpected && !('request' in message) && this.#early.length < MOST_EARLY) {
      this.#early.push(message);
      if (!isDescription) return;
      this.#begun = true;
      this.#awaitTurn();
    }
  }

  /** Says again what the other page may lack, over the connection that there is. */
  #repeat() {
    if (!this.#options.isReady()) {
      this.#lossy = true;
      return;
    }
    if (this.#current === null) return;
    this.#current.negotiator.again();
    // The impolite side's restart is an offer, which is said again with what is open.
    if (this.#recovery.state === 'restarting' && this.#options.polite) this.#current?.negotiator.restartIce();
    this.#tellSources();
  }

  #published() {
    this.#try(({ slots }) => slots.apply(this.#options.publications));
    // Before the first exchange there is nothing to refer to, and the description will tell.
    if (this.#begun) this.#tellSoon();
  }

  /** The changes of a task are told as one. */
  #tellSoon() {
    if (this.#tellsSoon) return;
    this.#tellsSoon = true;
    queueMicrotask(() => {
      this.#tellsSoon = false;
      if (!this.#life.signal.aborted) this.#tellSources();
    });
  }

  #tellSources() {
    this.#try(({ control }) => {
      const sources = this.#sources();
      if (control.readyState === 'open') {
        const text = JSON.stringify({ sources });
        const wait = this.#tellings.tryTake(this.#options.env.now(), controlPoints(text));
        if (wait > 0) {
          this.#tellTimer ??= this.#options.env.setTimeout(() => { this.#tellTimer = null; this.#tellSources(); }, wait);
          return;
        }
        control.send(text);
      }
      // Over a connection that is broken it would arrive when that is mended.
      if (control.readyState !== 'open' || this.state !== 'connected') this.#say({}, sources);
    });
  }

  #sources() {
    this.#revision += 1;
    return { revision: this.#revision, list: this.#current?.slots.describe() ?? [] };
  }

  /**
   * @param {import('./negotiator.js').NegotiationMessage | {}} message
   * @param {import('./link-message.js').Sources} [sources]
   */
  #say(message, sources) {
    const to = this.#begun ? this.#theirs : null;
    const more = 'description' in message
      ? { description: compact(message.description), sources: this.#sources() } : sources && { sources };
    try {
      this.#options.send({ epoch: this.#epoch, to, ...message, ...more });
    } catch (error) {
      if (isCode(error, 'too-large')) this.#refuse(refusal('media sections'));
      else this.refused();
    }
  }

  /** @param {import('./link-message.js').Sources} sources */
  #heardOf(sources) {
    if (sources.revision <= this.#remote.revision) return;
    this.#remote = sources;
    this.#showSources();
  }

  /** What is told together with a description can be shown once that is applied. */
  #showSources() {
    if (this.#applied && this.#remote.revision > 0) this.emit('sources', { list: this.#remote.list });
  }
}

/**
 * @param {unknown} error
 * @param {string} code
 */
const isCode = (error, code) => /** @type {{ code?: unknown }} */ (error).code === code;

/** As many messages as one side says before it hears from the other one. */
const MOST_EARLY = 32;

const CHANNEL_POINTS = 60;
const CONTROL_POINTS = 8;
const CHARACTERS_A_POINT = 100;
const controlPoints = (/** @type {string} */ text) => CONTROL_POINTS + text.length / CHARACTERS_A_POINT;

const TELLINGS_A_SECOND = 15;
const MOST_TELLINGS = 1000;
