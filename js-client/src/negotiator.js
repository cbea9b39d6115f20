// Perfect negotiation for one RTCPeerConnection.

import { checkDescription, refusal } from './bounds.js';
import { EarlyCandidates, candidatesOf, generations, isOf } from './candidates.js';
import { Emitter } from './emitter.js';
import { environment } from './environment.js';
import { plainError } from './errors.js';
import { TokenBucket } from './pace.js';

/**
 * What two negotiators say to each other, in order and at most once.
 *
 * @typedef {{ description: RTCSessionDescriptionInit, offerId: number }
 *   | { candidates: RTCIceCandidateInit[] }
 *   | { request: 'offer' | 'restart' | 'again' }} NegotiationMessage
 */

/**
 * @typedef {object} NegotiatorOptions
 * @property {boolean} polite gives way when both sides offer at once, and lets the other side offer first
 * @property {(message: NegotiationMessage) => void} send
 * @property {() => void} [beforeAnswer] an offer was applied, and is about to be answered: the moment to give its
 *   transceivers tracks and directions
 * @property {Partial<import('./environment.js').Environment>} [environment] for tests
 */

/**
 * The pattern of the W3C's WebRTC specification (section 10.7), and what real browsers need beside it:
 *
 * - The impolite side makes the first offer, the polite one holds its own until that exchange is complete: Chromium as
 *   the polite side of a collision over the first media fails for good against Firefox.
 * - Only the impolite side restarts ICE, the other asks for it: Chromium's offer of a restart breaks DTLS where
 *   Firefox had offered first.
 * - Offers are numbered, so that an answer to another one, or a repeated one, is told apart.
 *
 * - What the other side can make this one do is bounded: the size of a description, offers a minute, candidates, and how
 *   often something is said again.
 *
 * Fires `failure` when a description could not be applied: the connection cannot be relied on any more, and is to be
 * replaced on both sides. With the code `refused`, it is the other side's doing, and another connection would fare no
 * better. `applied` tells that a description of the other side was, `exchanged` that an offer has found its answer;
 * `warning`, once, that a candidate could not be used.
 *
 * @extends {Emitter<{
 *   applied: { type: RTCSdpType },
 *   exchanged: undefined,
 *   failure: { error: Error },
 *   warning: { error: Error },
 * }>}
 */
export class Negotiator extends Emitter {
  #pc;
  #polite;
  #send;
  #beforeAnswer;
  #env;
  #scope = new AbortController();

  // Two of the pattern's three flags. The third, for an offer that meets an answer which is still being applied, has
  // no use where messages are handled one after the other.
  #makingOffer = false;
  #ignoredOffer = false;

  #firstExchangeDone = false;
  #lastOfferId = 0;
  /** The offer that waits for its answer; `null` also once it was rolled back. @type {number | null} */
  #openOffer = null;
  /** The newest offer of the other side that was applied. */
  #answered = 0;
  /** How often an offer of the other side was accepted. */
  #accepted = 0;
  #early = new EarlyCandidates();
  /** The candidates of the other side's newest generation that the browser was given. @type {Set<string>} */
  #known = new Set();
  #generation = '';
  /** Messages are handled one after the other: while one is being applied, the next one waits. What is pending when the
   * connection closes never settles, and with it this chain: it ends with its negotiator. */
  #inbox = Promise.resolve();
  /** What the other side may make this one do. */
  #budget = new TokenBucket(POINTS_A_SECOND, MOST_POINTS);
  #warned = false;
  /** @type {RTCIceCandidateInit[]} */
  #gathered = [];
  /** Those of the newest generation that were sent. @type {RTCIceCandidateInit[]} */
  #told = [];
  /** @type {any} */
  #timer = null;
  /** @type {any} */
  #batchTimer = null;

