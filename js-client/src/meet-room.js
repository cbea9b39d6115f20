// A meeting: everybody in a room sees and hears everybody.

import { Emitter } from './emitter.js';
import { environment } from './environment.js';
import { MeetError } from './errors.js';
import { EventQueue } from './event-queue.js';
import { toJson } from './protocol.js';
import { Publications } from './publications.js';
import { Roster } from './roster.js';
import { SignalingSocket } from './signaling-socket.js';

/** @typedef {import('./socket-types.js').State} State */
/** @typedef {import('./protocol.js').Permission} Permission */
/** @typedef {import('./remote-peer.js').RemotePeer} RemotePeer */
/** @typedef {import('./remote-source.js').RemoteSource} RemoteSource */
/** @typedef {import('./publications.js').Kind} Kind */

/**
 * @typedef {object} MoreRoomOptions
 * @property {RTCConfiguration} [rtc] for each `RTCPeerConnection`; `iceServers` come from the server unless given here
 *
 * @typedef {import('./socket-types.js').SocketOptions & MoreRoomOptions} RoomOptions
 */

/**
 * @typedef {object} Self
 * @property {string} id
 * @property {any} meta what the others are told about this page
 * @property {Permission[]} permissions what the application's authorisation lets this page do
 */

/**
 * @typedef {{
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
 *   trackended: { name: string, kind: Kind, track: MediaStreamTrack },
 *   locked: { locked: boolean },
 *   error: { error: MeetError, peer: RemotePeer | null },
 * }} RoomEvents
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
 * Constructing does nothing. State can be read at any time (`state`, `self`, `peers`); events tell of changes. They are
 * fired in order, after the message or the call that caused them: the state is complete by then, and a handler may call
 * anything.
 *
 * - `statechange`: see {@link State}. `reason` is a {@link MeetError} where it is `away` or `closed`, `null` after leaving
 * - `peerjoined`, `peerleft`: each peer is announced once, and leaves once. Those who were there before come first
 * - `peerchanged`: its `meta`, `status` or `connection`
 * - `sourceadded`, `sourcechanged`, `sourceremoved`: what a peer publishes; `sourceremoved` comes before `peerleft`
 * - `message`: what a peer has sent to all (`broadcast`) or to this page alone (`send`: `direct`)
 * - `app`: what the host application has sent
 * - `channel`: a data channel that a peer has opened
 * - `trackended`: a track that this page publishes has ended by itself (a device was unplugged, the browser's own "Stop
 *   sharing"), or had ended when it was published. It was taken out of its source; where no other one is live, the source
 *   is gone for the others until it is published, or one of its tracks replaced, again. Not fired for tracks that were
 *   replaced by then
 * - `locked`: the room admits nobody new, or does again
 * - `error`: something was not done, and nobody waits for it: a message was refused, a connection to a peer was not found
 *   yet. `peer` is the one it is about, or `null`. `peer-unreachable` after `send` or `broadcast`: the peer, or some of
 *   them, had no place for it. The others have it
 *
 * @extends {Emitter<RoomEvents>}
 */
