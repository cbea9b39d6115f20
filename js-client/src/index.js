// The browser side of meet-signal. Importing it touches nothing: a server may do so, too.

export { attach } from './attach.js';
export { MeetError } from './errors.js';
export { PeerTransport } from './peer-transport.js';
export { MeetRoom } from './meet-room.js';
export { Negotiator } from './negotiator.js';
export { RemotePeer } from './remote-peer.js';
export { RemoteSource } from './remote-source.js';
export { fullJitter } from './retry.js';
export { SignalingSocket } from './signaling-socket.js';
