// The way to one other page, over as many RTCPeerConnections as it takes.

import { Emitter } from './emitter.js';
import { parseSources } from './link-message.js';
import { Negotiator } from './negotiator.js';
import { Slots } from './slots.js';

/** @typedef {'connecting' | 'connected' | 'reconnecting'} LinkState */

/**
 * @typedef {object} LinkOptions
 * @property {boolean} polite
 * @property {(data: object) => void} send to the other page's link, by signaling
 * @property {() => boolean} isReady whether signaling gets through to the other page now
 * @property {() => RTCConfiguration} configuration
 * @property {import('./publications.js').Publications} publications
 * @property {import('./environment.js').Environment} env
 */

/**
 * Replaces a connection that cannot be saved. Each replacement is an *epoch*, counted from 1; messages name the epochs
 * of both ends, so that what was meant for a connection that is gone is told apart. Both ends replace theirs.
 *
 * What is about nothing in particular, like the first offer of a connection, is addressed to no epoch, and any
 * connection that has not begun takes it. So two ends that replace at the same time meet again.
 *
 * @extends {Emitter<{
 *   state: { state: LinkState },
 *   sources: { list: import('./slots.js').SourceDescription[] },
 *   channel: { channel: RTCDataChannel },
 *   warning: { error: unknown },
 * }>}
 */
export class Link extends Emitter {
  #options;
  #env;
  /** @type {RTCPeerConnection} */
  #pc;
  /** @type {Negotiator} */
  #negotiator;
  /** @type {Slots} */
  #slots;
  /** For state that must arrive also while signaling is down. @type {RTCDataChannel} */
  #control;
  /** Firefox collects a channel that nobody holds, and with it closes both ends. @type {Set<RTCDataChannel>} */
  #channels = new Set();
  /** Aborted with each connection, and with the link. */
  #scope = new AbortController();
  #life = new AbortController();

  #epoch = 0;
  /** The newest epoch of the other end that was heard of. @type {number | null} */
  #theirs = null;
  /** Whether this epoch has begun: there was a description of the other end. */
  #begun = false;
  /** Whether one was applied. */
  #applied = false;

  /** @type {LinkState} */
  #state = 'connecting';
  /** @type {any} */
  #timer = null;
  #restarting = false;
  /** Connections that were given up since the last one that worked. */
  #failures = 0;
  /** What could not be done because signaling did not get through. @type {'restart' | 'replace' | null} */
  #owed = null;
  /** Whether messages to the other end may have been lost. */
  #lossy = false;
  /** Set while something that the server refused is to be said again. @type {any} */
  #refusalTimer = null;
  /** How often in a row that was refused, and when it was last said again. */
  #refusals = 0;
  #repeatedAt = -Infinity;

  #revision = 0;
  /** @type {import('./link-message.js').Sources} */
  #remote = { revision: 0, list: [] };

