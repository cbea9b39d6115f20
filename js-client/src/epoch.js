// One RTCPeerConnection of a link, and all that ends with it.

import { Negotiator } from './negotiator.js';
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
  /** @type {Set<RTCDataChannel>} */
  #channels = new Set();

  /**
   * @param {import('./link.js').LinkOptions} options
   * @param {(message: import('./negotiator.js').NegotiationMessage) => void} send
   * @throws where the browser makes no connection, or none with this configuration
   */
  constructor({ polite, configuration, publications, env }, send) {
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

  /** Firefox collects a channel that nobody holds, and with it closes both ends. */
  hold = (/** @type {RTCDataChannel} */ channel) => {
    this.#channels.add(channel);
    channel.addEventListener('close', () => this.#channels.delete(channel), { once: true });
    return channel;
  };

  close() {
    this.#scope.abort();
    this.negotiator.close();
    this.pc.close();
    this.#channels.clear();
  }
}
