// Perfect negotiation for one RTCPeerConnection.

import { PendingCandidates, belongsTo, candidatesOf, iceUfrags } from './candidates.js';
import { Emitter } from './emitter.js';
import { environment } from './environment.js';
import { plainError } from './errors.js';
import { IceRestart } from './ice-restart.js';
import { LocalCandidates } from './local-candidates.js';
import {
  CANDIDATE_COST, CHARACTERS_PER_TOKEN, MAX_CANDIDATES, MAX_TOKENS, REQUEST_COST, TOKENS_PER_SECOND, checkDescription, refusal,
} from './peer-limits.js';
import { TokenBucket } from './token-bucket.js';

/**
 * The messages of two negotiators, delivered in order and at most once.
 *
 * @typedef {{ description: RTCSessionDescriptionInit, offerId: number }
 *   | { candidates: RTCIceCandidateInit[] }
 *   | { request: 'offer' | 'restart' | typeof RESYNC }} NegotiationMessage
 */

/**
 * @typedef {object} NegotiatorOptions
 * @property {boolean} polite yields when both sides offer at once, and lets the other side offer first
 * @property {(message: NegotiationMessage) => void} send
 * @property {() => void} [beforeAnswer] called between applying an offer and answering it: the moment to give its
 *   transceivers tracks and directions
 * @property {Partial<import('./environment.js').Environment>} [environment] for tests
 */

/**
 * Implements the pattern of the W3C's WebRTC specification (section 10.7), with additions that real browsers need:
 *
 * - The impolite side makes the first offer, and the polite one holds its own until that exchange is complete: Chromium as
 *   the polite side of a collision over the first media fails permanently against Firefox.
 * - Only one side restarts ICE, the other one requests it: see {@link IceRestart}.
 * - Offers are numbered, to identify answers to other offers, and repetitions.
 * - The other side's use of this one is limited: the size of a description, the rate of offers, candidates and requests.
 *
 * Fires `failure` when a description could not be applied: the connection is unusable, and both sides have to replace it.
 * With the code `refused`, the other side has exceeded a limit, and would do so on another connection. Fires `applied` when a
 * description of the other side was applied, `exchanged` when an offer was answered, and `warning` when the browser rejects
 * ICE servers, or a candidate for the first time.
 *
 * @extends {Emitter<{
 *   applied: { type: RTCSdpType },
 *   exchanged: undefined,
 *   failure: { error: Error },
 *   warning: { error: Error },
 * }>}
 */
export class Negotiator extends Emitter {
  /** Restarts, and the ICE servers. */
  ice;
  #pc;
  #polite;
  #send;
  #beforeAnswer;
  #env;
  #scope = new AbortController();

  // Two of the pattern's three flags. The third one is for an offer that arrives while an answer is being applied. Here
  // messages are handled one after the other.
  #makingOffer = false;
  #ignoredOffer = false;

  #firstExchangeDone = false;
  #lastOfferId = 0;
  /** The offer without an answer; `null` also after it was rolled back. @type {number | null} */
  #openOffer = null;
  /** The newest offer of the other side that was applied. */
  #answered = 0;
  /** How often an offer of the other side was accepted. */
  #accepted = 0;
  #pendingCandidates = new PendingCandidates();
  /** The candidates of the other side's newest ICE generation that were passed to the browser. @type {Set<string>} */
  #remoteCandidates = new Set();
  /** Messages are handled one after the other. An operation that is pending when the connection closes never settles, and
   * neither does this chain. */
  #inbox = Promise.resolve();
  /** Limits the work for the other side. */
  #budget = new TokenBucket(TOKENS_PER_SECOND, MAX_TOKENS);
  #warned = false;
  #localCandidates;
  /** @type {any} */
  #offerTimer = null;

