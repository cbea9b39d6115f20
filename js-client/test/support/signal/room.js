// One room of the fake signaling server.

/** @typedef {import('./session.js').Session} Session */
/** @typedef {Record<string, unknown> & { type: string }} Frame */

export class Room {
  /** In the order of joining. @type {Session[]} */
  #members = [];
  /** @type {Session[]} */
  #waiting = [];
  #onLeave;

  locked = false;

  /**
   * @param {string} name
   * @param {(session: Session) => void} onLeave called when a session is over
   */
  constructor(name, onLeave) {
    this.name = name;
    this.#onLeave = onLeave;
  }

  get members() {
    return [...this.#members];
  }

  get lobby() {
    return [...this.#waiting];
  }

  /**
   * Everybody else, as this member sees them.
   *
   * @param {Session} session
   */
  peersOf(session) {
    const own = this.#members.indexOf(session);
    return this.#members.flatMap((other, index) => (other === session ? [] : [other.seen(own < index)]));
  }

  /** @param {string} id */
  find(id) {
    return this.#members.find((member) => member.id === id);
  }

  /** @param {Session} session */
  join(session) {
    this.tell({ type: 'joined', peer: session.seen(true) });
    this.#members.push(session);
    session.joined = true;
  }

  /**
   * @param {Session} session of a member, or of somebody in the lobby
   * @param {'left' | 'timeout' | 'kicked' | 'replaced' | 'node-lost' | 'closed'} reason
   */
  leave(session, reason) {
    if (this.#waiting.includes(session)) this.stopWaiting(session);
    if (this.#members.includes(session)) {
      this.#members = this.#members.filter((member) => member !== session);
      this.tell({ type: 'left', peer: session.id, reason });
    }
    session.end();
    this.#onLeave(session);
  }

  /**
   * @param {Session} session
   * @param {'here' | 'away'} status
   */
  setStatus(session, status) {
    if (session.status === status) return;
    session.status = status;
    this.tell({ type: 'status', peer: session.id, status }, session);
  }

  /** @param {Session} session that waits in the lobby */
  wait(session) {
    this.#waiting.push(session);
    this.#tellModerators({ type: 'knock', peer: { id: session.id, meta: session.meta } });
  }

  /** @param {Session} session that waits no longer */
  stopWaiting(session) {
    this.#waiting = this.#waiting.filter((waiting) => waiting !== session);
    this.#tellModerators({ type: 'knockGone', peer: session.id });
  }

  /**
   * @param {Frame} frame
   * @param {Session} [except]
   */
  tell(frame, except) {
    for (const member of this.#members) if (member !== except) member.send(frame);
  }

  /** @param {Frame} frame */
  #tellModerators(frame) {
    for (const member of this.#members) if (member.permissions.includes('moderate')) member.send(frame);
  }
}
