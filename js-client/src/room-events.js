// The events of a room.

/** @typedef {import('./errors.js').MeetError} MeetError */
/** @typedef {import('./remote-peer.js').RemotePeer} RemotePeer */
/** @typedef {import('./remote-source.js').RemoteSource} RemoteSource */

/**
 * @typedef {{
 *   statechange: { state: import('./socket-types.js').State, reason: MeetError | null },
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
 *   locked: { locked: boolean },
 *   error: { error: MeetError, peer: RemotePeer | null },
 * }} RoomEvents
 */

export {};
