// What moderators do.

import { Emitter } from './emitter.js';
import { MeetError } from './errors.js';

/** @typedef {import('./protocol.js').Permission} Permission */
/** @typedef {import('./room-types.js').RoomEvents} RoomEvents */

/**
 * The methods of a room that need the permission `moderate`. What the server rejects fires `error`. Without a connection they
 * wait for the next one; if the server has another session for this page then, nothing is done, and `error` fires with `lost`.
 *
 * @extends {Emitter<RoomEvents>}
 */
export class Moderation extends Emitter {
  #moderate;

  /** @param {(message: import('./protocol.js').SentMessage) => void} moderate sends a message, or throws */
  constructor(moderate) {
    super();
    this.#moderate = moderate;
  }

  /**
   * Lets somebody in who waits in the lobby. `knockgone` fires, then `peerjoined` with the same id. An `error` means that it
   * has not: with `no-such-peer`, nobody with this id waits any more; with `room-full`, it still waits.
   *
   * @param {string} peerId
   * @throws {MeetError} `state`, `not-allowed` without the permission `moderate`, `no-such-peer` if nobody in `knocking` has
   *   this id
   */
  admit(peerId) {
    this.#moderate({ type: 'admit', peer: peerId });
  }

  /** Lets in all who wait in the lobby, as far as the room has places. @throws {MeetError} `state`, `not-allowed` */
  admitAll() {
    this.#moderate({ type: 'admitAll' });
  }

  /**
   * Refuses somebody who waits in the lobby: `join` rejects there with `denied`.
   *
   * @param {string} peerId
   * @param {string} [reason] for its user: at most 256 bytes
   * @throws {MeetError} as `admit`
   */
  deny(peerId, reason) {
    this.#moderate({ type: 'deny', peer: peerId, reason });
  }

  /**
   * Removes a peer from the room, or from its lobby. Its page is told, and does not join again by itself.
   *
   * @param {string} peerId
   * @param {string} [reason] for its user: at most 256 bytes, of which the page gets 123
   * @throws {MeetError} `state`, `not-allowed` without the permission `moderate`, `no-such-peer`
   */
  kick(peerId, reason) {
    this.#moderate({ type: 'kick', peer: peerId, reason });
  }

  /**
   * Removes the user of a peer, which may be in the lobby, with all pages, and lets nobody with the same identity join for some
   * time. An `error` with `not-allowed` means that the application knows no identity of the peer.
   *
   * @param {string} peerId
   * @param {number} seconds
   * @param {string} [reason] as for `kick`
   * @throws {MeetError} as `kick`; `bad-message` if `seconds` is no positive integer
   */
  ban(peerId, seconds, reason) {
    if (!Number.isSafeInteger(seconds) || seconds < 1) throw new MeetError('bad-message', `a ban of ${seconds} seconds`);
    this.#moderate({ type: 'kick', peer: peerId, reason, banSeconds: seconds });
  }

  /**
   * Closes the room for new peers, or opens it again. Its peers stay, also over a reload.
   *
   * @param {boolean} locked
   * @throws {MeetError} `state`, `not-allowed` without the permission `moderate`
   */
  lock(locked) {
    this.#moderate({ type: 'lock', locked });
  }

  /**
   * Turns the lobby on or off. While it is on, new peers wait in it until a moderator or the application admits them. Turning it
   * off admits nobody: those in `knocking` go on waiting.
   *
   * @param {boolean} enabled
   * @throws {MeetError} `state`, `not-allowed` without the permission `moderate`
   */
  setLobby(enabled) {
    this.#moderate({ type: 'lobby', enabled });
  }

  /**
   * Replaces what a peer, or this page (`self.id`), may do.
   *
   * @param {string} peerId
   * @param {Permission[]} permissions
   * @throws {MeetError} as `kick`
   */
  setPermissions(peerId, permissions) {
    this.#moderate({ type: 'permissions', peer: peerId, permissions });
  }
}
