// Who else is in the room, and the links to them.

import { MeetError } from './errors.js';
import { Gate } from './gate.js';
import { Link } from './link.js';
import { parseLinkMessage } from './link-message.js';
import { RemotePeer } from './remote-peer.js';

/** @typedef {import('./protocol.js').PeerInfo} PeerInfo */
/** @typedef {import('./protocol.js').LeaveReason} LeaveReason */
/** @typedef {import('./remote-source.js').RemoteSource} RemoteSource */
/** @typedef {import('./meet-room.js').RoomEvents} RoomEvents */

/**
 * @typedef {object} RosterOptions
 * @property {<Type extends keyof RoomEvents>(type: Type, detail: RoomEvents[Type]) => void} tell asks `isDue` before it
 *   fires the event
 * @property {import('./signaling-socket.js').SignalingSocket} socket
 * @property {import('./publications.js').Publications} publications
 * @property {() => RTCConfiguration} configuration
 * @property {() => boolean} maySignal without that permission there are no links
 * @property {import('./environment.js').Environment} env
 */

/** Follows what the server says about the others, and keeps a link to each. */
export class Roster {
  /** By id, in the order in which they joined. @type {Map<string, RemotePeer>} */
  peers = new Map();
  /** @type {Map<string, Link>} */
  #links = new Map();
  /** The peers and sources whose beginning was told. @type {WeakSet<RemotePeer | RemoteSource>} */
  #told = new WeakSet();
  #options;
  #gate;
  #tell;
  #socket;

  /** @param {RosterOptions} options */
  constructor(options) {
    this.#options = options;
    this.#gate = new Gate(options.env);
    this.#tell = options.tell;
    this.#socket = options.socket;
  }

  /** @param {import('./protocol.js').Welcome} welcome */
  welcomed({ resumed, peers }) {
    if (resumed === 'no') {
      // With another id, this page is somebody else to the others.
      this.clear('timeout');
      for (const info of peers) this.#joined(info);
      return;
    }
    // After `full`, the events that were missed follow, and tell of the others.
    if (resumed === 'partial') this.#reconcile(peers);
    this.#wakeAll({ lossy: resumed === 'partial' });
  }

  /** @param {import('./protocol.js').RoomMessage} message */
  received(message) {
    switch (message.type) {
      case 'joined': return this.#joined(message.peer);
      case 'left': return this.#left(message.peer, message.reason);
      case 'status': return this.#changed(message.peer, { status: message.status });
      case 'updated': return this.#changed(message.peer, { meta: message.meta });
      case 'signal': return this.#signalled(message.from, message.data);
      case 'broadcast': return this.#said(message.from, message.data, false);
      default: // A newer server says more than this client knows.
    }
  }

