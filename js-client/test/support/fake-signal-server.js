// The signaling server in memory: rooms, sessions and resuming as `docs/protocol.md` has them, and
// the faults that a client has to live with.

import { FakeSocketNetwork } from './fake-socket.js';
import { readHandshake, refusal } from './signal/admission.js';
import { decide } from './signal/decision.js';
import { carryOut, isSequenced, parse } from './signal/commands.js';
import { Room } from './signal/room.js';
import { Session } from './signal/session.js';

/** @typedef {import('./fake-socket.js').ServerEnd} ServerEnd */
/** @typedef {import('./scheduler.js').Scheduler} Scheduler */
/** @typedef {import('./signal/admission.js').Grant} Grant */
/** @typedef {import('./signal/commands.js').Refusal} Refusal */

/**
 * @typedef {object} ServerOptions
 * @property {number} [heartbeatMs]
 * @property {number} [graceMs]
 * @property {number} [goingAwayGraceMs] the same for a page that closes since it goes away
 * @property {Partial<typeof LIMITS> | null} [limits] those that differ from the defaults; `null` as of an older server,
 *   which tells none, takes no `leave` in the place of `join` and does not know `probe`
 * @property {number} [capacity] members of a room
 * @property {RTCIceServer[]} [iceServers]
 * @property {number} [decisionMs] how long the application takes to decide about a join
 * @property {number} [signOfLifeMs] how often the server pings in that time
 * @property {(join: { room: string, token: unknown, meta: unknown, page: string }) => Grant} [authorize]
 */

export class FakeSignalServer {
  /** @type {Map<string, Room>} */
  #rooms = new Map();
  /** By ticket. @type {Map<string, Session>} */
  #tickets = new Map();
  /** @type {Session[]} every one ever made */
  #sessions = [];
  /** What happens to the next connections. @type {('refuse' | 'ignore')[]} */
  #nextConnections = [];
  /** @type {('partial' | 'no')[]} */
  #nextResumes = [];
  /** @type {(Refusal & { type: string })[]} */
  #nextRefusals = [];
  #down = false;
  #scheduler;
  /** @type {NonNullable<ServerOptions['authorize']>} */
  #authorize;

