// The network of fake connections: reachability, faults, and leaks.

import { FakePeerConnection } from './fake-peer-connection.js';
import { FLAVOURS } from './webrtc/flavours.js';
import { flowMedia } from './webrtc/media.js';

/** @typedef {import('./scheduler.js').Scheduler} Scheduler */
/** @typedef {import('./webrtc/basics.js').FakeEventTarget} FakeEventTarget */
/** @typedef {import('./webrtc/ice-agent.js').IceAgent} IceAgent */
/** @typedef {import('./webrtc/ice-agent.js').Pair} Pair */
/** @typedef {import('./webrtc/slots.js').Slots} Slots */
/** @typedef {keyof typeof FLAVOURS} FlavourName */

/**
 * How long ICE takes to notice things, in milliseconds after the path was lost or checks began.
 *
 * @typedef {object} Timing
 * @property {number} disconnectedMs
 * @property {number} failedMs
 * @property {number} checkingMs until checks that never succeed fail
 */

export class FakeNetwork {
  /** @type {Slots[]} */
  #connections = [];
  /** @type {Set<FakeEventTarget>} */
  #targets = new Set();
  /** @type {Map<string, IceAgent>} by user name fragment */
  #agents = new Map();
  /** User name fragments by port. @type {Map<string, string>} */
  #ports = new Map();
  #lastPort = 50_000;
  /** @type {Set<string>} */
  #cuts = new Set();
  /** @type {{ method: string, matches: (type: string, page: string) => boolean, error: Error }[]} */
  #failures = [];

  /**
   * @param {Scheduler} scheduler
   * @param {{ flavour?: FlavourName | undefined } & Partial<Timing>} [options]
   */
  constructor(scheduler, { flavour = 'spec', ...timing } = {}) {
    this.scheduler = scheduler;
    /** @type {Timing} */
    this.timing = { ...TIMING, ...timing };
    this.flavour = flavour;
    /** `RTCPeerConnection` of a page without a name. */
    this.PeerConnection = this.page('').PeerConnection;
  }

  /**
   * `RTCPeerConnection` for one page.
   *
   * @param {string} name for `cut`, `vanish` and traces
   * @param {{ flavour?: FlavourName | undefined }} [options]
   */
  page(name, { flavour = this.flavour } = {}) {
    const init = { page: name, flavour: FLAVOURS[flavour] };
    const network = this;
    const PeerConnection = class extends FakePeerConnection {
      /** @param {any} [configuration] */
      constructor(configuration) {
        super(network, { ...init, configuration });
      }
    };
    return { PeerConnection };
  }

  /**
   * Cuts the media path: between two pages, between one and all others, or everywhere.
   *
   * @param {...string} pages two, one or none
   */
  cut(...pages) {
    this.#cuts.add(cutName(pages));
    this.evaluate();
  }

  /**
   * Undoes the `cut` with the same arguments.
   *
   * @param {...string} pages
   */
  mend(...pages) {
    this.#cuts.delete(cutName(pages));
    this.evaluate();
  }

  /**
   * The page is gone: its connections end without any of its own code running.
   *
   * @param {string} page
   */
  vanish(page) {
    for (const slots of this.#connections) {
      if (slots.page === page && !slots.closed) slots.target.disappear();
    }
  }

  /**
   * Makes the next matching call fail that the real thing would let succeed.
   *
   * @param {'setLocalDescription' | 'setRemoteDescription' | 'addIceCandidate'} method
   * @param {{ error?: Error, matches?: (type: string, page: string) => boolean }} [options] `type`
   *   is that of the description
   */
  failNext(method, { error = new DOMException('A fault of the test', 'OperationError'), matches = () => true } = {}) {
    this.#failures.push({ method, error, matches });
  }

  /** How many connections were ever made. */
  get created() {
    return this.#connections.length;
  }

  /** How many of them are not closed. */
  get open() {
    return this.#connections.filter(({ closed }) => !closed).length;
  }

  /** How many listeners are attached to all connections, channels and received tracks ever made. */
  get listenerCount() {
    let count = 0;
    for (const target of this.#targets) count += target.listenerCount;
    return count;
  }

  // What follows is for the fakes themselves.

  /** @param {Slots} slots */
  add(slots) {
    this.#connections.push(slots);
    this.watch(slots.target);
  }

  /** @param {FakeEventTarget} target whose listeners count */
  watch(target) {
    this.#targets.add(target);
  }

  /**
   * Throws what a test has planned for this call.
   *
   * @param {Slots} slots
   * @param {string} method
   * @param {string} type
   */
  fail(slots, method, type) {
    const planned = this.#failures.find((each) => each.method === method && each.matches(type, slots.page));
    if (!planned) return;
    this.#failures.splice(this.#failures.indexOf(planned), 1);
    throw planned.error;
  }

  /**
   * @param {string} ufrag
   * @param {IceAgent} agent
   */
  remember(ufrag, agent) {
    this.#agents.set(ufrag, agent);
  }

  /** @param {string} ufrag whose generation is over */
  forget(ufrag) {
    this.#agents.delete(ufrag);
    for (const [port, owner] of this.#ports) if (owner === ufrag) this.#ports.delete(port);
  }

  /** @param {string} ufrag */
  openPort(ufrag) {
    this.#lastPort += 1;
    this.#ports.set(String(this.#lastPort), ufrag);
    return this.#lastPort;
  }

  /** @param {string} port */
  generationAt(port) {
    return this.#ports.get(port);
  }

  /**
   * The agent with which checks on this pair succeed now: both know the other's credentials and a
   * candidate of that generation. (Real ICE can do with a candidate on one side alone; a client
   * that loses the other one should not get away with it.)
   *
   * @param {IceAgent} agent
   * @param {Pair} pair
   */
  reach(agent, pair) {
    const peer = this.#agents.get(pair.remote);
    if (!peer?.answers(pair) || !this.joins(agent.slots, peer.slots)) return undefined;
    return agent.knows(pair.remote) && peer.knows(pair.local) ? peer : undefined;
  }

  /**
   * Whether packets pass between two connections.
   *
   * @param {Slots} a
   * @param {Slots} b
   */
  joins(a, b) {
    const cuts = [cutName([]), cutName([a.page]), cutName([b.page]), cutName([a.page, b.page])];
    return !cuts.some((name) => this.#cuts.has(name));
  }

  /** Lets everything look at the harness again, after something has changed. */
  evaluate() {
    const open = this.#connections.filter(({ closed }) => !closed);
    for (const { ice } of open) ice.evaluate();
    for (const { sctp } of open) sctp.evaluate();
    for (const slots of open) flowMedia(slots);
  }
}

/** @param {string[]} pages */
function cutName(pages) {
  return JSON.stringify([...pages].sort());
}

// As browsers do it, at the short end of what was measured.
/** @type {Timing} */
const TIMING = { disconnectedMs: 5_000, failedMs: 15_000, checkingMs: 15_000 };
