// Who waits in the lobby, as moderators see it.

/** @typedef {import('./protocol.js').KnockingPeer} KnockingPeer */

export class Lobby {
  /** By id, in the order in which they came. @type {Map<string, KnockingPeer>} */
  peers = new Map();
  /** @type {WeakSet<KnockingPeer>} */
  #announced = new WeakSet();
  #notify;

  /** @param {(type: 'knock' | 'knockgone', detail: { peer: KnockingPeer }) => void} notify calls `isDue` before it fires the event */
  constructor(notify) {
    this.#notify = notify;
  }

  /** @param {KnockingPeer[]} list all who wait */
  reconcile(list) {
    const present = new Set(list.map(({ id }) => id));
    for (const id of [...this.peers.keys()]) if (!present.has(id)) this.gone(id);
    for (const peer of list) this.knocked(peer);
  }

  /** Somebody waits, or has another `meta`: to the page, the old request is gone. @param {KnockingPeer} peer */
  knocked(peer) {
    const known = this.peers.get(peer.id);
    if (known !== undefined) {
      if (JSON.stringify(known.meta) === JSON.stringify(peer.meta)) return;
      this.gone(peer.id);
    }
    this.peers.set(peer.id, peer);
    this.#notify('knock', { peer });
  }

  /** @param {string} id */
  gone(id) {
    const peer = this.peers.get(id);
    if (peer === undefined) return;
    this.peers.delete(id);
    this.#notify('knockgone', { peer });
  }

  /**
   * Whether an event is still to be fired. Who is gone before it was announced is never announced.
   *
   * @param {string} type
   * @param {KnockingPeer} peer
   */
  isDue(type, peer) {
    if (type === 'knockgone') return this.#announced.delete(peer);
    if (this.peers.get(peer.id) !== peer) return false;
    this.#announced.add(peer);
    return true;
  }
}
