// One RTCPeerConnection of a link, and all that ends with it.

import { refusal } from './bounds.js';
import { Negotiator } from './negotiator.js';
import { TokenBucket } from './pace.js';
import { Slots } from './slots.js';

export class Epoch {
  /** For state that must arrive also while signaling is down. */
  control;
  negotiator;
  pc;
  slots;
  #scope = new AbortController();
  /** Aborted when it is closed. */
  signal = this.#scope.signal;
  #env;
  /** Firefox collects a channel that nobody holds, and with it closes both ends. @type {Set<RTCDataChannel>} */
  #channels = new Set();
  #bucket = new TokenBucket(COST_A_SECOND, MOST_COST);

  /**
   * @param {import('./link.js').LinkOptions} options
   * @param {(message: import('./negotiator.js').NegotiationMessage) => void} send
   * @throws where the browser makes no connection, or none with this configuration
   */
  constructor({ polite, configuration, publications, env }, send) {
    this.#env = env;
    this.pc = new env.RTCPeerConnection(configuration());
    try {
      this.control = this.pc.createDataChannel('control', { negotiated: true, id: 0 });
      this.slots = new Slots(this.pc, !polite, env);
      this.slots.apply(publications);
    } catch (error) {
      this.pc.close();
      throw error;
    }
    this.negotiator = new Negotiator(this.pc, { polite, send, beforeAnswer: () => this.slots.adopt(), environment: env });
  }

  /** @param {RTCDataChannel} channel */
  hold(channel) {
    this.#channels.add(channel);
    channel.addEventListener('close', () => this.#channels.delete(channel), { once: true });
    return channel;
  }

  /**
   * The other page makes this one do something.
   *
   * @param {number} cost to show one source: 1
   * @throws {MeetError} `refused`, where it is too much
   */
  spend(cost) {
    if (this.#bucket.tryTake(this.#env.now(), cost) > 0) throw refusal('messages or data channels');
  }

  close() {
    this.#scope.abort();
    this.negotiator.close();
    this.pc.close();
    this.#channels.clear();
  }
}

/** A page that mutes, publishes and takes away as fast as a person can is far below. */
const MOST_COST = 500;
const COST_A_SECOND = 50;
