// A meeting: everybody in a room sees and hears everybody.

import { Emitter } from './emitter.js';
import { environment } from './environment.js';
import { MeetError } from './errors.js';
import { Gate } from './gate.js';
import { Link } from './link.js';
import { parseLinkMessage } from './link-message.js';
import { Publications } from './publications.js';
import { RemotePeer } from './remote-peer.js';
import { SignalingSocket } from './signaling-socket.js';

/** @typedef {import('./signaling-socket.js').State} State */
/** @typedef {import('./remote-source.js').RemoteSource} RemoteSource */
/** @typedef {import('./publications.js').Kind} Kind */

/**
 * @typedef {object} MoreRoomOptions
 * @property {RTCConfiguration} [rtc] for each `RTCPeerConnection`; `iceServers` come from the server unless given here
 *
 * @typedef {import('./signaling-socket.js').SocketOptions & MoreRoomOptions} RoomOptions
 */

/**
 * @typedef {object} Self
 * @property {string} id
 * @property {any} meta
 * @property {import('./protocol.js').Permission[]} permissions
 */

/**
 * Ten lines make a meeting:
 *
 * ```js
 * const room = new MeetRoom('/signal/standup', { meta: { name: 'Ada' } });
 * room.on('sourceadded', ({ detail: { source } }) => attach(addVideo(), source.stream));
 * room.publish('camera', await navigator.mediaDevices.getUserMedia({ audio: true, video: true }));
 * await room.join();
 * ```
 *
 * Constructing does nothing. State can be read at any time (`state`, `self`, `peers`); events tell of changes:
 *
 * - `statechange`: see {@link State}. `reason` is a {@link MeetError} where it is `away` or `closed`, `null` after leaving
 * - `peerjoined`, `peerleft`: each peer is announced once, and leaves once. Those who were there before come first
 * - `peerchanged`: its `meta`, `status` or `connection`
 * - `sourceadded`, `sourcechanged`, `sourceremoved`: what a peer publishes; `sourceremoved` comes before `peerleft`
 * - `message`: what a peer has sent to all (`broadcast`) or to this page alone (`send`: `direct`)
 * - `app`: what the host application has sent
 * - `channel`: a data channel that a peer has opened
 * - `locked`: the room admits nobody new, or does again
 * - `error`: something was not done, and nobody waits for it: a message was refused, a way to a peer was not found yet
 *   (`media`), a peer asked for too much (`refused`); `peer` is who that was about. Its link is the only one concerned.
 *   `peer-unreachable` after `send` or `broadcast`: the peer, or some of them, had no place for it. The others have it
 *
 * @extends {Emitter<{
 *   statechange: { state: State, reason: MeetError | null },
 *   peerjoined: { peer: RemotePeer },
 *   peerchanged: { peer: RemotePeer },
 *   peerleft: { peer: RemotePeer, reason: import('./protocol.js').LeaveReason },
 *   sourceadded: { peer: RemotePeer, source: RemoteSource },
 *   sourcechanged: { peer: RemotePeer, source: RemoteSource },
 *   sourceremoved: { peer: RemotePeer, source: RemoteSource },
 *   message: { peer: RemotePeer, data: any, direct: boolean },
 *   app: { data: any },
 *   channel: { peer: RemotePeer, channel: RTCDataChannel },
 *   locked: { locked: boolean },
 *   error: { error: MeetError, peer?: RemotePeer },
 * }>}
 */
export class MeetRoom extends Emitter {
  #options;
  #env;
  #socket;
  #publications = new Publications();
  /** @type {Self | null} */
  #self = null;
  #locked = false;
  /** @type {Map<string, RemotePeer>} */
  #peers = new Map();
  /** @type {Map<string, Link>} */
  #links = new Map();
  /** @type {RTCIceServer[]} */
  #iceServers = [];
  #gate;

  /**
   * @param {string | URL} url of the room, relative to the page: `/signal/standup`
   * @param {RoomOptions} [options]
   */
  constructor(url, options = {}) {
    super();
    this.#options = options;
    this.#env = environment(options.environment);
    this.#gate = new Gate(this.#env);
    this.#socket = new SignalingSocket(url, options);
    this.#socket.on('statechange', ({ detail }) => this.#stateChanged(detail));
    this.#socket.on('welcome', ({ detail }) => this.#welcomed(detail.welcome));
    this.#socket.on('message', ({ detail }) => this.#received(detail.message));
    this.#socket.on('rejected', ({ detail }) => this.#rejected(detail));
  }

  /** @returns {State} */
  get state() {
    return this.#socket.state;
  }

