// The other peers in the room, and the transports to them.

import { MeetError } from './errors.js';
import { ConcurrencyLimiter } from './concurrency-limiter.js';
import { PeerTransport } from './peer-transport.js';
import { PreparedOffers } from './prepared-offers.js';
import { parseTransportMessage } from './transport-message.js';
import { RemotePeer } from './remote-peer.js';

/** @typedef {import('./protocol.js').PeerInfo} PeerInfo */
/** @typedef {import('./protocol.js').LeaveReason} LeaveReason */
/** @typedef {import('./remote-source.js').RemoteSource} RemoteSource */
/** @typedef {import('./room-types.js').RoomEvents} RoomEvents */

/**
 * @typedef {object} RosterOptions
 * @property {<Type extends keyof RoomEvents>(type: Type, detail: RoomEvents[Type]) => void} notify calls `isDue` before it
 *   fires the event
 * @property {import('./signaling-socket.js').SignalingSocket} socket
 * @property {import('./publications.js').Publications} publications
 * @property {() => RTCConfiguration} configuration
 * @property {() => boolean} maySignal without this permission there are no transports
 * @property {import('./environment.js').Environment} env
 */

/** Applies the messages of the server about other peers, and keeps a transport to each peer. */
export class Roster {
  /** By id, in the order in which they joined. @type {Map<string, RemotePeer>} */
  peers = new Map();
  /** @type {Map<string, PeerTransport>} */
  #transports = new Map();
  /** The role of this page toward each peer. @type {WeakMap<RemotePeer, boolean>} */
  #polite = new WeakMap();
  /** The last transport that was closed because of permissions. @type {WeakMap<RemotePeer, PeerTransport>} */
  #ended = new WeakMap();
  /** The peers and sources that were announced. @type {WeakSet<RemotePeer | RemoteSource>} */
  #announced = new WeakSet();
  #options;
  #limiter;
  #notify;
  #socket;
  /** For those that this page finds when it joins. */
  offers;