export class MeetRoom extends Emitter {
  #options;
  #env;
  #socket;
  #publications = new Publications();
  /** @type {EventQueue<RoomEvents>} */
  #events = new EventQueue((type, detail) => {
    if (this.#isDue(type, detail)) this.emit(type, detail);
  });
  #roster;
  /** @type {Self | null} */
  #self = null;
  #locked = false;
  /** @type {RTCIceServer[]} */
  #iceServers = [];

  /**
   * @param {string | URL} url of the room, relative to the page: `/signal/standup`
   * @param {RoomOptions} [options]
   */
  constructor(url, options = {}) {
    super();
    this.#options = options;
    this.#env = environment(options.environment);
    this.#socket = new SignalingSocket(url, { ...options, check: (welcome) => this.#check(welcome) });
    this.#roster = new Roster({
      tell: (type, detail) => this.#events.add(type, detail),
      socket: this.#socket,
      publications: this.#publications,
      configuration: () => this.#configuration(),
      maySignal: () => this.#may('signal'),
      env: this.#env,
    });
    this.#socket.on('statechange', ({ detail }) => this.#stateChanged(detail));
    this.#socket.on('welcome', ({ detail }) => this.#welcomed(detail.welcome));
    this.#socket.on('message', ({ detail }) => this.#received(detail.message));
    this.#socket.on('rejected', ({ detail }) => this.#roster.rejected(detail));
    this.#publications.on('ended', ({ detail }) => this.#events.add('trackended', detail));
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
    return this.#roster.peers;
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
  async join(options) {
    if (this.#env.RTCPeerConnection === undefined) throw new MeetError('unsupported', 'this browser has no WebRTC');
    const joined = this.#socket.join(options);
    this.#events.drain();
    await joined;
  }

  /**
   * Leaves at once. May be called in any state, and be followed by `join` without waiting.
   *
   * @returns {Promise<void>}
   */
  leave() {
    const left = this.#socket.leave();
    this.#events.drain();
    return left;
  }

  /**
   * Sends a source to everybody, now and later: who joins later gets it, too. Publishing under a name again replaces its
   * tracks. A track that is not `enabled` mutes its kind; what is muted stays so, see `mute`.
   *
   * Without the permission `signal` nothing is sent; it is kept for when the page joins with that permission.
   *
   * @param {string} name like `camera` or `screen`
   * @param {MediaStream | Iterable<MediaStreamTrack>} media at most one track of each kind; there may be none yet
   */
  publish(name, media) {
    this.#publications.set(name, media);
  }

  /**
   * Exchanges one track of a source, without the others noticing more than another picture. `null` sends nothing: a
   * camera can be given back to the system. The track that was there is not stopped. What is muted stays muted, and a
   * track that is not `enabled` mutes its kind.
   *
   * @param {string} name
   * @param {Kind} kind
   * @param {MediaStreamTrack | null} track
   */
  replace(name, kind, track) {
    this.#publications.replace(name, kind, track);
  }

  /**
   * Mutes one kind of a source, or lets it be heard again, and tells the others. It holds at once and until it is undone
   * or the source is unpublished, whichever tracks are put in meanwhile, and also while there is none: each track is
   * disabled (`enabled`) before it is sent. The other way round, `enabled` is for `mute` to set.
   *
   * @param {string} name
   * @param {Kind} kind
   * @param {boolean} [muted]
   * @throws {MeetError} `state` where nothing is published under this name
   */
  mute(name, kind, muted = true) {
    this.#publications.mute(name, kind, muted);
  }

  /**
   * Whether one kind of a source is muted; false where nothing is published under this name.
   *
   * @param {string} name
   * @param {Kind} kind
   * @returns {boolean}
   */
  isMuted(name, kind) {
    return this.#publications.get(name)?.[kind]?.muted ?? false;
  }

  /**
   * Takes a source away, and forgets what was muted. Its tracks are not stopped.
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
  }

  /**
   * Sends JSON to everybody who is in the room now. Kept and sent later while there is no connection. Where an `error`
   * with `peer-unreachable` follows, some had no place for it; the others have it.
   *
   * @param {unknown} data
   * @throws {MeetError} `state`, `not-json`, `too-large`, `queue-full`, `not-allowed` without the permission `broadcast`
   */
  broadcast(data) {
    this.#require('broadcast');
    this.#socket.send({ type: 'broadcast', data });
  }

  /**
   * Sends JSON to one peer alone, by way of the server; see `openChannel` of the peer for the direct way.
   *
   * @param {string} peerId
   * @param {unknown} data
   * @throws {MeetError} `state`, `not-json`, `too-large`, `queue-full`, `not-allowed` without the permission `signal`, `no-such-peer` where nobody
   *   in `peers` has this id
   */
  send(peerId, data) {
    this.#require('signal');
    toJson(data);
    if (this.#isMember && !this.peers.has(peerId)) throw new MeetError('no-such-peer', 'nobody with this id is in the room');
    this.#socket.send({ type: 'signal', to: peerId, data: { message: data ?? null } });
  }

  /**
   * A configuration that the browser refuses would leave every link without a connection.
   *
   * @param {import('./protocol.js').Welcome} welcome
   */
  #check({ iceServers }) {
    this.#iceServers = iceServers;
    try {
      new this.#env.RTCPeerConnection(this.#configuration()).close();
    } catch (cause) {
      // Chromium has too many connections at the moment, and takes another one later.
      if (/** @type {Error} */ (cause)?.name === 'UnknownError') return;
      throw new MeetError('rtc', 'the browser refuses the configuration of its connections', { cause });
    }
  }

  /** @param {{ state: State, reason: MeetError | null }} detail */
  #stateChanged(detail) {
    const { state } = detail;
    // That is told with the welcome, when everything else about the room is known.
    if (state === 'joined') return;
    this.#events.add('statechange', detail);
    this.#publications.watch(state !== 'closed');
    if (state === 'closed') this.#roster.clear('left');
  }

  /** @param {import('./protocol.js').Welcome} welcome */
  #welcomed(welcome) {
    const { self: { id, permissions }, resumed, locked, iceServers } = welcome;
    const socket = this.#socket;
    this.#events.add('statechange', { state: 'joined', reason: null });
    if (resumed !== 'full') {
      this.#self = { id, permissions, get meta() { return socket.meta; } };
      this.#setLocked(locked);
    }
    this.#setIceServers(iceServers);
    this.#publications.watch(true);
    this.#roster.welcomed(welcome);
  }

  /** @param {import('./protocol.js').RoomMessage} message */
  #received(message) {
    switch (message.type) {
      case 'app': return this.#events.add('app', { data: message.data });
      case 'iceServers': return this.#setIceServers(message.iceServers);
      case 'locked': return this.#setLocked(message.locked);
      default: this.#roster.received(message);
    }
  }

  /** @param {boolean} locked */
  #setLocked(locked) {
    if (locked === this.#locked) return;
    this.#locked = locked;
    this.#events.add('locked', { locked });
  }

  /** @param {RTCIceServer[]} iceServers */
  #setIceServers(iceServers) {
    const before = JSON.stringify(this.#configuration());
    this.#iceServers = iceServers;
    if (JSON.stringify(this.#configuration()) !== before) this.#roster.reconfigure();
  }

  #configuration() {
    return /** @type {const} */ ({ bundlePolicy: 'max-bundle', iceServers: this.#iceServers, ...this.#options.rtc });
  }

  /**
   * @param {string} type
   * @param {any} detail
   */
  #isDue(type, detail) {
    if (type !== 'trackended') return this.#roster.isDue(type, detail);
    const { name, kind } = /** @type {RoomEvents['trackended']} */ (detail);
    return this.#publications.get(name)?.[kind].track === null;
  }

  /** Whether there is a session: what is sent now goes into it, at once or later. */
  get #isMember() {
    return ['joined', 'away', 'resuming'].includes(this.state);
  }

  /** @param {Permission} permission */
  #may(permission) {
    return this.#self?.permissions.includes(permission) ?? false;
  }

  /**
   * Where there is no session, sending throws anyway.
   *
   * @param {Permission} permission
   */
  #require(permission) {
    if (this.#isMember && !this.#may(permission)) {
      throw new MeetError('not-allowed', `this page lacks the permission to ${permission}`);
    }
  }
}
