// What a member's frames do: sections 3 to 6 of `docs/protocol.md`.

import { isTooLarge } from './admission.js';

/** @typedef {import('../fake-signal-server.js').FakeSignalServer} FakeSignalServer */
/** @typedef {import('./session.js').Session} Session */
/** @typedef {{ code: string, message?: string, retryAfterMs?: number }} Refusal */

/**
 * Reads a frame.
 *
 * @param {string} text
 * @returns {any} `null` when it is no message
 */
export function parse(text) {
  try {
    const frame = JSON.parse(text);
    return typeof frame?.type === 'string' ? frame : null;
  } catch {
    return null;
  }
}

/**
 * Whether both ends count a client's frame.
 *
 * @param {{ type: string } | null} frame
 */
export function isSequenced(frame) {
  return !frame || !['join', 'pong', 'ack'].includes(frame.type);
}

/**
 * Does what a member asks for.
 *
 * @param {FakeSignalServer} server
 * @param {Session} session
 * @param {any} frame
 * @returns {Refusal | void}
 */
export function carryOut(server, session, frame) {
  const command = commands[frame?.type];
  if (!frame) return { code: 'bad-message', message: 'a frame is one JSON object with a `type`' };
  if (!command) return { code: 'unknown-type', message: 'this type of message is not known' };
  if (!hasFields(frame)) return { code: 'bad-message', message: 'a field is missing' };
  if (MODERATION.includes(frame.type) && !session.permissions.includes('moderate')) {
    return { code: 'not-allowed', message: 'this session may not moderate' };
  }
  if (RELAY.includes(frame.type) && !session.permissions.includes(frame.type)) {
    return { code: 'not-allowed', message: 'this session lacks the permission' };
  }
  return command(server, session, frame);
}

/** @type {Record<string, (server: FakeSignalServer, session: Session, frame: any) => Refusal | void>} */
const commands = {
  join: () => ({ code: 'already-joined', message: 'this connection has joined' }),

  signal(_, { room, id }, { to, data }) {
    const receiver = room.find(to);
    if (!receiver) return NO_SUCH_PEER;
    if (receiver.isFull) return UNREACHABLE;
    receiver.send({ type: 'signal', from: id, data });
  },

  broadcast(_, session, { data }) {
    const others = session.room.members.filter((member) => member !== session);
    for (const other of others) if (!other.isFull) other.send({ type: 'broadcast', from: session.id, data });
    if (others.some(({ isFull }) => isFull)) return UNREACHABLE;
  },

  update(server, session, { meta }) {
    if (session.isMetaFixed) return { code: 'not-allowed', message: 'the application has set the `meta`' };
    if (isTooLarge(meta, server.limit('metaBytes'))) return { code: 'too-large', message: '`meta` is too large' };
    session.meta = meta;
    session.room.tell({ type: 'updated', peer: session.id, meta }, session);
  },

  leave(_, session) {
    const { socket } = session;
    session.room.leave(session, 'left');
    socket?.close(1000, 'left');
  },

  pong: acknowledge,
  ack: acknowledge,

  admit(server, { room }, { peer }) {
    const waiting = room.lobby.find(({ id }) => id === peer);
    if (!waiting) return NO_SUCH_PEER;
    server.admit(waiting);
  },

  deny(_, { room }, { peer, reason }) {
    const waiting = room.lobby.find(({ id }) => id === peer);
    if (!waiting) return NO_SUCH_PEER;
    const { socket } = waiting;
    waiting.sendUncounted({ type: 'error', code: 'denied', message: reason ?? 'denied' });
    room.leave(waiting, 'closed');
    socket?.close(4504, 'denied');
  },

  kick(server, { room }, { peer }) {
    const member = room.find(peer);
    if (!member) return NO_SUCH_PEER;
    server.kick(member);
  },

  lock(_, { room }, { locked }) {
    room.locked = locked;
    room.tell({ type: 'locked', locked });
  },
};

/**
 * @param {FakeSignalServer} _
 * @param {Session} session
 * @param {{ received: number }} frame
 */
function acknowledge(_, session, { received }) {
  if (!session.acknowledge(received)) return { code: 'bad-message', message: 'so many were never sent' };
}

/** @param {Record<string, unknown> & { type: string }} frame */
function hasFields(frame) {
  const valid = FIELDS[frame.type];
  return !valid || Object.entries(valid).every(([field, type]) => (
    type === 'any' ? field in frame : typeof frame[field] === type
  ));
}

/** @type {Record<string, Record<string, string>>} */
const FIELDS = {
  signal: { to: 'string', data: 'any' },
  broadcast: { data: 'any' },
  update: { meta: 'any' },
  pong: { received: 'number' },
  ack: { received: 'number' },
  admit: { peer: 'string' },
  deny: { peer: 'string' },
  kick: { peer: 'string' },
  lock: { locked: 'boolean' },
};

/** Each needs the permission of its name. */
const RELAY = ['signal', 'broadcast'];
const MODERATION = ['admit', 'deny', 'kick', 'lock'];
const UNREACHABLE = { code: 'peer-unreachable', message: 'the peer’s queue is full' };
const NO_SUCH_PEER = { code: 'no-such-peer', message: 'no such peer is in the room' };
