// Somebody else in the room.

import { bindMembers } from './bind-members.js';
import { MeetError } from './errors.js';
import { RemoteSource } from './remote-source.js';

/**
 * `none`: this page lacks the permission `signal`, without which no connection can be made and no media be exchanged.
 *
 * @typedef {import('./link.js').LinkState | 'none'} PeerConnection
 */

/** What is known of another peer. Readable at any time; the room fires an event for each change. */
export class RemotePeer {
  /** @type {string} */
  id;
  /** What it tells about itself: anything. It comes from another browser. @type {any} */
  meta;
  /** Whether its signaling connection is there. A call goes on without. @type {import('./protocol.js').Status} */
  status;
  /** What it publishes, by name. @type {Map<string, RemoteSource>} */
  sources = new Map();
  #link;
  #env;

  /**
   * @param {import('./protocol.js').PeerInfo} info
   * @param {import('./link.js').Link | null} link
   * @param {import('./environment.js').Environment} env
   */
  constructor({ id, meta, status }, link, env) {
    this.id = id;
    this.meta = meta;
    this.status = status;
    this.#link = link;
    this.#env = env;
    bindMembers(this);
  }

  /** The state of the connection that carries media. @returns {PeerConnection} */
  get connection() {
    return this.#link?.state ?? 'none';
  }

  /**
   * Opens a data channel to it, which the other page gets with the event `channel`. It closes when the connection has
   * to be replaced (`connection` is `reconnecting` then); whoever needs it opens another one.
   *
   * @param {string} label
   * @param {RTCDataChannelInit} [options]
   * @throws {MeetError} `not-allowed` where `connection` is `none`
   */
  openChannel(label, options) {
    return this.#existing().openChannel(label, options);
  }

  /**
   * The statistics of the connection (W3C WebRTC Statistics).
   *
   * @returns {Promise<RTCStatsReport>} rejects with a {@link MeetError} `not-allowed` where `connection` is `none`
   */
  async getStats() {
    return this.#existing().getStats();
  }

  #existing() {
    if (this.#link === null) throw new MeetError('not-allowed', 'this page may not signal, so it has no connections');
    return this.#link;
  }

  /**
   * @internal
   * @param {import('./slots.js').SourceDescription[]} list
   */
  updateSources(list) {
    /** @type {{ type: 'sourceadded' | 'sourcechanged' | 'sourceremoved', source: RemoteSource }[]} */
    const changes = this.removeSources((name) => !list.some((told) => told.name === name));
    for (const told of list) {
      const known = this.sources.get(told.name);
      const source = known ?? new RemoteSource(told.name, new this.#env.MediaStream());
      const changed = source.update(told, (mid) => this.#link?.receiver(mid) ?? null);
      this.sources.set(told.name, source);
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
