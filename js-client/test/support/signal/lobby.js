// The lobby of the server. Whoever waits is, for the core, a join whose decision takes long. The core gives an admitted page
// its id and ticket, and the pages see those of the lobby.

/** @typedef {import('../signal-server.js').Connection} Connection */
/** @typedef {import('../signal-server.js').Grant} Grant */
/** @typedef {import('./session.js').Session} Session */

/**
 * Somebody who waits. `connection` is the newest one, which may be gone.
 *
 * @typedef {object} Place
 * @property {string} id
 * @property {string} ticket
 * @property {unknown} meta
 * @property {Grant} grant
 * @property {Connection} connection
 * @property {any} timer until the next ping, or until the place is given up
 */

/**
 * What the lobby needs of its server.
 *
 * @typedef {object} Host
 * @property {import('../clock.js').Clock} clock
 * @property {{ heartbeatMs?: number, graceMs?: number, goingAwayGraceMs?: number, capacity?: number }} options
 * @property {() => Session[]} sessions
 * @property {(room: string) => string[]} roster the core's ids
 * @property {(connection: Connection, grant: Grant) => void} decide
 * @property {(connection: Connection, code: number) => void} withdraw the core forgets a join
 * @property {(connection: Connection, frame: any, code: string) => string} reject what the core gets in the place of a frame
 */

export class Lobby {
  /** @type {Place[]} */
  #places = [];
  #host;
  #count = 0;
  /** Ids and tickets of the core, and what the pages have in their place. @type {Map<string, string>} */
  #aliases = new Map();
  /** The tickets of those who were admitted without a connection. @type {Set<string>} */
  #unheard = new Set();
  /** Whether each room is locked. @type {Map<string, boolean>} */
  #locked = new Map();

  /** Fields that take the place of those of each `waiting`; `undefined` takes one away. @type {Record<string, unknown>} */
  overrides = {};

  /** @param {Host} host */
  constructor(host) {
    this.#host = host;
  }

