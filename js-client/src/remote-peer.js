// Another peer in the room.

import { bindMembers } from './bind-members.js';
import { MeetError } from './errors.js';
import { RemoteSource } from './remote-source.js';

/**
 * `none`: this page or the peer lacks the permission `signal`, which connections and media need.
 *
 * @typedef {import('./peer-transport.js').TransportState | 'none'} PeerConnection
 */

/** Its properties are current at any time. The room fires an event for each change. */
export class RemotePeer {
  /** @type {string} */
  id;
  /** Untrusted data of any type about the peer, from its browser or from the application. @type {any} */
  meta;
  /** What it may do; what all may if the server does not say. @type {import('./protocol.js').Permission[]} */
  permissions;
  /** Whether its signaling connection is open. A call goes on without. @type {import('./protocol.js').Status} */
  status;
  /** Its sources, by name. @type {Map<string, RemoteSource>} */
  sources = new Map();
  #transport;
  #env;

  /**
   * @param {import('./protocol.js').PeerInfo} info
   * @param {import('./peer-transport.js').PeerTransport | null} transport
   * @param {import('./environment.js').Environment} env
   */
  constructor({ id, meta, status, permissions = ['signal', 'broadcast'] }, transport, env) {
    this.id = id;
    this.meta = meta;
    this.status = status;
    this.permissions = permissions;
    this.#transport = transport;
    this.#env = env;
    bindMembers(this);
  }

  /** The state of the connection that carries media. @returns {PeerConnection} */
  get connection() {
    return this.#transport?.state ?? 'none';
  }

  /**
   * Opens a data channel to the peer, whose room fires the event `datachannel`. The channel closes when the connection is
   * replaced (`connection` is `reconnecting` then); the application may open another one.
   *
   * @param {string} label
   * @param {RTCDataChannelInit} [options]
   * @throws {MeetError} `not-allowed` if `connection` is `none`
   */
  createDataChannel(label, options) {
    return this.#existing().createDataChannel(label, options);
  }

  /**
   * The statistics of the connection (W3C WebRTC Statistics).
   *
   * @returns {Promise<RTCStatsReport>} rejects with a {@link MeetError} `not-allowed` if `connection` is `none`
   */
  async getStats() {
    return this.#existing().getStats();
  }

  #existing() {
    if (this.#transport === null) throw new MeetError('not-allowed', 'no permission to signal');
    return this.#transport;
  }

  /** @internal @param {import('./peer-transport.js').PeerTransport | null} transport */
  setTransport(transport) {
    this.#transport = transport;
  }

  /**
   * @internal
   * @param {import('./transceiver-pool.js').SourceDescription[]} list
   */
  updateSources(list) {
    /** @type {{ type: 'sourceadded' | 'sourcechanged' | 'sourceremoved', source: RemoteSource }[]} */
    const changes = this.removeSources((name) => !list.some((described) => described.name === name));
    for (const described of list) {
      const known = this.sources.get(described.name);
      const source = known ?? new RemoteSource(described.name, new this.#env.MediaStream());
      const changed = source.update(described, (mid) => this.#transport?.receiver(mid) ?? null);
      this.sources.set(described.name, source);
      if (known === undefined) changes.push({ type: 'sourceadded', source });
      else if (changed) changes.push({ type: 'sourcechanged', source });
    }
    return changes;
  }

  /**
   * @internal
   * @param {(name: string) => boolean} [isGone]
   */
  removeSources(isGone = () => true) {
    const gone = [...this.sources.values()].filter(({ name }) => isGone(name));
    for (const { name } of gone) this.sources.delete(name);
    return gone.map((source) => ({ type: /** @type {const} */ ('sourceremoved'), source }));
  }
}
