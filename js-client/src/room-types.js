// The options and the events of a room.

/** @typedef {import('./errors.js').MeetError} MeetError */
/** @typedef {import('./remote-peer.js').RemotePeer} RemotePeer */
/** @typedef {import('./remote-source.js').RemoteSource} RemoteSource */
/** @typedef {import('./socket-types.js').State} State */
/** @typedef {import('./protocol.js').Permission} Permission */
/** @typedef {import('./protocol.js').KnockingPeer} KnockingPeer */

/**
 * @typedef {object} MediaOptions
 * @property {RTCConfiguration} [rtc] for each `RTCPeerConnection`; the server provides `iceServers` unless given here
 * @property {number} [joinOffers] to how many peers this page offers with its `join`, which saves a round trip before their
 *   pictures; 2 by default, 0 for none. Needs `iceServers` here, or an application that decides before the join
 *
 * @typedef {Omit<import('./socket-types.js').SocketOptions, 'offers' | 'hello'> & MediaOptions} RoomOptions
 */

/**
 * @typedef {object} Self
 * @property {string} id
 * @property {any} meta the data about this page for the others
 * @property {Permission[]} permissions granted by the application's authorization
 */

/**
 * - `statechange`: see {@link State}. `reason` is a {@link MeetError} if it is `away`, `closed`, or `connecting` after `waiting`;
 *   `null` after leaving
 * - `waiting`: this page waits in the lobby until it is admitted. Fires once for each wait, not for each of its connections
 * - `peerjoined`, `peerleft`: fire once for each peer, first for the peers that were there before
 * - `peerchanged`: its `meta`, `status` or `connection` has changed
 * - `sourceadded`, `sourcechanged`, `sourceremoved`: the sources of a peer; `sourceremoved` fires before `peerleft`
 * - `message`: data from a peer to all (`broadcast`) or to this page only (`send`: `direct`)
 * - `app`: data from the host application
 * - `datachannel`: a peer has opened a data channel
 * - `trackended`: a published track has ended by itself (a device was unplugged, the browser's own "Stop sharing"), or had
 *   ended when it was published. It was removed from its source; if no other one is live, the source is removed for the
 *   others until it is published, or one of its tracks replaced, again. Not fired for tracks that were replaced meanwhile
 * - `knock`, `knockgone`: somebody waits in the lobby, or does no longer: was admitted or denied, or has left. Only on pages
 *   that may `moderate`: once for each, also for those who waited before
 * - `locked`: the room was closed for new peers, or opened again
 * - `lobbychanged`: the lobby of the room was turned on or off
 * - `permissionschanged`: what a peer may do, or this page (`peer` is `null`), was changed
 * - `error`: a failure that no promise reports: a message was rejected, or a connection to a peer could not be made yet.
 *   `peer` is the peer that it concerns, or `null`. `peer-unreachable` after `send` or `broadcast`: the queue of the peer, or
 *   of some peers, was full. The others have the message
 *
 * @typedef {{
 *   statechange: { state: State, reason: MeetError | null },
 *   waiting: {},
 *   peerjoined: { peer: RemotePeer },
 *   peerchanged: { peer: RemotePeer },
 *   peerleft: { peer: RemotePeer, reason: import('./protocol.js').LeaveReason },
 *   sourceadded: { peer: RemotePeer, source: RemoteSource },
 *   sourcechanged: { peer: RemotePeer, source: RemoteSource },
 *   sourceremoved: { peer: RemotePeer, source: RemoteSource },
 *   message: { peer: RemotePeer, data: any, direct: boolean },
 *   app: { data: any },
 *   datachannel: { peer: RemotePeer, channel: RTCDataChannel },
 *   trackended: { name: string, kind: import('./publications.js').Kind, track: MediaStreamTrack },
 *   knock: { peer: KnockingPeer },
 *   knockgone: { peer: KnockingPeer },
 *   locked: { locked: boolean },
 *   lobbychanged: { enabled: boolean },
 *   permissionschanged: { peer: RemotePeer | null, permissions: Permission[] },
 *   error: { error: MeetError, peer: RemotePeer | null },
 * }} RoomEvents
 */

export {};