  /** @param {LinkOptions} options */
  constructor(options) {
    super();
    this.#options = options;
    this.#env = options.env;
    ({ pc: this.#pc, negotiator: this.#negotiator, slots: this.#slots, control: this.#control } = this.#build());
    options.publications.on('change', () => this.#published(), { signal: this.#life.signal });
  }

  get state() {
    return this.#state;
  }

  /** Whether every exchange of descriptions is complete. */
  get settled() {
    return this.#negotiator.settled;
  }

  /**
   * What comes in through a media section; `null` while it is not negotiated.
   *
   * @param {string} mid
   */
  receiver(mid) {
    return this.#slots.receiver(mid);
  }

  /** @returns {Promise<RTCStatsReport>} */
  getStats() {
    return this.#pc.getStats();
  }

  /**
   * Opens a data channel to the other page; it closes when the connection has to be replaced.
   *
   * @param {string} label
   * @param {RTCDataChannelInit} [options]
   */
  openChannel(label, options) {
    return this.#hold(this.#pc.createDataChannel(label, options));
  }

  /**
   * Takes a message of the other page's link.
   *
   * @param {import('./link-message.js').LinkMessage} message
   */
  receive({ epoch, to, negotiation, sources }) {
    if (this.#life.signal.aborted || (this.#theirs !== null && epoch < this.#theirs)) return;
    const replaced = this.#theirs !== null && epoch > this.#theirs && this.#begun;
    this.#theirs = epoch;
    if (replaced) this.#replace();
    if (to !== null && to !== this.#epoch) return;
    if (sources !== null) this.#heardOf(sources);
    if (negotiation === null) return;
    // Not only once it is applied: in between there may be news of another epoch.
    if ('description' in negotiation) this.#begun = true;
    // A new connection offers unasked.
    if (!(replaced && 'request' in negotiation)) void this.#negotiator.receive(negotiation);
  }

  /**
   * Signaling gets through again.
   *
   * @param {{ lossy: boolean }} options whether messages may have been lost in between
   */
  wake({ lossy }) {
    const owed = this.#owed;
    this.#owed = null;
    if (lossy || this.#lossy) {
      this.#lossy = false;
      if (this.#state !== 'connected') this.#replaceAndTell();
      else this.#negotiator.again();
      this.#tellSources();
    } else if (owed === 'restart') this.#restart();
    else if (owed === 'replace') this.#replaceAndTell();
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
    if (this.#life.signal.aborted || this.#refusalTimer !== null) return;
    // A refusal comes at once. The last repetition got through, and this is a new trouble.
    if (this.#env.now() - this.#repeatedAt > REFUSAL_MS) this.#refusals = 0;
    const ceiling = Math.min(MOST_DELAY_MS, FIRST_REPEAT_MS * 2 ** Math.min(this.#refusals, 10));
    this.#refusals += 1;
    // At random, since others have been refused in the same moment.
    this.#refusalTimer = this.#env.setTimeout(() => {
      this.#refusalTimer = null;
      this.#repeat();
    }, ceiling * (1 + this.#env.random()) / 2);
  }

  /** The STUN and TURN servers have changed. Where the browser does not take them, a call goes on with those before. */
  reconfigure() {
    try {
      this.#pc.setConfiguration(this.#options.configuration());
    } catch (error) {
      this.emit('warning', { error });
    }
  }

  close() {
    this.#life.abort();
    this.#env.clearTimeout(this.#refusalTimer);
    this.#tearDown();
  }

  #build() {
    const { polite, publications, configuration } = this.#options;
    this.#epoch += 1;
    this.#begun = false;
    this.#applied = false;
    this.#restarting = false;
    this.#scope = new AbortController();
    const { signal } = this.#scope;
    const pc = new this.#env.RTCPeerConnection(configuration());
    const control = pc.createDataChannel('control', { negotiated: true, id: 0 });
    const slots = new Slots(pc, !polite, this.#env);
    slots.apply(publications);
    const negotiator = new Negotiator(pc, {
      polite,
      send: (message) => this.#say(message),
      beforeAnswer: () => slots.adopt(),
      environment: this.#env,
    });
    negotiator.on('applied', () => { this.#applied = true; this.#showSources(); }, { signal });
    negotiator.on('exchanged', () => { slots.settle(); this.#showSources(); }, { signal });
    negotiator.on('failure', ({ detail: { error } }) => this.#giveUp(error), { signal });
    negotiator.on('warning', ({ detail }) => this.emit('warning', detail), { signal });
    pc.addEventListener('connectionstatechange', () => this.#connectionChanged(), { signal });
    pc.addEventListener('datachannel', ({ channel }) => {
      this.emit('channel', { channel: this.#hold(channel) });
    }, { signal });
    control.addEventListener('open', () => this.#tellSources(), { signal });
    control.addEventListener('message', ({ data }) => this.#controlled(data), { signal });
    this.#after(CONNECT_MS, () => this.#giveUp(new Error('no way to the other page was found in time')));
    return { pc, control, slots, negotiator };
  }

  #tearDown() {
    this.#env.clearTimeout(this.#timer);
    this.#scope.abort();
    this.#negotiator.close();
    this.#pc.close();
    this.#channels.clear();
  }

  /** A new connection, because the other end has one. */
  #replace() {
    this.#tearDown();
    if (this.#state === 'connected') this.#setState('reconnecting');
    ({ pc: this.#pc, negotiator: this.#negotiator, slots: this.#slots, control: this.#control } = this.#build());
  }

  /** A new connection, of which the other end learns: by its first offer, or by being asked for one. */
  #replaceAndTell() {
    this.#replace();
    if (this.#options.polite) this.#say({ request: 'offer' });
  }

  /** @param {unknown} error why this connection does not work */
  #giveUp(error) {
    this.emit('warning', { error });
    if (this.#state === 'connected') this.#setState('reconnecting');
    const failures = this.#failures++;
    // The first time at once, then ever more slowly: a network that is away for hours is found when it is back.
    this.#after(failures === 0 ? 0 : Math.min(MOST_DELAY_MS, 1000 * 2 ** Math.min(failures, 10)), () => {
      if (this.#options.isReady()) this.#replaceAndTell();
      else this.#owed = 'replace';
    });
  }

  #connectionChanged() {
    switch (this.#pc.connectionState) {
      case 'connected':
        this.#env.clearTimeout(this.#timer);
        this.#failures = 0;
        this.#restarting = false;
        if (this.#owed === 'restart') this.#owed = null;
        this.#setState('connected');
        break;
      case 'disconnected':
        this.#setState('reconnecting');
        // Often it comes back by itself.
        if (!this.#restarting) this.#after(DISCONNECTED_MS, () => this.#restart());
        break;
      case 'failed':
        this.#setState('reconnecting');
        this.#restart();
        break;
      default:
    }
  }

  #restart() {
    if (this.#restarting) return;
    if (!this.#options.isReady()) {
      this.#owed = 'restart';
      return;
    }
    this.#restarting = true;
    this.#negotiator.restartIce();
    this.#after(this.#options.polite ? POLITE_RESTART_MS : RESTART_MS, () => {
      this.#giveUp(new Error('a new way to the other page was not found in time'));
    });
  }

  /** Says again what the other page may lack, over the connection that there is. */
  #repeat() {
    if (!this.#options.isReady()) {
      this.#lossy = true;
      return;
    }
    this.#repeatedAt = this.#env.now();
    this.#negotiator.again();
    // The impolite side's restart is an offer, which is said again with what is open.
    if (this.#restarting && this.#options.polite) this.#negotiator.restartIce();
    this.#tellSources();
  }

  /** One thing is waited for at a time. */
  #after(/** @type {number} */ ms, /** @type {() => void} */ step) {
    this.#env.clearTimeout(this.#timer);
    this.#timer = this.#env.setTimeout(step, ms);
  }

  #published() {
    this.#slots.apply(this.#options.publications);
    // Before the first exchange there is nothing to refer to, and the description will tell.
    if (this.#begun) this.#tellSources();
  }

  #tellSources() {
    const sources = this.#sources();
    if (this.#control.readyState === 'open') this.#control.send(JSON.stringify({ sources }));
    // Over a connection that is broken it would arrive when that is mended.
    if (this.#control.readyState !== 'open' || this.#state !== 'connected') this.#say({}, sources);
  }

  #sources() {
    this.#revision += 1;
    return { revision: this.#revision, list: this.#slots.describe() };
  }

  /**
   * @param {import('./negotiator.js').NegotiationMessage | {}} message
   * @param {import('./link-message.js').Sources} [sources]
   */
  #say(message, sources) {
    const told = 'description' in message ? this.#sources() : sources;
    const to = this.#begun ? this.#theirs : null;
    this.#options.send({ epoch: this.#epoch, to, ...message, ...(told && { sources: told }) });
  }

  /** @param {unknown} data */
  #controlled(data) {
    try {
      const sources = parseSources(JSON.parse(String(data)).sources);
      if (sources !== null) this.#heardOf(sources);
    } catch {
      // From a page that says something else there: not for this version.
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

  /** @param {RTCDataChannel} channel */
  #hold(channel) {
    this.#channels.add(channel);
    channel.addEventListener('close', () => this.#channels.delete(channel), { once: true });
    return channel;
  }

  /** @param {LinkState} state */
  #setState(state) {
    if (state === this.#state) return;
    this.#state = state;
    this.emit('state', { state });
  }
}

/** How long a new connection may take: gathering, checks over TURN, DTLS. */
const CONNECT_MS = 15_000;

/** `disconnected` for longer than this is not a dropped packet. */
const DISCONNECTED_MS = 3000;

/** How long a restart of ICE may take before the connection is replaced. */
const RESTART_MS = 12_000;

/** The polite side waits longer, so that it is mostly the other one that replaces. */
const POLITE_RESTART_MS = 18_000;

const MOST_DELAY_MS = 30_000;

/** A full queue empties as fast as its receiver reads: a second is long. */
const FIRST_REPEAT_MS = 1000;

/** The server's answer is here by then, over any network. */
const REFUSAL_MS = 10_000;