  /** This page itself in the room; `null` before the first join. */
  get self() {
    return this.#self;
  }

  /** Everybody else, by id, in the order in which they joined. @returns {ReadonlyMap<string, RemotePeer>} */
  get peers() {
    return this.#peers;
  }

  /** Whether the room admits nobody new. */
  get locked() {
    return this.#locked;
  }

  /**
   * Joins. A connection that is lost later comes back by itself, and does not end the calls.
   *
   * @param {{ signal?: AbortSignal }} [options] aborting gives up joining, or leaves
   * @returns {Promise<void>} resolves in the room; rejects with a {@link MeetError}, or with the signal's reason
   */
  join(options) {
    return this.#socket.join(options);
  }

  /**
   * Leaves at once. May be called in any state, and be followed by `join` without waiting.
   *
   * @returns {Promise<void>}
   */
  leave() {
    return this.#socket.leave();
  }

  /**
   * Sends a source to everybody, now and later: who joins later gets it, too. Publishing under a name again replaces it.
   * A track that is not `enabled` is muted.
   *
   * @param {string} name like `camera` or `screen`
   * @param {MediaStream | Iterable<MediaStreamTrack>} media at most one track of each kind; there may be none yet
   */
  publish(name, media) {
    this.#publications.set(name, media);
  }

  /**
   * Exchanges one track of a source, without the others noticing more than another picture. `null` sends nothing: a
   * camera can be given back to the system. The track that was there is not stopped.
   *
   * @param {string} name
   * @param {Kind} kind
   * @param {MediaStreamTrack | null} track
   */
  replace(name, kind, track) {
    this.#publications.replace(name, kind, track);
  }

  /**
   * Silences a track (its `enabled`) or lets it be heard again, and tells the others. Does nothing where there is none.
   *
   * @param {string} name
   * @param {Kind} kind
   * @param {boolean} [muted]
   */
  mute(name, kind, muted = true) {
    this.#publications.mute(name, kind, muted);
  }

  /**
   * Takes a source away. Its tracks are not stopped.
   *
   * @param {string} name
   */
  unpublish(name) {
    this.#publications.delete(name);
  }

  /**
   * Tells the others something new about this peer: all of it, it replaces what was told before.
   *
   * @param {unknown} meta
   */
  update(meta) {
    this.#socket.update(meta);
    if (this.#self !== null) this.#self = { ...this.#self, meta };
  }

  /**
   * Sends JSON to everybody who is in the room now. Kept and sent later while there is no connection. Where an `error`
   * with `peer-unreachable` follows, some had no place for it; the others have it.
   *
   * @param {unknown} data
   * @throws {MeetError} `state`, `queue-full`
   */
  broadcast(data) {
    this.#socket.send({ type: 'broadcast', data: data ?? null });
  }

  /**
   * Sends JSON to one peer alone, by way of the server; see `openChannel` of the peer for the direct way.
   *
   * @param {string} peerId
   * @param {unknown} data
   * @throws {MeetError} `state`, `queue-full`
   */
  send(peerId, data) {
    this.#socket.send({ type: 'signal', to: peerId, data: { message: data ?? null } });
  }

  /** @param {{ state: State, reason: MeetError | null }} detail */
  #stateChanged(detail) {
    const leftBehind = detail.state === 'closed' ? [...this.#peers.values()] : [];
    if (detail.state === 'closed') this.#forgetAll();
    this.emit('statechange', detail);
    for (const peer of leftBehind) this.#gone(peer, 'left');
  }

  /** @param {import('./protocol.js').Welcome} welcome */
  #welcomed(welcome) {
    this.#iceServers = welcome.iceServers;
    this.#locked = welcome.locked;
    if (welcome.resumed === 'full') {
      // The events that were missed follow, and tell of the others.
      this.#wakeAll({ lossy: false });
      return;
    }
    this.#self = welcome.self;
    if (welcome.resumed === 'no') this.#startAnew(welcome.peers);
    else this.#reconcile(welcome.peers);
  }

  /**
   * With another id, this page is somebody else to the others.
   *
   * @param {import('./protocol.js').PeerInfo[]} roster
   */
  #startAnew(roster) {
    const before = [...this.#peers.values()];
    this.#forgetAll();
    for (const peer of before) this.#gone(peer, 'timeout');
    for (const info of roster) this.#joined(info);
  }