  /**
   * @param {RTCPeerConnection} pc a new one; add the media and data channels of the first offer in the same task
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
    this.ice = new IceRestart(pc, {
      polite,
      request: () => this.#send({ request: 'restart' }),
      rejected: (error) => this.emit('warning', { error: plainError(error) }),
    });
    this.#localCandidates = new LocalCandidates(pc, this.#env, (candidates) => this.#send({ candidates }));
    pc.addEventListener('icecandidate', ({ candidate }) => this.#localCandidates.add(candidate), { signal });
  }

  /** The offer without an answer, with the candidates that were gathered so far; `null` if there is none. */
  get offer() {
    const { localDescription } = this.#pc;
    if (this.#openOffer === null || localDescription === null) return null;
    return { description: { type: localDescription.type, sdp: localDescription.sdp }, offerId: this.#openOffer };
  }

  /** Whether no exchange of descriptions is open. */
  get settled() {
    return this.#firstExchangeDone && this.#openOffer === null && this.#pc.signalingState === 'stable';
  }

  /**
   * Handles a message of the other side.
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
   * Takes tokens for work that the other side causes.
   *
   * @param {number} tokens
   * @returns {number} 0, or how long to wait until there are enough, in milliseconds
   */
  spend(tokens) {
    return this.#budget.tryTake(this.#env.now(), tokens);
  }

  /** Messages may have been lost in both directions: repeats what is open, and requests the same of the other side. */
  resync() {
    this.#repeat();
    if (this.#closed) return;
    this.#localCandidates.repeat();
    if (!this.#closed) this.#send({ request: RESYNC });
  }

  /** Stops negotiating. It does not close the connection. */
  close() {
    this.#scope.abort();
    this.#env.clearTimeout(this.#offerTimer);
    this.#localCandidates.close();
  }

  get #closed() {
    return this.#scope.signal.aborted || this.#pc.signalingState === 'closed';
  }

  async #offer() {
    if (this.#polite && !this.#firstExchangeDone) {
      // In `stable`, after the exchange, the browser checks again whether a negotiation is needed.
      this.#requestOffer();
      return;
    }
    try {
      this.#makingOffer = true;
      const id = ++this.#lastOfferId;
      const accepted = this.#accepted;
      // Without an argument, so that no offer of the other side is applied between creating and setting.
      await this.#pc.setLocalDescription();
      // Rolled back, or about to be: an offer that was accepted meanwhile is next in the connection's operations chain.
      if (this.#closed || accepted !== this.#accepted) return;
      this.#openOffer = id;
      this.#sendDescription(this.#pc.localDescription, id);
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#makingOffer = false;
    }
  }

  /** The other side makes the first offer. Requests it if it does not come. */
  #requestOffer() {
    if (this.#offerTimer !== null) return;
    const request = () => {
      if (this.#closed || this.#firstExchangeDone) return;
      this.#send({ request: 'offer' });
      if (!this.#closed) this.#offerTimer = this.#env.setTimeout(request, OFFER_TIMEOUT_MS);
    };
    this.#offerTimer = this.#env.setTimeout(request, OFFER_TIMEOUT_MS);
  }

  /** @param {NegotiationMessage} message */
  async #handle(message) {
    if (this.#closed) return;
    try {
      if ('description' in message) await this.#apply(message.description, message.offerId);
      else if ('candidates' in message) await this.#addAll(message.candidates);
      else this.#handleRequest(message.request);
    } catch (error) {
      this.#fail(error);
    }
  }

  /**
   * @param {RTCSessionDescriptionInit} description
   * @param {number} offerId
   */
  async #apply(description, offerId) {
    checkDescription(description);
    if (this.ice.received(description)) this.#remoteCandidates.clear();
    if (!this.#admit(candidatesOf(description))) throw refusal('candidates');
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
    const cost = REQUEST_COST + `${description.sdp}`.length / CHARACTERS_PER_TOKEN;
    if (offerId <= this.#answered) {
      if (offerId < this.#answered) return;
      // Repeated, because its answer may have been lost. While the other side waited for that, it may have ignored an offer
      // of this side, which is repeated as well.
      if (this.spend(cost) > 0) return;
      this.#sendDescription(this.#lastAnswer(), offerId);
      if (!this.#closed) this.#repeat();
      return;
    }
    for (let wait; (wait = this.spend(cost)) > 0;) {
      await new Promise((resolve) => { this.#env.setTimeout(() => resolve(undefined), wait); });
      if (this.#closed) return;
    }
    if (!this.#polite && (this.#makingOffer || this.#pc.signalingState !== 'stable')) {
      this.#ignoredOffer = true;
      return;
    }
    // This rolls back an offer of this side. There is no await since the check of the state.
    this.#openOffer = null;
    this.#accepted += 1;
    this.ice.applying(description);
    await this.#pc.setRemoteDescription(description);
    this.#answered = offerId;
    await this.#applied(description);
    if (this.#closed) return;
    this.#beforeAnswer();
    if (this.#closed) return;
    // With a type: if the state has changed meanwhile, this has to fail instead of creating an offer.
    await this.#pc.setLocalDescription({ type: 'answer' });
    if (this.#closed) return;
    this.#sendDescription(this.#lastAnswer(), offerId);
    if (!this.#closed) this.#exchanged();
  }

  #exchanged() {
    this.#firstExchangeDone = true;
    this.#env.clearTimeout(this.#offerTimer);
    this.emit('exchanged', undefined);
  }

  /** The current description, if it is an answer: `localDescription` may be a newer offer. */
  #lastAnswer() {
    const { currentLocalDescription } = this.#pc;
    return currentLocalDescription?.type === 'answer' ? currentLocalDescription : null;
  }

  /** @param {RTCSessionDescriptionInit} description */
  async #applied(description) {
    this.#ignoredOffer = false;
    const applied = iceUfrags(description);
    this.emit('applied', { type: description.type });
    for (const candidate of this.#pendingCandidates.take(applied)) await this.#add(candidate);
  }

  /** @param {RTCIceCandidateInit[]} candidates */
  async #addAll(candidates) {
    const applied = iceUfrags(this.#pc.remoteDescription);
    for (const candidate of candidates) {
      if (applied.size > 0 && belongsTo(candidate, applied)) await this.#add(candidate);
      else this.#pendingCandidates.add(candidate);
    }
  }

  /** Without an unusable candidate there is one route less, and no other harm. */
  async #add(/** @type {RTCIceCandidateInit} */ candidate) {
    const text = `${candidate.candidate}`;
    if (this.#closed || this.#remoteCandidates.has(text) || !this.#admit([text])) return;
    try {
      await this.#pc.addIceCandidate(candidate);
    } catch (error) {
      this.#remoteCandidates.delete(text);
      if (this.#ignoredOffer || this.#closed || this.#warned) return;
      this.#warned = true;
      this.emit('warning', { error: plainError(error) });
    }
  }

  /** Takes tokens for candidates that are new to the browser. @param {string[]} candidates */
  #admit(candidates) {
    const added = [...new Set(candidates)].filter((candidate) => !this.#remoteCandidates.has(candidate));
    if (this.#remoteCandidates.size + added.length > MAX_CANDIDATES || this.spend(added.length * CANDIDATE_COST) > 0) return false;
    for (const candidate of added) this.#remoteCandidates.add(candidate);
    return true;
  }

  /** @param {'offer' | 'restart' | typeof RESYNC} request */
  #handleRequest(request) {
    if (this.spend(REQUEST_COST) > 0) return;
    if (request === RESYNC) this.#repeat();
    else if (request === 'restart') this.ice.requested();
    else if (this.#polite) return;
    else if (this.#openOffer !== null) this.#repeat();
    else if (!this.#firstExchangeDone && !this.#makingOffer) void this.#offer();
  }

  #repeat() {
    if (this.#openOffer !== null) this.#sendDescription(this.#pc.localDescription, this.#openOffer);
    if (!this.#closed) this.ice.repeat();
  }

  /**
   * @param {RTCSessionDescription | null} description
   * @param {number} offerId
   */
  #sendDescription(description, offerId) {
    if (description !== null) this.#send({ description: { type: description.type, sdp: description.sdp }, offerId });
  }

  /** @param {unknown} error */
  #fail(error) {
    if (!this.#closed) this.emit('failure', { error: plainError(error) });
  }
}

/** The value on the wire of the request to repeat what is open. */
export const RESYNC = 'again';

/** How long the polite side waits for the first offer before it requests it. */
const OFFER_TIMEOUT_MS = 5000;