  /** @param {RosterOptions} options */
  constructor(options) {
    this.#options = options;
    const { configuration, publications, env } = options;
    this.#limiter = new ConcurrencyLimiter(env);
    this.offers = new PreparedOffers({ configuration, publications, env, limiter: this.#limiter });
    this.#notify = options.notify;
    this.#socket = options.socket;
  }

  /** @param {import('./protocol.js').Welcome} welcome */
  welcomed({ resumed, peers }) {
    if (resumed === 'no') {
      // With another id, this page is a new peer.
      this.clear('timeout');
      this.offers.delivered(peers.map(({ offered }) => offered));
      for (const info of peers) this.#joined(info);
      this.offers.close();
      return;
    }
    // After `full`, the messages that were missed follow.
    if (resumed === 'partial') this.#reconcile(peers);
    this.wake({ lossy: resumed === 'partial' });
  }

  /** @param {import('./protocol.js').RoomMessage} message */
  received(message) {
    switch (message.type) {
      case 'joined':
        this.#joined(message.peer);
        // In the place of its first signal.
        if (message.offer !== undefined) this.#signal(message.peer.id, message.offer);
        return undefined;
      case 'left': return this.#left(message.peer, message.reason);
      case 'status': return this.#changed(message.peer, { status: message.status });
      case 'updated': return this.#changed(message.peer, { meta: message.meta });
      case 'permissions': return this.#permit(message.peer, message.permissions);
      case 'signal': return this.#signal(message.from, message.data);
      case 'broadcast': return this.#message(message.from, message.data, false);
      default: // A newer server may send unknown messages.
    }
  }

  /**
   * The server has rejected a message.
   *
   * @param {{ error: MeetError, message: import('./protocol.js').SentMessage | null }} detail
   */
  rejected({ error, message }) {
    if (message?.type !== 'signal') {
      // An unknown message may have been one of any transport.
      if (message === null && error.retryable) for (const transport of this.#transports.values()) transport.refused();
      this.#notify('error', { error, peer: null });
      return;
    }
    // The server sends `left` for the peer.
    if (error.code === 'no-such-peer') return;
    if (parseTransportMessage(message.data) !== null) {
      const transport = this.#transports.get(message.to);
      if (error.retryable) transport?.refused();
      else transport?.undelivered();
      // The transport resyncs by itself, or this page has lost the permission meanwhile.
      if (error.code === 'peer-unreachable' || (error.code === 'not-allowed' && !this.#options.maySignal())) return;
    }
    this.#notify('error', { error, peer: this.peers.get(message.to) ?? null });
  }

  /** The STUN and TURN servers have changed. */
  reconfigure() {
    this.offers.reconfigure();
    for (const transport of this.#transports.values()) transport.reconfigure();
  }

  /**
   * Another attempt may connect to peers that were not reached.
   *
   * @param {{ lossy: boolean }} options whether messages may have been lost
   */
  wake(options) {
    for (const [id, transport] of this.#transports) {
      if (this.peers.get(id)?.status === 'here') transport.wake(options);
      // It resyncs when the peer is back.
      else if (options.lossy) transport.undelivered();
    }
  }

  /**
   * Whether an event is still to be fired. A peer or a source that is gone before it was announced is never announced.
   *
   * @param {string} type
   * @param {{ peer?: RemotePeer | null, source?: RemoteSource }} detail
   */
  isDue(type, { peer, source }) {
    if (!peer) return true;
    const subject = source ?? peer;
    if (type === 'peerleft' || type === 'sourceremoved') return this.#announced.delete(subject);
    if (!this.#isPresent(peer) || (source && peer.sources.get(source.name) !== source)) return false;
    // The first event about it announces it.
    this.#announced.add(subject);
    return true;
  }

  /**
   * Removes all peers.
   *
   * @param {LeaveReason} reason
   */
  clear(reason) {
    for (const id of [...this.peers.keys()]) this.#left(id, reason);
  }

  /**
   * This page has the same id, but frames were lost.
   *
   * @param {PeerInfo[]} roster
   */
  #reconcile(roster) {
    const present = new Set(roster.map(({ id }) => id));
    for (const id of [...this.peers.keys()]) if (!present.has(id)) this.#left(id, 'left');
    for (const info of roster) {
      const peer = this.peers.get(info.id);
      if (peer === undefined) {
        this.#joined(info);
        continue;
      }
      peer.meta = info.meta;
      peer.status = info.status;
      this.#notify('peerchanged', { peer });
      this.#permit(info.id, info.permissions ?? peer.permissions);
      // This page's own permissions may have changed.
      this.#connectOrDisconnect(peer);
    }
  }

  /** @param {PeerInfo} info */
  #joined(info) {
    const peer = new RemotePeer(info, null, this.#options.env);
    this.peers.set(info.id, peer);
    this.#polite.set(peer, info.polite);
    const transport = this.#maySignal(peer) ? this.#preparedTransport(peer, info) ?? this.#transport(peer) : null;
    this.#notify('peerjoined', { peer });
    if (transport !== null) this.#follow(transport, peer);
  }

  /** A transport needs both ends. @param {RemotePeer} peer */
  #maySignal(peer) {
    return this.#options.maySignal() && peer.permissions.includes('signal');
  }

  /** This page's own permissions have changed. */
  permissionsChanged() {
    for (const peer of this.peers.values()) this.#connectOrDisconnect(peer);
  }

  /**
   * @param {string} id
   * @param {import('./protocol.js').Permission[]} permissions
   */
  #permit(id, permissions) {
    const peer = this.peers.get(id);
    if (peer === undefined || `${peer.permissions}` === `${permissions}`) return;
    peer.permissions = permissions;
    this.#notify('permissionschanged', { peer, permissions });
    this.#connectOrDisconnect(peer);
  }

  /** @param {RemotePeer} peer */
  #connectOrDisconnect(peer) {
    const transport = this.#transports.get(peer.id);
    if (this.#maySignal(peer) === (transport !== undefined)) return;
    if (transport === undefined) {
      this.#follow(this.#transport(peer), peer);
    } else {
      this.#transports.delete(peer.id);
      this.#ended.set(peer, transport);
      transport.close();
      peer.setTransport(null);
      for (const { type, source } of peer.removeSources()) this.#notify(type, { peer, source });
    }
    this.#notify('peerchanged', { peer });
  }

  /** How a transport reaches the peer. @param {RemotePeer} peer */
  #signaling({ id }) {
    return {
      send: (/** @type {object} */ data) => this.#socket.send({ type: 'signal', to: id, data }),
      isReady: () => this.#socket.state === 'joined' && this.peers.get(id)?.status === 'here',
    };
  }

  /**
   * @param {RemotePeer} peer
   * @param {PeerInfo} info
   */
  #preparedTransport(peer, { polite, offered }) {
    const transport = polite ? null : this.offers.assign(offered, this.#signaling(peer));
    if (transport !== null) peer.setTransport(transport);
    return transport;
  }

  /** @param {RemotePeer} peer */
  #transport(peer) {
    const { configuration, publications, env } = this.#options;
    const transport = new PeerTransport({
      polite: this.#polite.get(peer) ?? false,
      earlier: this.#ended.get(peer) ?? null,
      ...this.#signaling(peer),
      configuration,
      publications,
      env,
      limiter: this.#limiter,
    });
    peer.setTransport(transport);
    return transport;
  }

  /**
   * @param {PeerTransport} transport
   * @param {RemotePeer} peer
   */
  #follow(transport, peer) {
    this.#transports.set(peer.id, transport);
    transport.on('state', () => this.#notify('peerchanged', { peer }));
    transport.on('datachannel', ({ detail: { channel } }) => this.#notify('datachannel', { peer, channel }));
    transport.on('warning', ({ detail: { error: cause } }) => {
      const code = 'code' in cause && cause.code === 'refused' ? cause.code : 'media';
      const error = new MeetError(code, `the connection to a peer: ${cause}`, { retryable: true, cause });
      this.#notify('error', { error, peer });
    });
    transport.on('sources', ({ detail: { list } }) => {
      if (!this.#isPresent(peer)) return;
      for (const { type, source } of peer.updateSources(list)) this.#notify(type, { peer, source });
    });
  }

  /**
   * @param {string} id
   * @param {LeaveReason} reason
   */
  #left(id, reason) {
    const peer = this.peers.get(id);
    if (peer === undefined) return;
    this.#transports.get(id)?.close();
    this.#transports.delete(id);
    this.peers.delete(id);
    for (const { type, source } of peer.removeSources()) this.#notify(type, { peer, source });
    this.#notify('peerleft', { peer, reason });
  }

  /**
   * @param {string} id
   * @param {{ status?: import('./protocol.js').Status, meta?: any }} changes
   */
  #changed(id, changes) {
    const peer = this.peers.get(id);
    if (peer === undefined) return;
    Object.assign(peer, changes);
    this.#notify('peerchanged', { peer });
    if (changes.status === 'here') this.#transports.get(id)?.wake({ lossy: false });
  }

  /**
   * @param {string} from
   * @param {unknown} data
   */
  #signal(from, data) {
    const message = parseTransportMessage(data);
    if (message !== null) this.#transports.get(from)?.receive(message);
    else if (typeof data === 'object' && data !== null && 'message' in data) this.#message(from, data.message, true);
  }

  /**
   * @param {string} from
   * @param {any} data
   * @param {boolean} direct
   */
  #message(from, data, direct) {
    const peer = this.peers.get(from);
    if (peer !== undefined) this.#notify('message', { peer, data, direct });
  }

  /** @param {RemotePeer} peer */
  #isPresent(peer) {
    return this.peers.get(peer.id) === peer;
  }
}