  /**
   * The same id, but frames were lost.
   *
   * @param {import('./protocol.js').PeerInfo[]} roster
   */
  #reconcile(roster) {
    const present = new Set(roster.map(({ id }) => id));
    for (const id of [...this.#peers.keys()]) if (!present.has(id)) this.#left(id, 'left');
    for (const info of roster) {
      const peer = this.#peers.get(info.id);
      if (peer === undefined) this.#joined(info);
      else {
        peer.meta = info.meta;
        peer.status = info.status;
        this.emit('peerchanged', { peer });
      }
    }
    this.#wakeAll({ lossy: true });
  }

  /** @param {{ lossy: boolean }} options */
  #wakeAll(options) {
    for (const [id, link] of this.#links) {
      if (this.#peers.get(id)?.status === 'here') link.wake(options);
      // Woken when it is back, it still has to know what was lost meanwhile.
      else if (options.lossy) link.undelivered();
    }
  }

  /** @param {import('./protocol.js').RoomMessage} message */
  #received(message) {
    switch (message.type) {
      case 'joined': return this.#joined(message.peer);
      case 'left': return this.#left(message.peer, message.reason);
      case 'status': return this.#changed(message.peer, { status: message.status });
      case 'updated': return this.#changed(message.peer, { meta: message.meta });
      case 'signal': return this.#signalled(message.from, message.data);
      case 'broadcast': return this.#said(message.from, message.data, false);
      case 'app': return this.emit('app', { data: message.data });
      case 'iceServers': return this.#reconfigure(message.iceServers);
      case 'locked':
        this.#locked = message.locked;
        return this.emit('locked', { locked: message.locked });
      default: // A newer server says more than this client knows.
    }
  }

  /** @param {import('./protocol.js').PeerInfo} info */
  #joined(info) {
    const link = new Link({
      polite: info.polite,
      send: (data) => this.#socket.send({ type: 'signal', to: info.id, data }),
      isReady: () => this.state === 'joined' && peer.status === 'here',
      configuration: () => ({ bundlePolicy: 'max-bundle', iceServers: this.#iceServers, ...this.#options.rtc }),
      publications: this.#publications,
      env: this.#env,
      gate: this.#gate,
    });
    const peer = new RemotePeer(info, link, this.#env);
    this.#peers.set(info.id, peer);
    this.#links.set(info.id, link);
    link.on('state', () => this.emit('peerchanged', { peer }));
    link.on('sources', ({ detail }) => {
      for (const { type, source } of peer.updateSources(detail.list)) this.emit(type, { peer, source });
    });
    link.on('channel', ({ detail }) => this.emit('channel', { peer, channel: detail.channel }));
    link.on('warning', ({ detail: { error: cause } }) => {
      const code = 'code' in cause && cause.code === 'refused' ? cause.code : 'media';
      const error = new MeetError(code, `the connection to a peer: ${cause}`, { retryable: true, cause });
      this.emit('error', { error, peer });
    });
    this.emit('peerjoined', { peer });
  }

  /**
   * @param {string} id
   * @param {import('./protocol.js').LeaveReason} reason
   */
  #left(id, reason) {
    const peer = this.#peers.get(id);
    if (peer === undefined) return;
    this.#links.get(id)?.close();
    this.#links.delete(id);
    this.#peers.delete(id);
    this.#gone(peer, reason);
  }

  /**
   * @param {string} id
   * @param {{ status?: import('./protocol.js').Status, meta?: any }} news
   */
  #changed(id, news) {
    const peer = this.#peers.get(id);
    if (peer === undefined) return;
    Object.assign(peer, news);
    this.emit('peerchanged', { peer });
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
    const peer = this.#peers.get(from);
    if (peer !== undefined) this.emit('message', { peer, data, direct });
  }

  /** @param {{ error: MeetError, message: import('./protocol.js').SentMessage | null }} detail */
  #rejected({ error, message }) {
    if (message?.type === 'signal') {
      // Whoever has left is announced.
      if (error.code === 'no-such-peer') return;
      if (parseLinkMessage(message.data) !== null) {
        const link = this.#links.get(message.to);
        // The link says it again by itself.
        if (error.code === 'peer-unreachable') return link?.refused();
        link?.undelivered();
      }
    }
    this.emit('error', { error });
  }

  /** @param {RTCIceServer[]} iceServers */
  #reconfigure(iceServers) {
    this.#iceServers = iceServers;
    for (const link of this.#links.values()) link.reconfigure();
  }

  #forgetAll() {
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
    this.#peers.clear();
  }

  /**
   * @param {RemotePeer} peer
   * @param {import('./protocol.js').LeaveReason} reason
   */
  #gone(peer, reason) {
    for (const { source } of peer.removeSources()) this.emit('sourceremoved', { peer, source });
    this.emit('peerleft', { peer, reason });
  }
}
