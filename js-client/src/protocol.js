// The messages of the wire protocol, version 1 (`docs/protocol.md`).

import { MeetError } from './errors.js';

/** The WebSocket subprotocol. */
export const SUBPROTOCOL = 'meet-signal.v1';

/** The same, with a `hello` of the server at once. */
export const HELLO_SUBPROTOCOL = 'meet-signal.v1.hello';

/**
 * Whether both ends count a frame of the server (section 5). The server does not count the error before a close, which makes
 * no difference, since it is the last frame.
 *
 * @param {ServerMessage} message
 */
export function isSequenced({ type }) {
  return !['hello', 'welcome', 'waiting', 'ping'].includes(type);
}

/**
 * Parses a frame; `null` if it is invalid, or unknown to this version.
 *
 * @param {unknown} text
 * @returns {ServerMessage | null}
 */
export function parseFrame(text) {
  if (typeof text !== 'string') return null;
  try {
    const frame = JSON.parse(text);
    return typeof frame?.type === 'string' ? frame : null;
  } catch {
    return null;
  }
}

/** The limits of a server that does not announce them: the defaults of the protocol (section 8). @type {Limits} */
export const DEFAULT_LIMITS = {
  frameBytes: 65_536,
  metaBytes: 4096,
  ratePerSecond: 60,
  rateBurst: 240,
  rateBytesPerSecond: 131_072,
  rateBurstBytes: 1_048_576,
};

/**
 * A value as JSON; `undefined` becomes `null`.
 *
 * @param {unknown} value
 * @throws {MeetError} `not-json`: a function, a symbol, a BigInt, a cycle, or a `toJSON` that throws
 */
export function toJson(value) {
  let cause;
  try {
    /** @type {string | undefined} */
    const text = JSON.stringify(value ?? null);
    if (text !== undefined) return text;
  } catch (error) {
    cause = error;
  }
  throw new MeetError('not-json', 'the data is not JSON', { cause });
}

/**
 * The length of a text in UTF-8.
 *
 * @param {string} text
 * @param {number} [max]
 * @throws {MeetError} `too-large`
 */
export function measure(text, max = Infinity) {
  const bytes = UTF8.encode(text).length;
  if (bytes > max) throw tooLarge(bytes, max);
  return bytes;
}

/**
 * @param {number} bytes
 * @param {number} max
 */
export function tooLarge(bytes, max) {
  return new MeetError('too-large', `${bytes} bytes of at most ${max}`);
}

const UTF8 = new TextEncoder();

/** Leaves on the connection that has joined. It also cancels a `join` without a reply. */
export const LEAVE = '{"type":"leave"}';

/** The close code of a page that is unloaded and may come back. */
export const GOING_AWAY = 4900;

/** @typedef {'signal' | 'broadcast' | 'moderate'} Permission */
/** @typedef {'left' | 'timeout' | 'kicked' | 'replaced' | 'node-lost' | 'closed'} LeaveReason */
/** @typedef {'here' | 'away'} Status whether a peer's socket is open */

/**
 * @typedef {object} PeerInfo
 * @property {string} id
 * @property {any} meta data of any type about the peer
 * @property {Status} status
 * @property {boolean} polite this page's role toward it
 * @property {Permission[]} [permissions] what it may do; an older server does not say
 * @property {number} [offered] in the welcome of a new session: which of the offers in its `join` the peer got
 */

/**
 * @typedef {object} Welcome
 * @property {'welcome'} type
 * @property {number} v
 * @property {string} room
 * @property {{ id: string, meta: any, permissions: Permission[] }} self
 * @property {string} ticket
 * @property {'no' | 'full' | 'partial'} resumed
 * @property {number} received
 * @property {boolean} locked
 * @property {boolean} [lobby] whether newcomers wait to be admitted
 * @property {PeerInfo[]} peers
 * @property {KnockingPeer[]} [knocking] who waits in the lobby, for moderators
 * @property {RTCIceServer[]} iceServers
 * @property {number} heartbeatMs
 * @property {number} graceMs
 * @property {Limits} [limits] an older server announces none, and knows neither `probe` nor `leave` with a ticket
 */

/**
 * The place in the lobby. A fresh join has to wait there for a moderator or the application.
 *
 * @typedef {object} Waiting
 * @property {'waiting'} type
 * @property {string} [ticket] continues the wait on another connection, and is the session's ticket after the admission
 * @property {number} [heartbeatMs]
 * @property {number} [graceMs]
 */

/**
 * Who waits in the lobby.
 *
 * @typedef {object} KnockingPeer
 * @property {string} id the same as in the room, after the admission
 * @property {any} meta untrusted data of any type about the peer
 */

/**
 * The limits of the server that this client observes.
 *
 * @typedef {object} Limits
 * @property {number} frameBytes the longest frame
 * @property {number} metaBytes the longest `meta`, as JSON
 * @property {number} ratePerSecond frames
 * @property {number} rateBurst frames
 * @property {number} rateBytesPerSecond
 * @property {number} rateBurstBytes
 */

/**
 * @typedef {{ type: 'error', code: string, message?: string, ref?: number, retryAfterMs?: number }} ErrorMessage
 */

/**
 * The messages of the server in the room.
 *
 * @typedef {{ type: 'joined', peer: PeerInfo, offer?: unknown }
 *   | { type: 'left', peer: string, reason: LeaveReason }
 *   | { type: 'status', peer: string, status: Status }
 *   | { type: 'updated', peer: string, meta: any }
 *   | { type: 'permissions', peer: string, permissions: Permission[] }
 *   | { type: 'signal', from: string, data: unknown }
 *   | { type: 'broadcast', from: string, data: any }
 *   | { type: 'app', data: any }
 *   | { type: 'knock', peer: KnockingPeer }
 *   | { type: 'knockGone', peer: string }
 *   | { type: 'locked', locked: boolean }
 *   | { type: 'lobby', enabled: boolean }
 *   | { type: 'iceServers', iceServers: RTCIceServer[] }} RoomMessage
 */

/**
 * The first message of a connection.
 *
 * @typedef {{ type: 'hello', iceServers?: RTCIceServer[] }} Hello `iceServers` if the application has decided already
 */

/** @typedef {Hello | Welcome | Waiting | { type: 'ping', received: number } | ErrorMessage | RoomMessage} ServerMessage */

/**
 * The messages of a client in the room. They are counted, and get a `ref`.
 *
 * @typedef {{ type: 'signal', to: string, data: unknown }
 *   | { type: 'broadcast', data: unknown }
 *   | { type: 'update', meta: unknown }
 *   | { type: 'admit', peer: string }
 *   | { type: 'deny', peer: string, reason?: string | undefined }
 *   | { type: 'admitAll' }
 *   | { type: 'kick', peer: string, reason?: string | undefined, banSeconds?: number }
 *   | { type: 'lock', locked: boolean }
 *   | { type: 'lobby', enabled: boolean }
 *   | { type: 'permissions', peer: string, permissions: Permission[] }} SentMessage
 */
