// Who is let in: section 1 and 2 of `docs/protocol.md`.

/** @typedef {import('../fake-socket.js').ServerEnd} ServerEnd */
/** @typedef {import('./room.js').Room} Room */

/**
 * What the application decides about a join.
 *
 * @typedef {{ permissions?: string[], lobby?: boolean, meta?: unknown, refuse?: RefusedJoin }} Grant
 * @typedef {{ code: string, message?: string, close: number, retryAfterMs?: number }} RefusedJoin
 */

/**
 * The room and the subprotocol of a handshake; `null` when it is answered with 400.
 *
 * @param {ServerEnd} end
 */
export function readHandshake({ url, protocols }) {
  const room = new URL(url).pathname.split('/').at(-1) ?? '';
  const known = protocols.includes(SUBPROTOCOL);
  if (!ROOM_NAME.test(room) || (!known && protocols.length > 0)) return null;
  return { room, subprotocol: known ? SUBPROTOCOL : '' };
}

/**
 * Why a fresh join is refused, if it is.
 *
 * @param {Room} room
 * @param {{ meta: unknown, grant: Grant, free: number, metaBytes: number }} join `free` places are left
 * @returns {RefusedJoin | null}
 */
export function refusal(room, { meta, grant, free, metaBytes }) {
  if (isTooLarge(meta, metaBytes)) return { code: 'too-large', close: 4501 };
  if (grant.refuse) return grant.refuse;
  if (room.locked) return { code: 'room-locked', close: 4503 };
  return free > 0 ? null : { code: 'room-full', close: 4503 };
}

/**
 * @param {unknown} meta
 * @param {number} metaBytes
 */
export function isTooLarge(meta, metaBytes) {
  return Buffer.byteLength(JSON.stringify(meta) ?? '') > metaBytes;
}

const SUBPROTOCOL = 'meet-signal.v1';
const ROOM_NAME = /^[A-Za-z0-9._~-]{1,64}$/;