  /**
   * The server did not do what a message asked for.
   *
   * @param {{ error: MeetError, message: import('./protocol.js').SentMessage | null }} detail
   */
  rejected({ error, message }) {
    if (message?.type !== 'signal') {
      // What is no longer known may have been any link's.
      if (message === null && error.retryable) for (const link of this.#links.values()) link.refused();
      this.#tell('error', { error, peer: null });
      return;
    }
    // That it has left is announced.
    if (error.code === 'no-such-peer') return;
    if (parseLinkMessage(message.data) !== null) {
      const link = this.#links.get(message.to);
      if (error.retryable) link?.refused();
      else link?.undelivered();
      // The link says it again by itself.
      if (error.code === 'peer-unreachable') return;
    }
    this.#tell('error', { error, peer: this.peers.get(message.to) ?? null });
  }

  /** The STUN and TURN servers have changed. */
  reconfigure() {
    for (const link of this.#links.values()) link.reconfigure();
  }

  /**
   * Whether an event is about what there is, or ends what was told. A peer or a source that is gone before its beginning
   * was told was never there for those who listen.
   *
   * @param {string} type
   * @param {{ peer?: RemotePeer | null, source?: RemoteSource }} detail
   */
  isDue(type, { peer, source }) {
    if (!peer) return true;
    const subject = source ?? peer;
    if (type === 'peerleft' || type === 'sourceremoved') return this.#told.delete(subject);
    if (!this.#isHere(peer) || (source && peer.sources.get(source.name) !== source)) return false;
    // Its beginning is the first that is told of it.
    this.#told.add(subject);
    return true;
  }

  /**
   * Everybody is gone.
   *
   * @param {LeaveReason} reason
   */
  clear(reason) {
    for (const id of [...this.peers.keys()]) this.#left(id, reason);
  }

  /**
   * The same id, but frames were lost.
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
      this.#tell('peerchanged', { peer });
    }
  }

  /** @param {{ lossy: boolean }} options */
  #wakeAll(options) {
    for (const [id, link] of this.#links) {
      if (this.peers.get(id)?.status === 'here') link.wake(options);
      // Woken when it is back, it still has to know what was lost meanwhile.
      else if (options.lossy) link.undelivered();
    }
  }

  /** @param {PeerInfo} info */
  #joined(info) {
    const link = this.#options.maySignal() ? this.#link(info) : null;
    const peer = new RemotePeer(info, link, this.#options.env);
    this.peers.set(info.id, peer);
    this.#tell('peerjoined', { peer });
    if (link !== null) this.#follow(link, peer);
  }

  /** @param {PeerInfo} info */
  #link({ id, polite }) {
    const { configuration, publications, env } = this.#options;
    return new Link({
      polite,
      send: (data) => this.#socket.send({ type: 'signal', to: id, data }),
      isReady: () => this.#socket.state === 'joined' && this.peers.get(id)?.status === 'here',
      configuration,
      publications,
      env,
      gate: this.#gate,
    });
  }

  /**
   * @param {Link} link
   * @param {RemotePeer} peer
   */
  #follow(link, peer) {
    this.#links.set(peer.id, link);
    link.on('state', () => this.#tell('peerchanged', { peer }));
    link.on('channel', ({ detail: { channel } }) => this.#tell('channel', { peer, channel }));
    link.on('warning', ({ detail: { error: cause } }) => {
      const code = 'code' in cause && cause.code === 'refused' ? cause.code : 'media';
      const error = new MeetError(code, `the connection to a peer: ${cause}`, { retryable: true, cause });
      this.#tell('error', { error, peer });
    });
    link.on('sources', ({ detail: { list } }) => {
      if (!this.#isHere(peer)) return;
      for (const { type, source } of peer.updateSources(list)) this.#tell(type, { peer, source });
    });
  }

  /**
   * @param {string} id
   * @param {LeaveReason} reason
   */
  #left(id, reason) {
    const peer = this.peers.get(id);
    if (peer === undefined) return;
    this.#links.get(id)?.close();
    this.#links.delete(id);
    this.peers.delete(id);
    for (const { type, source } of peer.removeSources()) this.#tell(type, { peer, source });
    this.#tell('peerleft', { peer, reason });
  }

  /**
   * @param {string} id
   * @param {{ status?: import('./protocol.js').Status, meta?: any }} news
   */
  #changed(id, news) {
    const peer = this.peers.get(id);
    if (peer === undefined) return;
    Object.assign(peer, news);
    this.#tell('peerchanged', { peer });
    if (news.status === 'here') this.#links.get(id)?.wake({ lossy: false });
  }

  /**
   * @param {string} from
   * @param {unknown} data
   */
  #signalled(from, data) {
    const link = parseLinkMessage(data);
    if (link !== null) this.#links.get(from)?.receive(link);
    else if (typeof data === 'object' && data !== null && 'message' in data) this.#said(from, data.message, true);
  }

  /**
   * @param {string} from
   * @param {any} data
   * @param {boolean} direct
   */
  #said(from, data, direct) {
    const peer = this.peers.get(from);
    if (peer !== undefined) this.#tell('message', { peer, data, direct });
  }

  /** @param {RemotePeer} peer */
  #isHere(peer) {
    return this.peers.get(peer.id) === peer;
  }
}
