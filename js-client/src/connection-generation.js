// One RTCPeerConnection of a peer transport, and everything that ends with it.

import { Negotiator } from './negotiator.js';
import { losesRelay } from './relay.js';
import { TransceiverPool } from './transceiver-pool.js';

/**
 * @typedef {object} ConnectionOptions
 * @property {boolean} polite
 * @property {() => RTCConfiguration} configuration
 * @property {import('./publications.js').Publications} publications
 * @property {import('./environment.js').Environment} env
 */

export class ConnectionGeneration {
  /** Carries state also while signaling is down. */
  control;
  negotiator;
  pc;
  transceivers;
  #scope = new AbortController();
  /** Aborted by `close`. */
  signal = this.#scope.signal;
  /** @type {Set<RTCDataChannel>} */
  #channels = new Set();

  /**
   * @param {ConnectionOptions} options
   * @param {(message: import('./negotiator.js').NegotiationMessage) => void} send
   * @throws if the browser makes no connection, or none with this configuration
   */
  constructor({ polite, configuration, publications, env }, send) {
    this.pc = new env.RTCPeerConnection(configuration());
    try {
      this.control = this.pc.createDataChannel('control', { negotiated: true, id: 0 });
      this.transceivers = new TransceiverPool(this.pc, !polite, env);
      this.transceivers.apply(publications);
    } catch (error) {
      this.pc.close();
      throw error;
    }
    this.negotiator = new Negotiator(this.pc, { polite, send, beforeAnswer: () => this.transceivers.adopt(), environment: env });
  }

  /** Keeps a reference: Firefox collects a channel without one, which closes both ends. */
  hold = (/** @type {RTCDataChannel} */ channel) => {
    this.#channels.add(channel);
    channel.addEventListener('close', () => this.#channels.delete(channel), { once: true });
    return channel;
  };

  /**
   * Uses this configuration when ICE restarts. It does now if a relay's credentials are replaced; the media go on over the old
   * relay meanwhile.
   *
   * @param {RTCConfiguration} configuration
   */
  reconfigure(configuration) {
    this.negotiator.ice.reconfigure(configuration);
    losesRelay(this.pc, configuration).then((isLost) => {
      if (isLost && !this.signal.aborted) this.negotiator.ice.restart();
    // A connection that is closed meanwhile may have no statistics.
    }, () => {});
  }

  close() {
    this.#scope.abort();
    this.negotiator.close();
    this.pc.close();
    this.#channels.clear();
  }
}
