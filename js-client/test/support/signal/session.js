// One session, as a test sees it from the server's side.

/** @typedef {import('../signal-server.js').Connection} Connection */
/** @typedef {import('../signal-server.js').SignalServer} SignalServer */

export class Session {
  #server;

  /**
   * @param {SignalServer} server
   * @param {{ id: string, ticket: string, permissions: string[], connection: Connection }} init
   */
  constructor(server, { id, ticket, permissions, connection }) {
    this.#server = server;
    this.id = id;
    this.ticket = ticket;
    this.permissions = permissions;
    this.page = connection.end.page;
    this.room = connection.room;
    /** The newest one. */
    this.connection = connection;
  }

  /** The server's end of its connection: here a test cuts, stalls or closes it. */
  get socket() {
    return this.connection.end.isOpen ? this.connection.end : null;
  }

  /** Whether it is in its room. */
  get joined() {
    return this.#server.find(this) !== undefined;
  }

  /** What the room has of it. */
  get meta() {
    const member = this.#server.find(this);
    return member && JSON.parse(member.meta);
  }

  /**
   * Sends a frame that both ends count, now or after a resume, whatever the server would say.
   *
   * @param {Record<string, unknown> & { type: string }} frame
   */
  send(frame) {
    this.sendRaw(JSON.stringify(frame));
  }

  /** @param {string} text likewise, as it is */
  sendRaw(text) {
    this.#server.app(this, { [RAW]: text });
  }

  /**
   * Whether the client takes nothing from its connection, as it is now: the server's writes wait.
   *
   * @param {boolean} blocked
   */
  set isBlocked(blocked) {
    this.#server.block(this.connection, blocked);
  }
}

/** In the data of an `app` message: a text that goes out in its place. */
export const RAW = 'in the place of this message';
