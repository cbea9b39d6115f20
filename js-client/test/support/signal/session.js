// One session of the fake signaling server: what outlives a socket.

/** @typedef {import('../fake-socket.js').ServerEnd} ServerEnd */
/** @typedef {import('../fake-signal-server.js').FakeSignalServer} FakeSignalServer */
/** @typedef {import('./room.js').Room} Room */

export class Session {
  /** @type {ServerEnd | null} */
  #socket = null;
  /** Sequenced frames that the client has not acknowledged, oldest first. @type {string[]} */
  #kept = [];
  /** How many were acknowledged. */
  #acknowledged = 0;
  #server;
  /** @type {number | null} */
  #pulse = null;
  /** @type {number | null} */
  #grace = null;
  /** What came since the last ping, which acknowledges it. */
  #unacknowledged = { frames: 0, bytes: 0 };
  #heardAt = 0;
  #sentAt = 0;

  /** How many of the client's sequenced frames were handled. */
  received = 0;
  /** @type {'here' | 'away'} */
  status = 'here';
  /** Whether it is in its room; those in the lobby, and those that have left, are not. */
  joined = false;
  /** Whether its queue has no place for what others send. */
  isFull = false;
  /** Whether the application has set its `meta`, which the client may not change then. */
  isMetaFixed = false;

  /**
   * @param {FakeSignalServer} server
   * @param {{ id: string, ticket: string, page: string, room: Room, meta: unknown, permissions: string[] }} init
   */
  constructor(server, { id, ticket, page, room, meta, permissions }) {
    this.#server = server;
    this.id = id;
    this.ticket = ticket;
    this.page = page;
    this.room = room;
    this.meta = meta;
    this.permissions = permissions;
  }

  /** The server's end of its connection: here a test cuts, stalls or closes it. */
  get socket() {
    return this.#socket;
  }

  /** How many frames are kept for a resume. */
  get kept() {
    return this.#kept.length;
  }

  /** @param {ServerEnd} socket that carries it from now on */
  attach(socket) {
    this.#stopTimers();
    this.#socket = socket;
    this.#heardAt = this.#sentAt = this.#server.clock.now();
    this.#watch();
  }

  /**
   * The socket is lost; the session waits for another one.
   *
   * @param {number} graceMs
   */
  detach(graceMs) {
    this.#stopTimers();
    this.#socket = null;
    this.#grace = this.#server.clock.setTimeout(() => this.room.leave(this, 'timeout'), graceMs);
  }

  /** It is over. */
  end() {
    this.#stopTimers();
    this.#socket = null;
    this.joined = false;
  }

  /**
   * Sends a frame that both ends count, now or after a resume.
   *
   * @param {Record<string, unknown> & { type: string }} frame
   */
  send(frame) {
    const text = JSON.stringify(frame);
    this.#kept.push(text);
    this.#write(text);
  }

  /**
   * Sends a frame that nobody counts.
   *
   * @param {Record<string, unknown> & { type: string }} frame
   */
  sendUncounted(frame) {
    this.#write(JSON.stringify(frame));
  }

  /**
   * Sends a text as it is, for tests of what no server would say. It is not counted here.
   *
   * @param {string} text
   */
  sendRaw(text) {
    this.#write(text);
  }

  /**
   * A frame has come.
   *
   * @param {string} text
   * @param {boolean} sequenced
   */
  heard(text, sequenced) {
    this.#heardAt = this.#server.clock.now();
    if (sequenced) this.received += 1;
    this.#unacknowledged.frames += 1;
    this.#unacknowledged.bytes += Buffer.byteLength(text);
    if (this.#unacknowledged.frames >= 256 || this.#unacknowledged.bytes >= 128 * 1024) this.ping();
  }

  /** Acknowledges, and asks for a sign of life. */
  ping() {
    this.#unacknowledged = { frames: 0, bytes: 0 };
    this.sendUncounted({ type: 'ping', received: this.received });
  }

  /**
   * @param {number} received how many sequenced frames the client has handled
   * @returns {boolean} whether that can be
   */
  acknowledge(received) {
    if (received > this.#acknowledged + this.#kept.length) return false;
    this.#kept.splice(0, Math.max(0, received - this.#acknowledged));
    this.#acknowledged = Math.max(this.#acknowledged, received);
    return true;
  }

  /**
   * Whether everything after these frames is still kept.
   *
   * @param {number} received
   */
  canResumeFrom(received) {
    return received >= this.#acknowledged && received <= this.#acknowledged + this.#kept.length;
  }

  /** Sends again all that is kept. */
  repeat() {
    for (const text of this.#kept) this.#write(text);
  }

  /** Counting starts anew, in both directions. */
  restartCounting() {
    this.#kept = [];
    this.#acknowledged = 0;
    this.received = 0;
  }

  /**
   * How another member sees it.
   *
   * @param {boolean} polite the other one's role
   */
  seen(polite) {
    return { id: this.id, meta: this.meta, status: this.status, polite };
  }

  /** @param {string} text */
  #write(text) {
    if (!this.#socket) return;
    this.#sentAt = this.#server.clock.now();
    this.#socket.send(text);
  }

  /** Pings after a heartbeat of silence in either direction, gives up after three of hearing nothing. */
  #watch() {
    const { clock, heartbeatMs } = this.#server;
    const due = Math.min(this.#heardAt, this.#sentAt) + heartbeatMs;
    // After a ping that was not answered yet it is over already.
    const delay = due > clock.now() ? due - clock.now() : heartbeatMs;
    this.#pulse = clock.setTimeout(() => {
      const now = clock.now();
      if (now - this.#heardAt >= 3 * heartbeatMs) {
        this.#server.close(this, 4001, 'heartbeat missed');
        return;
      }
      if (now - Math.min(this.#heardAt, this.#sentAt) >= heartbeatMs) {
        this.ping();
      }
      this.#watch();
    }, delay);
  }

  #stopTimers() {
    this.#server.clock.clearTimeout(this.#pulse);
    this.#server.clock.clearTimeout(this.#grace);
    this.#pulse = this.#grace = null;
  }
}