  /**
   * @param {Scheduler} scheduler
   * @param {ServerOptions} [options]
   */
  constructor(scheduler, options = {}) {
    this.#scheduler = scheduler;
    this.clock = scheduler.clock;
    this.heartbeatMs = options.heartbeatMs ?? 10_000;
    this.graceMs = options.graceMs ?? 30_000;
    this.goingAwayGraceMs = options.goingAwayGraceMs ?? 2500;
    /** What welcomes tell; `null` as of an older server. @type {typeof LIMITS | null} */
    this.limits = options.limits === null ? null : { ...LIMITS, ...options.limits };
    this.capacity = options.capacity ?? 16;
    this.iceServers = options.iceServers ?? [];
    this.decisionMs = options.decisionMs ?? 0;
    this.signOfLifeMs = options.signOfLifeMs ?? 3000;
    this.#authorize = options.authorize ?? (() => ({}));
    this.sockets = new FakeSocketNetwork(scheduler, (end) => this.#connected(end));
    /** Everything that clients have sent, `pong` and `ack` too. @type {{ page: string, frame: any }[]} */
    this.log = [];
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
    const session = this.#sessions.filter((each) => each.page === page).at(-1);
    if (!session) throw new Error(`${page} has no session`);
    return session;
  }

  /**
   * The pages in a room, in the order of joining.
   *
   * @param {string} room
   */
  roster(room) {
    return this.#rooms.get(room)?.members.map(({ page }) => page) ?? [];
  }

  // Faults and acts of the server. `session(page).socket` has those of a connection: `cut`,
  // `stall`, `unstall` and `close`.

  /** @param {number} [count] how many connections are refused, from the next one on */
  refuseNext(count = 1) {
    this.#plan('refuse', count);
  }

  /** @param {number} [count] how many connections never open, from the next one on */
  ignoreNext(count = 1) {
    this.#plan('ignore', count);
  }

  /** Refuses all connections until `start`, and breaks those there are. */
  stop() {
    this.#down = true;
    for (const session of this.#sessions) session.socket?.cut();
  }

  start() {
    this.#down = false;
  }

  /** Another process: all connections break, and nobody is known any more. */
  restart() {
    for (const session of this.#sessions) {
      const { socket } = session;
      session.end();
      if (socket) {
        socket.onmessage = socket.onclose = null;
        socket.cut();
      }
    }
    this.#rooms.clear();
    this.#tickets.clear();
  }

  /** Asks everybody to come back later, and forgets them. @param {number} retryAfterMs */
  drain(retryAfterMs) {
    for (const session of [...this.#tickets.values()]) {
      const { socket } = session;
      session.room.leave(session, 'closed');
      socket?.close(4000, `retry-after-ms=${retryAfterMs}`);
    }
  }

  /**
   * What the next resume with a valid ticket gives instead of `full`.
   *
   * @param {'partial' | 'no'} outcome `no` as with a ticket that has expired
   */
  nextResume(outcome) {
    this.#nextResumes.push(outcome);
  }

  /**
   * Answers the next frame of a type with an error instead of doing it.
   *
   * @param {string} type
   * @param {Refusal} refusal
   */
  rejectNext(type, refusal) {
    this.#nextRefusals.push({ type, ...refusal });
  }

  /**
   * Closes a session's connection; by the code the session may be resumed or is over.
   *
   * @param {Session} session
   * @param {number} code
   * @param {string} [reason]
   */
  close(session, code, reason = '') {
    const { socket } = session;
    if (socket) socket.onclose = null;
    if (code === 1001 || (code > 4000 && code < 4500)) this.#lost(session);
    else session.room.leave(session, 'closed');
    socket?.close(code, reason);
  }

  /** @param {Session} session */
  kick(session) {
    const { socket } = session;
    session.room.leave(session, 'kicked');
    socket?.close(4500, 'kicked');
  }

  /**
   * A frame of the host application.
   *
   * @param {Session} session
   * @param {unknown} data
   */
  app(session, data) {
    session.send({ type: 'app', data });
  }

  /**
   * Renews what `RTCPeerConnection` takes, for everybody.
   *
   * @param {RTCIceServer[]} iceServers
   */
  renew(iceServers) {
    this.iceServers = iceServers;
    for (const room of this.#rooms.values()) room.tell({ type: 'iceServers', iceServers });
  }

  // What follows is for the server's own parts.

  /**
   * What holds, told or not.
   *
   * @param {keyof typeof LIMITS} name
   */
  limit(name) {
    return (this.limits ?? LIMITS)[name];
  }

  /** @param {Session} session that waits in the lobby */
  admit(session) {
    const { room } = session;
    room.stopWaiting(session);
    this.#enter(session);
  }

  /**
   * @param {'refuse' | 'ignore'} fate
   * @param {number} count
   */
  #plan(fate, count) {
    this.#nextConnections.push(...Array.from({ length: count }, () => fate));
  }

  /** @param {ServerEnd} end */
  #connected(end) {
    const fate = this.#nextConnections.shift();
    if (fate === 'ignore') return;
    const handshake = readHandshake(end);
    if (fate || this.#down || !handshake) {
      end.refuse();
      return;
    }
    end.accept(handshake.subprotocol);
    const timer = this.clock.setTimeout(() => end.close(4501, 'protocol violation'), JOIN_TIMEOUT_MS);
    const done = () => this.clock.clearTimeout(timer);
    end.onclose = done;
    end.onmessage = (text) => {
      const frame = parse(text);
      this.log.push({ page: end.page, frame });
      if (frame?.type === 'leave' && typeof frame.ticket === 'string' && this.limits) {
        done();
        this.#leave(end, handshake.room, frame.ticket);
        return;
      }
      if (frame?.type !== 'join') {
        end.send(JSON.stringify({ type: 'error', code: 'not-joined', message: 'the first message is `join`' }));
        return;
      }
      done();
      end.onclose = null;
      this.#join(end, handshake.room, frame);
    };
  }

  /**
   * The session of a ticket leaves, by a connection that is there for nothing else.
   *
   * @param {ServerEnd} end
   * @param {string} name
   * @param {string} ticket
   */
  #leave(end, name, ticket) {
    const session = this.#tickets.get(ticket);
    if (session?.room.name === name) {
      const { socket } = session;
      session.room.leave(session, 'left');
      socket?.close(1000, 'left');
    }
    end.close(1000, 'left');
  }

  /**
   * @param {ServerEnd} end
   * @param {string} name
   * @param {any} join
   */
  #join(end, name, join) {
    const { resume } = join;
    const resumed = resume && this.#tickets.get(resume.ticket);
    const outcome = resumed && resumed.room.name === name ? this.#nextResumes.shift() ?? 'full' : 'no';
    if (resumed && outcome !== 'no') {
      this.#resume(resumed, end, outcome === 'full' && resumed.canResumeFrom(resume.received) ? resume.received : null);
      return;
    }
    // As at the end of the grace period: it is in the room no more.
    if (resumed && outcome === 'no' && resumed.room.name === name) this.#expire(resumed);
    decide(this, end, () => this.#joinAfresh(end, name, join));
  }

  /**
   * @param {ServerEnd} end
   * @param {string} name
   * @param {any} join
   */
  #joinAfresh(end, name, { meta = null, token, replaces }) {
    const room = this.#rooms.get(name) ?? new Room(name, (session) => this.#left(session));
    const replaced = room.members.find(({ ticket }) => ticket === replaces);
    const free = this.capacity - room.members.length + (replaced ? 1 : 0);
    const grant = this.#authorize({ room: name, token, meta, page: end.page });
    const refused = refusal(room, { meta, grant, free, metaBytes: this.limit('metaBytes') });
    if (refused) {
      const { code, message = code, close, retryAfterMs } = refused;
      end.send(JSON.stringify({ type: 'error', code, message, retryAfterMs }));
      end.close(close, code);
      return;
    }
    const { random } = this.#scheduler;
    const { permissions = ['signal', 'broadcast'], lobby = false } = grant;
    const session = new Session(this, {
      id: random.token(22), ticket: random.token(43), page: end.page, room, meta: grant.meta ?? meta, permissions,
    });
    session.isMetaFixed = grant.meta !== undefined;
    this.#sessions.push(session);
    this.#tickets.set(session.ticket, session);
    if (replaced) this.#replace(replaced);
    // Not before: the room goes when the one who is replaced was the last.
    this.#rooms.set(name, room);
    this.#serve(session, end);
    if (lobby) {
      session.sendUncounted({ type: 'waiting' });
      room.wait(session);
    } else {
      this.#enter(session);
    }
  }

