// The signaling server: the real core on the test's clock, and the faults that a client has to live with.

import { Core, roomInSegment } from './core.js';
import { FakeSocketNetwork } from './fake-socket.js';
import { Interference } from './signal/interference.js';
import { Lobby } from './signal/lobby.js';
import { Session } from './signal/session.js';

/** @typedef {import('./core.js').CoreEvent} CoreEvent */
/** @typedef {import('./fake-socket.js').ServerEnd} ServerEnd */
/** @typedef {import('./scheduler.js').Scheduler} Scheduler */
/** @typedef {import('./signal/interference.js').Rejection} Rejection */

/**
 * What the application decides about a join. `lobby`: a moderator has to let it in, before `authorizeTimeoutMs`.
 *
 * @typedef {{ permissions?: string[], identity?: string, meta?: unknown, lobby?: boolean, refuse?: Rejection & { close: number } }} Grant
 */

/**
 * Milliseconds where nothing else is said; what is left out is the core's default.
 *
 * @typedef {object} ServerOptions
 * @property {number} [heartbeatMs]
 * @property {number} [graceMs]
 * @property {number} [goingAwayGraceMs] the same for a page that closes since it goes away
 * @property {Record<string, number> | null} [limits] others, by the names in `core-addon/src/settings.rs`; `null` for an
 *   older server, which announces none and takes no `leave` in the place of `join`
 * @property {number} [capacity] members of a room
 * @property {RTCIceServer[]} [iceServers] whose only property is `urls`
 * @property {boolean} [decidesEarly] whether it is known before the join which ICE servers a page gets; by default, it is
 * @property {number} [decisionMs] how long the application takes to decide about a join
 * @property {(join: { room: string, token: unknown, meta: unknown, page: string }) => Grant} [authorize]
 */

/**
 * An open connection. `rejection` and `closing` replace the core's error and close frame.
 *
 * @typedef {object} Connection
 * @property {number} id
 * @property {ServerEnd} end
 * @property {string} room
 * @property {Session} [session]
 * @property {any} [join] its frame
 * @property {string} [ticket] of its place in the lobby, if it was admitted
 * @property {Rejection} [rejection]
 * @property {[code: number, reason: string]} [closing]
 */

export class SignalServer {
  #core;
  /** The time of the core, in whole milliseconds. */
  #now = 0;
  /** Events of the core that are not delivered yet. @type {CoreEvent[]} */
  #events = [];
  /** By id. @type {Map<number, Connection>} */
  #connections = new Map();
  /** Every one ever made. @type {Session[]} */
  #sessions = [];
  /** What happens to the next connections. @type {('refuse' | 'ignore')[]} */
  #nextConnections = [];
  #down = false;
  #delivering = false;
  #clock;
  #options;
  #interference;

