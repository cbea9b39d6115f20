// Somebody else in the room.

import { RemoteSource } from './remote-source.js';

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
   * @param {import('./link.js').Link} link
   * @param {import('./environment.js').Environment} env
   */
  constructor({ id, meta, status }, link, env) {
    this.id = id;
    this.meta = meta;
    this.status = status;
    this.#link = link;
    this.#env = env;
  }

  /** The state of the media's way to it. */
  get connection() {
    return this.#link.state;
  }

  /**
   * Opens a data channel to it, which the other page gets with the event `channel`. It closes when the connection has
   * to be replaced (`connection` is `reconnecting` then); whoever needs it opens another one.
   *
   * @param {string} label
   * @param {RTCDataChannelInit} [options]
   */
  openChannel(label, options) {
    return this.#link.openChannel(label, options);
  }

  /** The statistics of the connection (W3C WebRTC Statistics). */
  getStats() {
    return this.#link.getStats();
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
      const changed = source.update(told, (mid) => this.#link.receiver(mid));
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