  /** Another process: nobody waits. */
  clear() {
    for (const { timer } of this.#places) this.#host.clock.clearTimeout(timer);
    this.#places = [];
  }

  /**
   * The pages in a lobby, in the order in which they came.
   *
   * @param {string} room
   */
  waiting(room) {
    return this.#in(room).map(({ connection }) => connection.end.page);
  }

  /**
   * A join was decided: it has to wait.
   *
   * @param {Connection} connection
   * @param {unknown} meta
   * @param {() => Grant} authorize
   * @returns {Grant | null} `null` if it waits
   */
  decided(connection, meta, authorize) {
    const { join } = connection;
    const resumed = this.#places.find(({ ticket }) => ticket === join?.resume?.ticket);
    if (resumed !== undefined) {
      this.#continue(resumed, connection);
      return null;
    }
    const grant = authorize();
    const isMember = this.#host.sessions().some(({ ticket, joined }) => joined && ticket === join?.replaces);
    if (!grant.lobby || isMember) return grant;
    const replaced = this.#places.find(({ ticket }) => ticket === join?.replaces);
    if (replaced !== undefined) this.#end(replaced, 4508);
    this.#count += 1;
    const place = {
      id: `Knock${this.#count}`.padEnd(22, 'A'),
      ticket: `Place${this.#count}`.padEnd(43, 'A'),
      meta,
      grant,
      connection,
      timer: null,
    };
    this.#places.push(place);
    this.#greet(place);
    this.#tell(connection.room, { type: 'knock', peer: { id: place.id, meta } });
    return null;
  }

  /**
   * What the core gets in the place of a client's text; `null` if nothing.
   *
   * @param {Connection} connection
   * @param {any} frame the text, parsed
   * @param {string} text
   * @returns {string | null}
   */
  received(connection, frame, text) {
    const own = this.#placeOf(connection);
    if (own !== undefined) {
      if (frame?.type === 'leave') this.#remove(own);
      else if (frame?.type === 'probe') connection.end.send(PING);
      else if (frame?.type !== 'pong' && frame?.type !== 'ack') connection.end.send('{"type":"error","code":"not-joined"}');
      return frame?.type === 'leave' ? text : null;
    }
    if (connection.session !== undefined) return this.#moderated(connection, connection.session, frame, text);
    switch (frame?.type) {
      case 'join': {
        connection.join = frame;
        const { ticket } = frame.resume ?? {};
        const place = this.#places.find((each) => each.ticket === ticket);
        // The knock and its `meta` stay.
        if (place !== undefined) return JSON.stringify({ ...frame, meta: place.meta, resume: undefined });
        // More than was ever sent: for the core, something is missing.
        if (this.#unheard.delete(ticket)) {
          return JSON.stringify({ ...frame, resume: { ticket, received: Number.MAX_SAFE_INTEGER } });
        }
        return text;
      }
      case 'leave': {
        const place = this.#places.find(({ ticket }) => ticket === frame.ticket);
        if (place !== undefined) this.#end(place, 1000);
        return text;
      }
      default: return text;
    }
  }

  /**
   * What a page gets in the place of the core's text; `null` if nothing.
   *
   * @param {Connection} connection
   * @param {string} text
   * @returns {string | null}
   */
  sent(connection, text) {
    if (this.#placeOf(connection) !== undefined && text.startsWith('{"type":"ping"')) return null;
    if (/^\{"type":"(welcome|locked)"/.test(text)) this.#locked.set(connection.room, JSON.parse(text).locked);
    const { session } = connection;
    if (session === undefined || !text.startsWith('{"type":"welcome"')) return text;
    const welcome = JSON.parse(text);
    // After `full`, the change itself follows.
    if (welcome.resumed !== 'full') session.permissions = welcome.self.permissions;
    const knocking = this.#knocking(connection.room);
    return maySee(welcome.self) && knocking.length > 0 ? JSON.stringify({ ...welcome, knocking }) : text;
  }

  /**
   * After a page got a text.
   *
   * @param {Connection} connection
   * @param {string} text
   */
  delivered({ session, room }, text) {
    if (session === undefined || !text.startsWith('{"type":"permissions"')) return;
    const { peer, permissions } = JSON.parse(text);
    if (peer !== session.id) return;
    const could = maySee(session);
    session.permissions = permissions;
    if (!could && maySee(session)) for (const each of this.#knocking(room)) session.send({ type: 'knock', peer: each });
  }

  /**
   * A connection has ended. Returns whether it waits for another one.
   *
   * @param {Connection} connection
   * @param {number} code
   */
  lost(connection, code) {
    const place = this.#placeOf(connection);
    if (place === undefined) return false;
    const { clock, options: { graceMs = 30_000, goingAwayGraceMs = 2000 } } = this.#host;
    clock.clearTimeout(place.timer);
    place.timer = clock.setTimeout(() => this.#end(place, code), code === GOING_AWAY ? goingAwayGraceMs : graceMs);
    return true;
  }

  /** @param {string} text of the core, for pages */
  toPage(text) {
    for (const [core, page] of this.#aliases) text = text.replaceAll(core, page);
    return text;
  }

  /** @param {string} text of a page, for the core */
  toCore(text) {
    for (const [core, page] of this.#aliases) text = text.replaceAll(page, core);
    return text;
  }

  /**
   * @param {Connection} connection
   * @param {Session} session
   * @param {any} frame
   * @param {string} text
   */
  #moderated(connection, session, frame, text) {
    const { room } = connection;
    if (!['admit', 'deny', 'admitAll'].includes(frame?.type)) return text;
    const reject = (/** @type {string} */ code) => this.#host.reject(connection, frame, code);
    if (!maySee(session)) return reject('not-allowed');
    if (new TextEncoder().encode(frame.reason).length > 256) return reject('bad-message');
    const place = this.#in(room).find(({ id }) => id === frame.peer);
    if (frame.type === 'admitAll') for (const each of this.#in(room)) this.#admit(each);
    else if (place === undefined) return reject('no-such-peer');
    else if (frame.type === 'deny') this.#deny(place, frame.reason);
    else if (!this.#admit(place)) return reject('room-full');
    // Counted, and without an effect.
    return JSON.stringify({ type: 'lock', locked: this.#locked.get(room) ?? false, ref: frame.ref });
  }

  /**
   * @param {Place} place
   * @returns {boolean} whether there is a place in the room
   */
  #admit(place) {
    const { connection, id, ticket, grant } = place;
    const { room } = connection;
    const before = this.#host.roster(room);
    if (before.length >= (this.#host.options.capacity ?? Infinity)) return false;
    this.#remove(place);
    this.#host.decide(connection, grant);
    const admitted = this.#host.roster(room).find((each) => !before.includes(each));
    if (admitted === undefined) throw new Error(`the core has not let ${id} in`);
    this.#aliases.set(admitted, id);
    connection.ticket = ticket;
    if (!connection.end.isOpen) this.#unheard.add(ticket);
    return true;
  }

  /**
   * An admitted page has its session.
   *
   * @param {Connection} connection
   * @param {Session} session
   */
  welcomed({ ticket }, session) {
    if (ticket === undefined || this.#aliases.has(session.ticket)) return;
    this.#aliases.set(session.ticket, ticket);
    if (this.#unheard.delete(ticket)) this.#unheard.add(session.ticket);
  }

  /**
   * @param {Place} place
   * @param {string} [reason]
   */
  #deny(place, reason = 'a moderator has refused') {
    this.#remove(place);
    this.#host.decide(place.connection, { refuse: { code: 'denied', message: reason, close: 4504 } });
  }

  /**
   * @param {Place} place
   * @param {Connection} connection
   */
  #continue(place, connection) {
    const before = place.connection;
    place.connection = connection;
    before.end.close(4508);
    this.#host.withdraw(before, 4508);
    this.#greet(place);
  }

  /** @param {Place} place */
  #greet(place) {
    const { heartbeatMs = 10_000, graceMs = 30_000 } = this.#host.options;
    const waiting = { type: 'waiting', ticket: place.ticket, heartbeatMs, graceMs, ...this.overrides };
    place.connection.end.send(JSON.stringify(waiting));
    const ping = () => {
      place.timer = this.#host.clock.setTimeout(() => { place.connection.end.send(PING); ping(); }, heartbeatMs);
    };
    this.#host.clock.clearTimeout(place.timer);
    ping();
  }

  /**
   * @param {Place} place
   * @param {number} code
   */
  #end(place, code) {
    this.#remove(place);
    place.connection.end.close(code);
    this.#host.withdraw(place.connection, code);
  }

  /** @param {Place} place */
  #remove(place) {
    this.#host.clock.clearTimeout(place.timer);
    this.#places = this.#places.filter((each) => each !== place);
    this.#tell(place.connection.room, { type: 'knockGone', peer: place.id });
  }

  /**
   * @param {string} room
   * @param {any} frame
   */
  #tell(room, frame) {
    for (const each of this.#host.sessions()) if (each.room === room && each.joined && maySee(each)) each.send(frame);
  }

  /** @param {string} room */
  #in(room) {
    return this.#places.filter(({ connection }) => connection.room === room);
  }

  /** @param {string} room */
  #knocking(room) {
    return this.#in(room).map(({ id, meta }) => ({ id, meta }));
  }

  /** @param {Connection} connection */
  #placeOf(connection) {
    return this.#places.find((place) => place.connection === connection);
  }
}

/** @param {{ permissions: string[] }} session */
function maySee({ permissions }) {
  return permissions.includes('moderate');
}

const PING = '{"type":"ping","received":0}';

const GOING_AWAY = 4900;