  /**
   * @param {RTCPeerConnection} pc a new one; media and data channels of the first offer are added in the same task
   * @param {NegotiatorOptions} options
   */
  constructor(pc, { polite, send, beforeAnswer = () => {}, environment: given = {} }) {
    super();
    this.#pc = pc;
    this.#polite = polite;
    this.#send = send;
    this.#beforeAnswer = beforeAnswer;
    this.#env = environment(given);
    const { signal } = this.#scope;
    pc.addEventListener('negotiationneeded', () => void this.#offer(), { signal });
    pc.addEventListener('icecandidate', ({ candidate }) => this.#gather(candidate), { signal });
  }

  /** Whether nothing is open between the two sides. */
  get settled() {
    return this.#firstExchangeDone && this.#openOffer === null && this.#pc.signalingState === 'stable';
  }

  /**
   * Takes a message of the other side.
   *
   * @param {NegotiationMessage} message
   * @returns {Promise<void>} resolves when it was handled; never after `close`
   */
  receive(message) {
    if (this.spend(1) > 0) this.#fail(refusal('messages'));
    else this.#inbox = this.#inbox.then(() => this.#handle(message));
    return this.#inbox;
  }

  /**
   * The other side makes this one do something.
   *
   * @param {number} points
   * @returns {number} 0, or how long to wait until there are so many, in milliseconds
   */
  spend(points) {
    return this.#budget.tryTake(this.#env.now(), points);
  }

  /** Looks for another way through the network, with the same media. */
  restartIce() {
    if (this.#polite) this.#send({ request: 'restart' });
    else this.#pc.restartIce();
  }

  /** Messages may have been lost in both directions: says again what is open, and asks the other side to do so. */
  again() {
    this.#repeat();
    if (this.#closed) return;
    this.#forgetOldCandidates();
    if (this.#told.length > 0) this.#send({ candidates: this.#told });
    if (!this.#closed) this.#send({ request: 'again' });
  }

  /** Ends it. The connection is its owner's to close. */
  close() {
    this.#scope.abort();
    this.#env.clearTimeout(this.#timer);
    this.#env.clearTimeout(this.#batchTimer);
  }

  get #closed() {
    return this.#scope.signal.aborted || this.#pc.signalingState === 'closed';
  }

  async #offer() {
    if (this.#polite && !this.#firstExchangeDone) {
      // Nothing is forgotten: in `stable`, after the exchange, the browser looks again whether there is a need.
      this.#askForOffer();
      return;
    }
    try {
      this.#makingOffer = true;
      const id = ++this.#lastOfferId;
      const accepted = this.#accepted;
      // Without an argument, so that no offer of the other side fits between making and setting.
      await this.#pc.setLocalDescription();
      // Rolled back already, or about to be: an offer that was accepted meanwhile is next in the connection's queue.
      if (this.#closed || accepted !== this.#accepted) return;
      this.#openOffer = id;
      this.#say(this.#pc.localDescription, id);
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#makingOffer = false;
    }
  }

  /** The first offer is the other side's to make. Should it not come, it is asked for. */
  #askForOffer() {
    if (this.#timer !== null) return;
    const ask = () => {
      if (this.#closed || this.#firstExchangeDone) return;
      this.#send({ request: 'offer' });
      if (!this.#closed) this.#timer = this.#env.setTimeout(ask, FIRST_OFFER_MS);
    };
    this.#timer = this.#env.setTimeout(ask, FIRST_OFFER_MS);
  }

  /** @param {NegotiationMessage} message */
  async #handle(message) {
    if (this.#closed) return;
    try {
      if ('description' in message) await this.#describe(message.description, message.offerId);
      else if ('candidates' in message) await this.#addAll(message.candidates);
      else this.#asked(message.request);
    } catch (error) {
      this.#fail(error);
    }
  }

  /**
   * @param {RTCSessionDescriptionInit} description
   * @param {number} offerId
   */
  async #describe(description, offerId) {
    checkDescription(description);
    const generation = [...generations(description)].join();
    if (generation !== this.#generation) this.#known.clear();
    this.#generation = generation;
    if (!this.#mayKnow(candidatesOf(description))) throw refusal('candidates');
    if (description.type === 'answer') await this.#applyAnswer(description, offerId);
    else if (description.type === 'offer') await this.#applyOffer(description, offerId);
  }

  /**
   * @param {RTCSessionDescriptionInit} description
   * @param {number} offerId
   */
  async #applyAnswer(description, offerId) {
    if (offerId !== this.#openOffer || this.#pc.signalingState !== 'have-local-offer') return;
    await this.#pc.setRemoteDescription(description);
    if (this.#openOffer === offerId) this.#openOffer = null;
    await this.#applied(description);
    if (!this.#closed) this.#exchanged();
  }

  /**
   * @param {RTCSessionDescriptionInit} description
   * @param {number} offerId
   */
  async #applyOffer(description, offerId) {
    const points = REQUEST_POINTS + `${description.sdp}`.length / CHARACTERS_A_POINT;
    if (offerId <= this.#answered) {
      if (offerId < this.#answered) return;
      // Said again, because its answer may have been lost. While the other side waited for that, it may have ignored an
      // offer of this side, which is said again as well.
      if (this.spend(points) > 0) return;
      this.#say(this.#lastAnswer(), offerId);
      if (!this.#closed) this.#repeat();
      return;
    }
    for (let wait; (wait = this.spend(points)) > 0;) {
      await new Promise((resolve) => { this.#env.setTimeout(() => resolve(undefined), wait); });
      if (this.#closed) return;
    }
    if (!this.#polite && (this.#makingOffer || this.#pc.signalingState !== 'stable')) {
      this.#ignoredOffer = true;
      return;
    }
    // Whatever this side had offered is rolled back. No await since the state was looked at.
    this.#openOffer = null;
    this.#accepted += 1;
    await this.#pc.setRemoteDescription(description);
    this.#answered = offerId;
    await this.#applied(description);
    if (this.#closed) return;
    this.#beforeAnswer();
    if (this.#closed) return;
    // The type is given: in a state that was left meanwhile this is to fail, not to become an offer.
    await this.#pc.setLocalDescription({ type: 'answer' });
    if (this.#closed) return;
    this.#say(this.#lastAnswer(), offerId);
    if (!this.#closed) this.#exchanged();
  }

  #exchanged() {
    this.#firstExchangeDone = true;
    this.#env.clearTimeout(this.#timer);
    this.emit('exchanged', undefined);
  }

  /** The description in force, where it was this side's to answer: `localDescription` may be a newer offer. */
  #lastAnswer() {
    const { currentLocalDescription } = this.#pc;
    return currentLocalDescription?.type === 'answer' ? currentLocalDescription : null;
  }

  /** @param {RTCSessionDescriptionInit} description */
  async #applied(description) {
    this.#ignoredOffer = false;
    const applied = generations(description);
    this.emit('applied', { type: description.type });
    for (const candidate of this.#early.take(applied)) await this.#add(candidate);
  }

  /** @param {RTCIceCandidateInit[]} candidates */
  async #addAll(candidates) {
    const applied = generations(this.#pc.remoteDescription);
    for (const candidate of candidates) {
      if (applied.size > 0 && isOf(candidate, applied)) await this.#add(candidate);
      else this.#early.keep(candidate);
    }
  }

  /** A candidate that cannot be used is one way less through the network, and no more. */
  async #add(/** @type {RTCIceCandidateInit} */ candidate) {
    const text = `${candidate.candidate}`;
    if (this.#closed || this.#known.has(text) || !this.#mayKnow([text])) return;
    try {
      await this.#pc.addIceCandidate(candidate);
    } catch (error) {
      this.#known.delete(text);
      if (this.#ignoredOffer || this.#closed || this.#warned) return;
      this.#warned = true;
      this.emit('warning', { error: plainError(error) });
    }
  }

  /** Those that the browser has already cost nothing. @param {string[]} candidates */
  #mayKnow(candidates) {
    const added = [...new Set(candidates)].filter((candidate) => !this.#known.has(candidate));
    if (this.#known.size + added.length > MOST_CANDIDATES || this.spend(added.length * CANDIDATE_POINTS) > 0) return false;
    for (const candidate of added) this.#known.add(candidate);
    return true;
  }

  /** @param {'offer' | 'restart' | 'again'} request */
  #asked(request) {
    if (this.spend(REQUEST_POINTS) > 0) return;
    if (request === 'again') this.#repeat();
    else if (this.#polite) return;
    else if (request === 'restart') this.#pc.restartIce();
    else if (this.#openOffer !== null) this.#repeat();
    else if (!this.#firstExchangeDone && !this.#makingOffer) void this.#offer();
  }

  #repeat() {
    if (this.#openOffer !== null) this.#say(this.#pc.localDescription, this.#openOffer);
  }

  /**
   * @param {RTCSessionDescription | null} description
   * @param {number} offerId
   */
  #say(description, offerId) {
    if (description !== null) this.#send({ description: { type: description.type, sdp: description.sdp }, offerId });
  }

  /** Candidates come in bursts, one event each; a burst is one message. */
  #gather(/** @type {RTCIceCandidate | null} */ candidate) {
    if (candidate === null) return;
    this.#gathered.push(candidate.toJSON());
    if (this.#gathered.length > 1) return;
    this.#batchTimer = this.#env.setTimeout(() => {
      const candidates = this.#gathered.splice(0);
      this.#forgetOldCandidates();
      this.#told = [...this.#told, ...candidates].slice(-MOST_TOLD);
      this.#send({ candidates });
    }, BATCH_MS);
  }

  #forgetOldCandidates() {
    const current = generations(this.#pc.localDescription);
    this.#told = this.#told.filter((candidate) => isOf(candidate, current));
  }

  /** @param {unknown} error */
  #fail(error) {
    if (!this.#closed) this.emit('failure', { error: plainError(error) });
  }
}

/** How long the polite side waits for the first offer before it asks. */
const FIRST_OFFER_MS = 5000;

/** A message that does nothing is one point. */
const MOST_POINTS = 4000;
const POINTS_A_SECOND = 30;

/** Answers take time here, and their part of what this page may say to all. */
const REQUEST_POINTS = 60;
const CHARACTERS_A_POINT = 1024;

/**
 * A machine with many interfaces and TURN servers has some dozens in a generation. At 3,000, of one generation or of many,
 * Chromium's main thread stands still for a minute; at 1,000 it does not.
 */
const MOST_CANDIDATES = 400;
const CANDIDATE_POINTS = MOST_POINTS / MOST_CANDIDATES;

/** As many as the other side takes in one message. */
const MOST_TOLD = 128;

/** Too short to be felt, long enough for the candidates of all local interfaces. */
const BATCH_MS = 20;
