// First offers for peers that are not known yet.

import { PeerTransport } from './peer-transport.js';
import { measure } from './protocol.js';

/** @typedef {Omit<import('./peer-transport.js').TransportOptions, 'polite' | 'send' | 'isReady'>} PreparedOptions */

/**
 * A transport without a peer. `frames` are the messages that it has sent, until it has one.
 *
 * @typedef {object} Prepared
 * @property {PeerTransport} transport
 * @property {object[]} frames
 * @property {Peer | null} peer
 *
 * @typedef {object} Peer
 * @property {(data: object) => void} send
 * @property {() => boolean} isReady
 */

/**
 * A page that joins is impolite toward all members that it will find. So it can make its first offers before it joins, and
 * send them with the `join`. It makes them one after the other, until it joins: each connection keeps the page busy for some
 * milliseconds, which matters if the server is near.
 */
export class PreparedOffers {
  #options;
  /** In the order of their offers. @type {Prepared[]} */
  #prepared = [];
  /** How many there will be. */
  #wanted = 0;
  /** How many of them have their offers in a `join`. */
  #sent = 0;
  /** Those whose offers nobody got, once the server has said who got one. @type {Prepared[]} */
  #spare = [];
  /** They wait until all offers are made. @type {(() => void)[]} */
  #listeners = [];

  /** @param {PreparedOptions} options */
  constructor(options) {
    this.#options = options;
  }

  /**
   * Makes offers with the present configuration, unless there are some.
   *
   * @param {number} count
   */
  prepare(count) {
    this.#wanted = Math.max(this.#prepared.length, count);
    this.#check();
  }

  /** Whether the browser has made a connection with the present configuration. */
  get areValid() {
    return this.#prepared.length > 0;
  }

  /** The configuration is another one. */
  reconfigure() {
    // Somebody may answer an offer that was sent.
    if (this.#sent === 0) this.close();
    else for (const { transport } of this.#prepared) transport.reconfigure();
  }

  /** Whether some offers are not made yet. */
  get isPending() {
    return this.#prepared.length < this.#wanted || this.#isMaking;
  }

  get #isMaking() {
    return this.#prepared.some(({ transport }) => !transport.hasOffer);
  }

  /**
   * Calls back once, when no offer is pending.
   *
   * @param {() => void} listener
   */
  whenMade(listener) {
    this.#listeners.push(listener);
    this.#check();
  }

  /**
   * The offers for a `join`, with all candidates that were gathered so far.
   *
   * @param {number} maxBytes of them as JSON
   * @returns {object[]}
   */
  take(maxBytes) {
    // A join without a reply may have told somebody of these connections, and its session is not this one's.
    if (this.#sent > 0) this.close();
    this.#wanted = this.#prepared.length;
    /** @type {object[]} */
    const offers = [];
    let bytes = 0;
    for (const { transport, frames } of this.#prepared) {
      const offer = transport.offer();
      if (offer === null) break;
      bytes += measure(JSON.stringify(offer)) + 1;
      if (bytes > maxBytes) break;
      // Their candidates are in the offer.
      frames.length = 0;
      offers.push(offer);
    }
    this.#sent = offers.length;
    return offers;
  }

  /**
   * The server has delivered these offers.
   *
   * @param {(number | undefined)[]} numbers
   */
  delivered(numbers) {
    this.#spare = this.#prepared.filter((_, number) => !numbers.includes(number));
    this.#wanted = this.#prepared.length;
  }

  /**
   * A transport for a peer of the `welcome`, if there is one.
   *
   * @param {number | undefined} number of the offer that the peer got
   * @param {Peer} peer
   * @returns {PeerTransport | null}
   */
  assign(number, peer) {
    const isDelivered = number !== undefined && number < this.#sent && this.#prepared[number]?.peer === null;
    const prepared = isDelivered ? this.#prepared[number] : this.#spare.shift();
    if (prepared === undefined) return null;
    const { transport, frames } = prepared;
    prepared.peer = peer;
    const offer = isDelivered ? null : transport.offer();
    const missed = offer === null ? frames.splice(0) : [offer];
    transport.assigned({ isOffered: isDelivered }, missed);
    return transport;
  }

  /** Closes those without a peer. */
  close() {
    const unused = this.#prepared.filter(({ peer }) => peer === null);
    this.#prepared = [];
    this.#spare = [];
    this.#wanted = 0;
    this.#sent = 0;
    for (const { transport } of unused) transport.close();
    this.#check();
  }

  /** @returns {boolean} whether the browser makes such a connection */
  #add() {
    const frames = /** @type {object[]} */ ([]);
    const send = (/** @type {object} */ data) => {
      if (prepared.peer !== null) return prepared.peer.send(data);
      frames.push(data);
      return this.#check();
    };
    const isReady = () => prepared.peer?.isReady() ?? false;
    const transport = new PeerTransport({ ...this.#options, polite: false, isPrepared: true, send, isReady });
    /** @type {Prepared} */
    const prepared = { transport, frames, peer: null };
    if (!transport.isConnecting) {
      transport.close();
      return false;
    }
    transport.on('warning', () => this.#drop(prepared));
    this.#prepared.push(prepared);
    return true;
  }

  /** Its connection is unusable. Another one is made as usual, once there is a peer. @param {Prepared} prepared */
  #drop(prepared) {
    if (prepared.peer !== null || this.#sent > 0) return;
    this.#prepared = this.#prepared.filter((each) => each !== prepared);
    this.#wanted -= 1;
    prepared.transport.close();
    this.#check();
  }

  /** Makes the next offer, or tells that there are all. */
  #check() {
    if (!this.#isMaking && this.#prepared.length < this.#wanted && !this.#add()) this.#wanted = this.#prepared.length;
    if (this.isPending) return;
    for (const listener of this.#listeners.splice(0)) listener();
  }
}
