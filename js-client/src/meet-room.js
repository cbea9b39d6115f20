// A meeting: audio and video between all peers of a room.

import { environment } from './environment.js';
import { MeetError } from './errors.js';
import { EventQueue } from './event-queue.js';
import { Lobby } from './lobby.js';
import { Moderation } from './moderation.js';
import { toJson } from './protocol.js';
import { Publications } from './publications.js';
import { Roster } from './roster.js';
import { SignalingSocket } from './signaling-socket.js';

/** @typedef {import('./socket-types.js').State} State */
/** @typedef {import('./protocol.js').Permission} Permission */
/** @typedef {import('./protocol.js').KnockingPeer} KnockingPeer */
/** @typedef {import('./remote-peer.js').RemotePeer} RemotePeer */
/** @typedef {import('./remote-source.js').RemoteSource} RemoteSource */
/** @typedef {import('./publications.js').Kind} Kind */
/** @typedef {import('./room-types.js').RoomEvents} RoomEvents */
/** @typedef {import('./room-types.js').RoomOptions} RoomOptions */
/** @typedef {import('./room-types.js').Self} Self */

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
 * The constructor has no side effects. State is readable at any time (`state`, `self`, `peers`), and events announce changes.
 * They fire in order, after the message or the call that caused them: the state is complete then, and a handler may call any
 * method.
 *
 * {@link RoomEvents} describes each event.
 *
 * The methods that need the permission `moderate` are those of {@link Moderation}.
 */