  /** @param {Session} session */
  #expire(session) {
    const { socket } = session;
    if (socket) socket.onmessage = socket.onclose = null;
    session.room.leave(session, 'timeout');
    socket?.cut();
  }

  /** @param {Session} session */
  #enter(session) {
    session.room.join(session);
    this.#welcome(session, 'no');
  }

  /**
   * @param {Session} session
   * @param {ServerEnd} end
   * @param {number | null} received `null`: frames may be lost
   */
  #resume(session, end, received) {
    const { socket: old } = session;
    if (old) {
      old.onmessage = old.onclose = null;
      old.close(4508, 'taken over by a newer connection');
    }
    if (received === null) session.restartCounting();
    else session.acknowledge(received);
    this.#serve(session, end);
    this.#welcome(session, received === null ? 'partial' : 'full');
    session.repeat();
    session.room.setStatus(session, 'here');
  }

  /**
   * @param {Session} session
   * @param {'no' | 'full' | 'partial'} resumed
   */
  #welcome(session, resumed) {
    const { id, meta, permissions, ticket, received, room } = session;
    session.sendUncounted({
      type: 'welcome',
      v: 1,
      room: room.name,
      self: { id, meta, permissions },
      ticket,
      resumed,
      received,
      locked: room.locked,
      peers: room.peersOf(session),
      iceServers: this.iceServers,
      heartbeatMs: this.heartbeatMs,
      graceMs: this.graceMs,
      ...(this.limits && { limits: this.limits }),
    });
  }

  /**
   * @param {Session} session
   * @param {ServerEnd} end
   */
  #serve(session, end) {
    let bad = 0;
    session.attach(end);
    end.onclose = (code) => this.#lost(session, GOING_AWAY.includes(code) ? this.goingAwayGraceMs : this.graceMs);
    end.onmessage = (text) => {
      const frame = parse(text);
      this.log.push({ page: end.page, frame });
      if (Buffer.byteLength(text) > this.limit('frameBytes')) {
        session.room.leave(session, 'closed');
        end.close(1009, 'frame too large');
        return;
      }
      const probes = frame?.type === 'probe' && this.limits !== null;
      session.heard(text, !probes && isSequenced(frame));
      if (probes) {
        session.ping();
        return;
      }
      const refusal = this.#takeRefusal(frame?.type) ?? this.#carryOut(session, frame);
      if (!refusal) return;
      if (refusal.code === 'bad-message' && ++bad > BAD_MESSAGES) this.close(session, 4501, 'protocol violation');
      else session.send({ ...refusal, type: 'error', message: refusal.message ?? refusal.code, ref: frame?.ref });
    };
  }

  /**
   * @param {Session} session
   * @param {any} frame
   * @returns {Refusal | void}
   */
  #carryOut(session, frame) {
    const waiting = !session.joined && frame && !['leave', 'pong', 'ack'].includes(frame.type);
    if (waiting) return { code: 'not-joined', message: 'not admitted yet' };
    return carryOut(this, session, frame);
  }

  /** @param {string | undefined} type */
  #takeRefusal(type) {
    const planned = this.#nextRefusals.find((each) => each.type === type);
    if (planned) this.#nextRefusals.splice(this.#nextRefusals.indexOf(planned), 1);
    return planned;
  }

  /**
   * @param {Session} session
   * @param {number} [graceMs]
   */
  #lost(session, graceMs = this.graceMs) {
    if (!session.socket) return;
    if (!session.joined) {
      session.room.leave(session, 'left');
      return;
    }
    session.detach(graceMs);
    session.room.setStatus(session, 'away');
  }

  /** @param {Session} session */
  #replace(session) {
    const { socket } = session;
    session.room.leave(session, 'replaced');
    socket?.close(4508, 'taken over by a newer connection');
  }

  /** @param {Session} session */
  #left(session) {
    this.#tickets.delete(session.ticket);
    const { name, members, lobby } = session.room;
    if (members.length + lobby.length === 0 && this.#rooms.get(name) === session.room) this.#rooms.delete(name);
  }
}

// The defaults of the protocol.
const JOIN_TIMEOUT_MS = 10_000;
const LIMITS = {
  frameBytes: 65_536,
  metaBytes: 4_096,
  ratePerSecond: 60,
  rateBurst: 240,
  rateBytesPerSecond: 131_072,
  rateBurstBytes: 1_048_576,
  updatesPerMinute: 60,
};
/** What browsers say of a page that goes, and a client of one that may come back. */
const GOING_AWAY = [1001, 4900];
const BAD_MESSAGES = 16;