  /**
   * @param {Scheduler} scheduler
   * @param {ServerOptions} [options]
   */
  constructor(scheduler, options = {}) {
    this.#options = options;
    this.#clock = scheduler.clock;
    this.#core = new Core(this.#limits);
    this.#interference = new Interference({ isOlder: this.#isOlder });
    this.decisionMs = options.decisionMs ?? 0;
    this.lobby = new Lobby({
      clock: this.#clock,
      options,
      sessions: () => this.#sessions,
      roster: (room) => this.#core.roster(room).map((/** @type {{ id: string }} */ { id }) => id),
      decide: (connection, grant) => this.#answer(connection, grant),
      withdraw: (connection, code) => { if (this.#connections.has(connection.id)) this.#closed(connection.id, code); },
      reject: (connection, frame, code) => {
        this.rejectNext(frame.type, { code });
        return this.#interference.received(connection, frame, '', false);
      },
    });
    this.sockets = new FakeSocketNetwork(scheduler, (end) => this.#connected(end));
    /** Those with an older client, which takes no offer with `joined`. @type {Set<string>} */
    this.oldPages = new Set();
    /** Everything that clients have sent, `pong` and `ack` too. @type {{ page: string, frame: any }[]} */
    this.log = [];
    this.#clock.follow({ advance: (to) => this.#advance(to), deliver: () => this.#deliver() });
  }

  /**
   * `WebSocket` for one page.
   *
   * @param {string} name
   */
  page(name) {
    return this.sockets.page(name);
  }

  /**
   * The newest session of a page, in the room or not.
   *
   * @param {string} page
   * @returns {Session}
   */
  session(page) {
    const session = this.#sessions.findLast((each) => each.page === page);
    if (!session) throw new Error(`${page} has no session`);
    return session;
  }

  /**
   * The server's end of the newest connection of a page, with a session or without one.
   *
   * @param {string} page
   */
  end(page) {
    return [...this.#connections.values()].findLast(({ end }) => end.page === page)?.end ?? null;
  }

  /**
   * The pages in a room, in the order of joining.
   *
   * @param {string} room
   */
  roster(room) {
    return this.#core.roster(room).map(({ id }) => this.#sessions.find((session) => session.id === id)?.page);
  }

  /** Fields that take the place of those of each welcome. @type {Record<string, unknown>} */
  get overrides() {
    return this.#interference.overrides;
  }

  // Faults and acts of the server. `session(page).socket` has those of a connection: `cut`,
  // `stall`, `unstall` and `close`.

  /** @param {number} [count] how many connections are refused, from the next one on */
  refuseNext(count = 1) {
    this.#nextConnections.push(...Array(count).fill('refuse'));
  }

  /** @param {number} [count] how many connections never open, from the next one on */
  ignoreNext(count = 1) {
    this.#nextConnections.push(...Array(count).fill('ignore'));
  }

  /** Refuses all connections until `start`, and breaks those there are. */
  stop() {
    this.#down = true;
    for (const { end } of this.#connections.values()) end.cut();
  }

  start() {
    this.#down = false;
  }

  /** Another process: all connections break, and all sessions are gone. */
  restart() {
    this.#core.restart(this.#limits);
    this.lobby.clear();
    const ends = [...this.#connections.values()].map(({ end }) => end);
    this.#connections.clear();
    for (const end of ends) abandon(end);
  }

  /**
   * Another process takes over: this one asks everybody to come back to that.
   *
   * @param {number} retryAfterMs in the place of the server's random delay
   */
  drain(retryAfterMs) {
    for (const connection of this.#connections.values()) connection.closing = [4000, `retry-after-ms=${retryAfterMs}`];
    this.#core.drain(this.#limits);
    this.#deliver();
  }

  /**
   * What the next resume with a valid ticket gives instead of `full`.
   *
   * @param {'partial' | 'no'} outcome `no`: the session has ended by then
   */
  nextResume(outcome) {
    this.#interference.nextResume(outcome);
  }

  /**
   * Answers the next frame of a type with an error instead of doing it; one more each time.
   *
   * @param {string} type
   * @param {Rejection | null} rejection `null`: it is done
   */
  rejectNext(type, rejection) {
    this.#interference.rejectNext(type, rejection);
  }

  /**
   * Closes a session's connection; by the code the session may be resumed or is over.
   *
   * @param {Session} session
   * @param {number} code
   * @param {string} [reason]
   */
  close({ connection }, code, reason = '') {
    if (!this.#connections.has(connection.id)) return;
    connection.closing = [code, reason];
    this.#core.close(connection.id, code === 1001 || (code > 4000 && code < 4500));
    this.#deliver();
  }

  /**
   * A frame of the host application.
   *
   * @param {Session} session
   * @param {unknown} data
   */
  app({ id, room }, data) {
    this.#core.send(room, id, JSON.stringify(data));
    this.#deliver();
  }

  /**
   * The host application changes the `meta` of a member.
   *
   * @param {Session} session
   * @param {unknown} meta
   */
  setMeta({ id, room }, meta) {
    this.#core.setMeta(room, id, JSON.stringify(meta));
    this.#deliver();
  }

  /**
   * Renews what `RTCPeerConnection` takes, for everybody.
   *
   * @param {RTCIceServer[]} iceServers
   */
  renew(iceServers) {
    for (const session of this.#sessions) if (session.joined) session.send({ type: 'iceServers', iceServers });
  }

  // What follows is for `Session`.

  /** @param {Session} session */
  find({ room, id }) {
    return this.#core.roster(room).find((member) => member.id === id);
  }

  /**
   * @param {Connection} connection
   * @param {boolean} blocked
   */
  block({ id }, blocked) {
    this.#core.block(id, blocked);
    this.#deliver();
  }

  get #limits() {
    const { heartbeatMs, graceMs, goingAwayGraceMs, capacity: roomPeers, limits } = this.#options;
    const given = { heartbeatMs, graceMs, goingAwayGraceMs, roomPeers, ...limits };
    return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  }

  /** @param {ServerEnd} end */
  #connected(end) {
    const planned = this.#nextConnections.shift();
    if (planned === 'ignore') return;
    const room = roomInSegment(new URL(end.url).pathname.split('/').at(-1) ?? '') ?? '';
    const accepted = planned || this.#down ? null : this.#core.connect(room, this.#isOlder ? end.protocols.slice(0, 1) : end.protocols, this.#granted);
    if (accepted === null) {
      end.refuse();
      return;
    }
    const { id, subprotocol } = accepted;
    end.accept(subprotocol);
    const connection = { id, end, room };
    this.#connections.set(id, connection);
    end.onclose = (code) => { if (!this.lobby.lost(connection, code)) this.#closed(id, code); };
    end.onmessage = (text) => this.#receive(connection, text);
    this.#deliver();
  }

  get #isOlder() {
    return this.#options.limits === null;
  }

  /** What the application has decided before the join. */
  get #granted() {
    const { decidesEarly = true, iceServers = [] } = this.#options;
    return decidesEarly && !this.#isOlder ? iceServers.flatMap(({ urls }) => urls) : undefined;
  }

  /**
   * @param {number} id
   * @param {number} code
   */
  #closed(id, code) {
    this.#connections.delete(id);
    this.#core.closed(id, code);
    this.#deliver();
  }

  /**
   * @param {Connection} connection
   * @param {string} sent
   */
  #receive(connection, sent) {
    this.log.push({ page: connection.end.page, frame: parse(sent) });
    const text = this.lobby.toCore(sent);
    const frame = parse(text);
    const ticket = frame?.resume?.ticket;
    const resumed = ticket && this.#sessions.find((session) => session.ticket === ticket);
    if (resumed?.joined && this.#interference.endsSession()) this.#expire(resumed);
    const changed = this.#interference.received(connection, frame, text, resumed?.joined ?? false);
    const passed = changed === text ? this.lobby.received(connection, frame, text) : changed;
    if (passed !== null) this.#core.receive(connection.id, passed);
    this.#deliver();
  }

  /** @param {Session} session */
  #expire({ connection }) {
    this.#core.abort(connection.id);
    if (this.#connections.delete(connection.id)) abandon(connection.end);
  }

  /** @type {import('./clock.js').Follower['advance']} */
  #advance(to) {
    while (this.#now < Math.floor(to)) {
      this.#now = this.#core.advance(Math.floor(to));
      this.#events.push(...this.#core.take());
      if (this.#events.length > 0) return this.#now;
    }
    return null;
  }

  /** Delivers the events of the core in order, those that a delivery causes last. */
  #deliver() {
    this.#events.push(...this.#core.take());
    if (this.#delivering) return;
    this.#delivering = true;
    for (let event = this.#events.shift(); event !== undefined; event = this.#events.shift()) {
      const connection = this.#connections.get(event.connection);
      if (connection !== undefined) this.#happened(connection, event);
    }
    this.#delivering = false;
  }

  /**
   * @param {Connection} connection
   * @param {CoreEvent} event
   */
  #happened(connection, { kind, text, code }) {
    const { end } = connection;
    switch (kind) {
      case 'text': {
        this.#noteSession(connection, text);
        const sent = this.lobby.sent(connection, this.oldPages.has(end.page) ? withoutOffer(text) : text);
        if (sent === null) break;
        end.send(this.lobby.toPage(this.#interference.sent(connection, sent)));
        this.lobby.delivered(connection, text);
        // It was admitted without a connection.
        if (!end.isOpen) this.#closed(connection.id, 1006);
        break;
      }
      case 'close':
        end.onclose = null;
        end.close(...connection.closing ?? [code, text]);
        this.#closed(connection.id, NO_STATUS);
        break;
      case 'gone':
        end.cut();
        break;
      case 'authorize':
        if (this.decisionMs === 0) this.#decide(connection, JSON.parse(text));
        else this.#clock.setTimeout(() => this.#decide(connection, JSON.parse(text)), this.decisionMs);
    }
  }

  /**
   * @param {Connection} connection
   * @param {string} text
   */
  #noteSession(connection, text) {
    if (!text.startsWith('{"type":"welcome"')) return;
    const { self: { id, permissions }, ticket } = JSON.parse(text);
    let session = this.#sessions.find((each) => each.ticket === ticket);
    if (session === undefined) {
      session = new Session(this, { id, ticket, permissions, connection });
      this.#sessions.push(session);
    }
    session.connection = connection;
    connection.session = session;
    this.lobby.welcomed(connection, session);
  }

  /**
   * @param {Connection} connection
   * @param {{ token: string | null, meta: unknown }} join
   */
  #decide(connection, { token, meta }) {
    const { id, end, room } = connection;
    if (!this.#connections.has(id)) return;
    const { authorize = () => ({}) } = this.#options;
    const decide = () => authorize({ room, token: token ?? undefined, meta, page: end.page });
    const grant = this.lobby.decided(connection, meta, decide);
    if (grant !== null) this.#answer(connection, grant);
    this.#deliver();
  }

  /**
   * @param {Connection} connection
   * @param {Grant} grant
   */
  #answer(connection, grant) {
    const { iceServers = [] } = this.#options;
    if (grant.refuse) connection.rejection = grant.refuse;
    this.#core.decide(connection.id, {
      stun: iceServers.flatMap(({ urls }) => urls),
      ...(grant.refuse && { refuse: grant.refuse.close }),
      ...(grant.permissions && { permissions: grant.permissions }),
      ...(grant.identity && { identity: grant.identity }),
      ...('meta' in grant && { meta: JSON.stringify(grant.meta) }),
    });
  }
}

/** @param {string} text */
function withoutOffer(text) {
  if (!text.startsWith('{"type":"joined"')) return text;
  const { offer, ...joined } = JSON.parse(text);
  return JSON.stringify(joined);
}

/** The code of a close frame without one: the client's answer to a close frame of the core. */
const NO_STATUS = 1005;

/** @param {string} text */
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/**
 * Breaks a connection that the server does not know of any more.
 *
 * @param {ServerEnd} end
 */
function abandon(end) {
  end.onmessage = end.onclose = null;
  end.cut();
}