export class MeetRoom extends Moderation {
  #options;
  #env;
  #socket;
  #publications = new Publications();
  /** @type {EventQueue<RoomEvents>} */
  #events = new EventQueue((type, detail) => {
    if (this.#isDue(type, detail)) this.emit(type, detail);
  });
  #lobby = new Lobby((type, detail) => this.#events.add(type, detail));
  #roster;
  /** @type {Self | null} */
  #self = null;
  #locked = false;
  #hasLobby = false;
  /** @type {RTCIceServer[]} */
  #iceServers = [];
  /** Whether it is known which ICE servers there are, before this page joins. */
  #isGreeted = false;

  /**
   * @param {string | URL} url of the room, relative to the page: `/signal/standup`
   * @param {RoomOptions} [options]
   */
  constructor(url, options = {}) {
    super((message) => this.#moderate(message));
    this.#options = options;
    this.#env = environment(options.environment);
    this.#socket = new SignalingSocket(url, {
      ...options,
      offers: this.#joinOffers(),
      hello: ({ iceServers }) => this.#greeted(iceServers),
      validateWelcome: (welcome) => this.#validate(welcome),
    });
    this.#roster = new Roster({
      notify: (type, detail) => this.#events.add(type, detail),
      socket: this.#socket,
      publications: this.#publications,
      configuration: () => this.#configuration(),
      maySignal: () => this.#may('signal'),
      env: this.#env,
    });
    this.#socket.on('statechange', ({ detail }) => this.#stateChanged(detail));
    this.#socket.on('unprepared', () => this.#roster.offers.close());
    this.#socket.on('waiting', () => this.#events.add('waiting', {}));
    this.#socket.on('welcome', ({ detail }) => this.#welcomed(detail.welcome));
    this.#socket.on('message', ({ detail }) => this.#received(detail.message));
    this.#socket.on('rejected', ({ detail }) => this.#roster.rejected(detail));
    this.#publications.on('ended', ({ detail }) => this.#events.add('trackended', detail));
  }

  /** @returns {State} */
  get state() {
    return this.#socket.state;
  }

  /** This page as a peer; `null` before the first join. */
  get self() {
    return this.#self;
  }

  /** The other peers by id, in the order in which they joined. @returns {ReadonlyMap<string, RemotePeer>} */
  get peers() {
    return this.#roster.peers;
  }

  /** Who waits in the lobby, by id, in the order in which they came; for moderators. @returns {ReadonlyMap<string, KnockingPeer>} */
  get knocking() {
    return this.#lobby.peers;
  }

  /** The STUN and TURN servers of this page's connections: the newest of the server, or those of the option `rtc`. */
  get iceServers() {
    return this.#configuration().iceServers ?? [];
  }

  /** Whether the room is closed for new peers. */
  get locked() {
    return this.#locked;
  }

  /** Whether the room has a lobby, in which new peers wait until they are admitted. */
  get lobby() {
    return this.#hasLobby;
  }

  /**
   * Gets ready to join: opens the connection to the server, and makes the first offers to the peers in the room. So call it
   * when somebody may join soon, as on a page before the meeting. `join` uses what is ready then. Nobody learns of it, and
   * it has no other effect: no state changes, and no event is fired. What is prepared is given up after three minutes, by
   * `leave`, and when the page goes away.
   *
   * @param {{ signal?: AbortSignal }} [options] aborting gives it up
   * @returns {Promise<void>} resolves when everything is ready, or cannot be: `join` tells why. Never rejects, but for an
   *   invalid URL
   */
  async prepare(options) {
    await this.#socket.prepare(options);
    await new Promise((resolve) => { this.#roster.offers.whenMade(() => resolve(undefined)); });
  }

  /**
   * Joins. A lost connection is replaced automatically, and does not end the calls. If the room has a lobby, this page waits
   * there (`waiting`) without a time limit of its own.
   *
   * @param {{ signal?: AbortSignal }} [options] aborting cancels joining, or leaves
   * @returns {Promise<void>} resolves in the room; rejects with a {@link MeetError}, or with the signal's reason
   */
  async join(options) {
    if (this.#env.RTCPeerConnection === undefined) throw new MeetError('unsupported', 'no WebRTC in this browser');
    const joined = this.#socket.join(options);
    this.#events.drain();
    await joined;
  }

  /**
   * Leaves at once, in any state. `join` may follow without waiting.
   *
   * @returns {Promise<void>}
   */
  leave() {
    const left = this.#socket.leave();
    this.#events.drain();
    return left;
  }

  /**
   * Sends a source to all peers, and to those that join later. Publishing a name again replaces its tracks. A track that is
   * not `enabled` mutes its kind, and a muted kind stays muted, see `setMuted`.
   *
   * Without the permission `signal` nothing is sent. The source is kept until the page joins with that permission.
   *
   * @param {string} name like `camera` or `screen`
   * @param {MediaStream | Iterable<MediaStreamTrack>} media at most one track of each kind; there may be none yet
   */
  publish(name, media) {
    this.#publications.set(name, media);
  }

  /**
   * Replaces one track of a source without negotiation. `null` sends nothing, so that the page can release a camera. The
   * previous track is not stopped. A muted kind stays muted, and a track that is not `enabled` mutes its kind.
   *
   * @param {string} name
   * @param {Kind} kind
   * @param {MediaStreamTrack | null} track
   */
  replaceTrack(name, kind, track) {
    this.#publications.replaceTrack(name, kind, track);
  }

  /**
   * Mutes or unmutes one kind of a source, and informs the others. It takes effect at once and lasts until the next call or
   * until the source is unpublished, also for other tracks and without a track: each track is disabled (`enabled`) before it
   * is sent. Pages should not set `enabled` of published tracks themselves.
   *
   * @param {string} name
   * @param {Kind} kind
   * @param {boolean} muted
   * @throws {MeetError} `state` if there is no source with this name, or `muted` is not a boolean
   */
  setMuted(name, kind, muted) {
    this.#publications.setMuted(name, kind, muted);
  }

  /**
   * Whether one kind of a source is muted; false if there is no source with this name.
   *
   * @param {string} name
   * @param {Kind} kind
   * @returns {boolean}
   */
  isMuted(name, kind) {
    return this.#publications.get(name)?.[kind]?.muted ?? false;
  }

  /**
   * Removes a source, and what was muted of it. Its tracks are not stopped.
   *
   * @param {string} name
   */
  unpublish(name) {
    this.#publications.delete(name);
  }

  /**
   * Replaces the whole data about this peer, and informs the others.
   *
   * @param {unknown} meta
   */
  update(meta) {
    this.#socket.update(meta);
  }

  /**
   * Sends JSON to all peers that are in the room now. Without a connection it waits for the next one. An `error` with
   * `peer-unreachable` means that the queues of some peers were full; the others have the message.
   *
   * @param {unknown} data
   * @throws {MeetError} `state`, `not-json`, `too-large`, `queue-full`, `not-allowed` without the permission `broadcast`
   */
  broadcast(data) {
    this.#require('broadcast');
    this.#socket.send({ type: 'broadcast', data });
  }

  /**
   * Sends JSON to one peer, by the server. For a direct connection see `createDataChannel` of the peer.
   *
   * @param {string} peerId
   * @param {unknown} data
   * @throws {MeetError} `state`, `not-json`, `too-large`, `queue-full`, `not-allowed` without the permission `signal`,
   *   `no-such-peer` if no peer in `peers` has this id
   */
  send(peerId, data) {
    this.#require('signal');
    toJson(data);
    this.#require('signal', [peerId]);
    this.#socket.send({ type: 'signal', to: peerId, data: { message: data ?? null } });
  }

  /**
   * Whether the application, or a moderator since, allows this page to do something; false without a session.
   *
   * @param {Permission} permission
   */
  can(permission) {
    return this.#isMember && this.#may(permission);
  }

  /** @param {import('./protocol.js').SentMessage} message */
  #moderate(message) {
    const isOfLobby = message.type !== 'permissions';
    const isOfRoom = message.type === 'kick' || message.type === 'permissions';
    this.#require('moderate', 'peer' in message ? [message.peer] : [], (id) => (
      (isOfLobby && this.knocking.has(id)) || (isOfRoom && (id === this.#self?.id || this.peers.has(id)))
    ));
    this.#socket.send(message);
  }

  /**
   * With a configuration that the browser rejects, no transport could connect.
   *
   * @param {import('./protocol.js').Welcome} welcome
   */
  #validate({ iceServers }) {
    this.#setIceServers(iceServers);
    if (this.#roster.offers.areValid) return;
    try {
      new this.#env.RTCPeerConnection(this.#configuration()).close();
    } catch (cause) {
      // Chromium has too many connections at the moment, and accepts another one later.
      if (/** @type {Error} */ (cause)?.name === 'UnknownError') return;
      throw new MeetError('rtc', 'the browser rejects the RTCConfiguration', { cause });
    }
  }

  /** @param {{ state: State, reason: MeetError | null }} detail */
  #stateChanged(detail) {
    const { state } = detail;
    // Fired with the welcome, when the rest of the state is known.
    if (state === 'joined') return;
    this.#events.add('statechange', detail);
    this.#publications.watch(state !== 'closed');
    // The session before may have ended in the lobby.
    if (state !== 'closed' && state !== 'waiting') return;
    this.#roster.offers.close();
    this.#roster.clear(state === 'closed' ? 'left' : 'timeout');
    this.#lobby.reconcile([]);
  }

  /** @param {import('./protocol.js').Welcome} welcome */
  #welcomed(welcome) {
    const { self: { id, permissions }, resumed, locked, lobby = false, iceServers, knocking = [] } = welcome;
    const socket = this.#socket;
    this.#events.add('statechange', { state: 'joined', reason: null });
    if (resumed === 'no') this.#self = { id, permissions, get meta() { return socket.meta; } };
    if (resumed !== 'full') {
      this.#setPermissions(permissions);
      this.#setLocked(locked);
      this.#setHasLobby(lobby);
    }
    this.#setIceServers(iceServers);
    this.#publications.watch(true);
    this.#roster.welcomed(welcome);
    if (resumed !== 'full') this.#lobby.reconcile(knocking);
  }

  /** @param {import('./protocol.js').RoomMessage} message */
  #received(message) {
    switch (message.type) {
      case 'app': return this.#events.add('app', { data: message.data });
      case 'iceServers':
        this.#setIceServers(message.iceServers);
        return this.#roster.wake({ lossy: false });
      case 'locked': return this.#setLocked(message.locked);
      case 'lobby': return this.#setHasLobby(message.enabled);
      case 'knock': return this.#lobby.knocked(message.peer);
      case 'knockGone': return this.#lobby.gone(message.peer);
      case 'updated':
        if (message.peer !== this.#self?.id) break;
        this.#socket.meta = message.meta;
        return undefined;
      case 'permissions':
        if (message.peer !== this.#self?.id) break;
        if (this.#setPermissions(message.permissions)) this.#roster.permissionsChanged();
        if (!this.#may('moderate')) this.#lobby.reconcile([]);
        return undefined;
      default:
    }
    this.#roster.received(message);
  }

  /**
   * @param {Permission[]} permissions of this page
   * @returns {boolean} whether they have changed
   */
  #setPermissions(permissions) {
    const self = /** @type {Self} */ (this.#self);
    if (`${self.permissions}` === `${permissions}`) return false;
    self.permissions = permissions;
    this.#events.add('permissionschanged', { peer: null, permissions });
    return true;
  }

  /** @param {boolean} locked */
  #setLocked(locked) {
    if (locked === this.#locked) return;
    this.#locked = locked;
    this.#events.add('locked', { locked });
  }

  /** @param {boolean} enabled */
  #setHasLobby(enabled) {
    if (enabled === this.#hasLobby) return;
    this.#hasLobby = enabled;
    this.#events.add('lobbychanged', { enabled });
  }

  /** @returns {import('./socket-types.js').JoinOffers} */
  #joinOffers() {
    const room = this;
    return {
      prepare: () => {
        this.#isGreeted = this.#hasOwnIceServers;
        // Of use if the ICE servers are those that this page knows: none, or those of the session before.
        this.#roster.offers.prepare(this.#maxOffers);
      },
      get needsHello() { return !room.#hasOwnIceServers && room.#maxOffers > 0; },
      get isPending() { return room.#isGreeted && room.#roster.offers.isPending; },
      whenMade: (listener) => this.#roster.offers.whenMade(listener),
      // Without the relays of a TURN service, they may connect nobody.
      take: (maxBytes) => (this.#isGreeted ? this.#roster.offers.take(maxBytes) : []),
    };
  }

  get #maxOffers() {
    return this.#options.joinOffers ?? JOIN_OFFERS;
  }

  get #hasOwnIceServers() {
    return this.#options.rtc?.iceServers !== undefined;
  }

  /** @param {RTCIceServer[] | undefined} iceServers */
  #greeted(iceServers) {
    if (iceServers === undefined) return;
    this.#isGreeted = true;
    this.#setIceServers(iceServers);
    this.#roster.offers.prepare(this.#maxOffers);
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
    if (type === 'waiting') return this.state === type;
    if (type.startsWith('knock')) return this.#lobby.isDue(type, detail.peer);
    if (type !== 'trackended') return this.#roster.isDue(type, detail);
    const { name, kind } = /** @type {RoomEvents['trackended']} */ (detail);
    return this.#publications.get(name)?.[kind].track === null;
  }

  /** Whether there is a session, which messages belong to even without a connection. */
  get #isMember() {
    return ['joined', 'away', 'resuming'].includes(this.state);
  }

  /** @param {Permission} permission */
  #may(permission) {
    return this.#self?.permissions.includes(permission) ?? false;
  }

  /**
   * Without a session, sending throws in any case.
   *
   * @param {Permission} permission
   * @param {string[]} [peerIds] who must be there: by default, in `peers`
   * @param {(peerId: string) => boolean} [isThere]
   */
  #require(permission, peerIds = [], isThere = (id) => this.peers.has(id)) {
    if (!this.#isMember) return;
    if (!this.#may(permission)) throw new MeetError('not-allowed', `no permission to ${permission}`);
    if (!peerIds.every(isThere)) throw new MeetError('no-such-peer', 'there is no such peer');
  }
}

/** The default of `joinOffers`: a third one would not fit into the first packets of a connection. */
const JOIN_OFFERS = 2;
