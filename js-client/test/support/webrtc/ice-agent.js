// ICE and DTLS of one connection: gathering, connectivity, and the states that the page sees.
//
// All media sections share one transport, that of the first section in use, as with BUNDLE.

import { Gathering } from './gathering.js';

/** @typedef {import('./slots.js').Slots} Slots */

/**
 * The credentials on which connectivity checks run: the current ones of both sides.
 *
 * @typedef {{ local: string, remote: string }} Pair
 */

export class IceAgent {
  /** @type {'new' | 'checking' | 'connected' | 'disconnected' | 'failed' | 'closed'} */
  iceConnectionState = 'new';
  /** @type {'new' | 'connecting' | 'connected' | 'disconnected' | 'failed' | 'closed'} */
  connectionState = 'new';
  /** Milliseconds, of the scheduler's clock. @type {number | null} */
  connectedSince = null;

  #slots;
  #network;
  #gathering;
  /** Ports of the other side by its user name fragment. @type {Map<string, Set<string>>} */
  #candidates = new Map();
  /** @type {Pair | null} */
  #pair = null;
  /** What media flows on. @type {(Pair & { peer: IceAgent }) | null} */
  #selected = null;
  /** Whether DTLS is through; it survives ICE restarts. */
  #secure = false;
  /** Changes that are under way, so that each is begun once. @type {Set<string>} */
  #begun = new Set();
  /** @type {number | null} */
  #timer = null;

  /** @param {Slots} slots */
  constructor(slots) {
    this.#slots = slots;
    this.#network = slots.network;
    this.#gathering = new Gathering(slots);
  }

  get gatheringState() {
    return this.#gathering.state;
  }

  get slots() {
    return this.#slots;
  }

  /** The connection at the other end, while or after there was one. @returns {IceAgent | null} */
  get peer() {
    return this.#selected?.peer ?? null;
  }

  /** Whether packets pass between this side and its peer, in both directions. */
  get flows() {
    const { peer } = this;
    if (peer?.peer !== this || this.#isDead || peer.#isDead) return false;
    return this.#network.joins(this.#slots, peer.#slots);
  }

  /** Whether data and media can be exchanged. */
  get secure() {
    return this.#secure;
  }

  /** Looks at the descriptions again, after one was set or rolled back. */
  descriptionsChanged() {
    const { currentLocal, currentRemote, pendingLocal, pendingRemote } = this.#slots;
    for (const section of [currentRemote, pendingRemote].flatMap((each) => each?.sections ?? [])) {
      for (const candidate of section.candidates) this.addCandidate(section.ufrag, candidate);
    }
    this.#gathering.descriptionsChanged(this.#selected?.local);
    const provisional = pendingLocal && pendingRemote;
    const local = provisional ? pendingLocal.tag : currentLocal?.tag;
    const remote = provisional ? pendingRemote.tag : currentRemote?.tag;
    if (local && remote) this.#check({ local: local.ufrag, remote: remote.ufrag });
    this.#network.evaluate();
  }

  /**
   * @param {string} ufrag of the other side
   * @param {string} candidate
   */
  addCandidate(ufrag, candidate) {
    const known = this.#candidates.get(ufrag) ?? new Set();
    this.#candidates.set(ufrag, known.add(portOf(candidate)));
    this.#network.evaluate();
  }

  /** Looks at the network again, and begins what has become possible or necessary. */
  evaluate() {
    if (this.#pair && !this.#isSelected(this.#pair) && this.#network.reach(this, this.#pair)) {
      this.#begin('checks succeed', () => this.#select());
    }
    if (this.#selected && !this.#secure && this.flows) {
      this.#begin('DTLS handshake', () => this.#secured());
    }
    const alive = this.#isAlive();
    if (alive && this.iceConnectionState === 'disconnected') {
      this.#begin('consent is back', () => this.#isAlive() && this.#setState('connected', { from: ['disconnected'] }));
    }
    if (alive && this.iceConnectionState === 'connected') this.#cancelTimer();
    if (this.#selected && !alive && this.iceConnectionState === 'connected') {
      this.#expect('disconnected', this.#network.timing.disconnectedMs, ['connected']);
    }
  }

  /**
   * Whether this side answers checks for the other side's pair.
   *
   * @param {Pair} theirs
   */
  answers({ local, remote }) {
    const same = (/** @type {Pair | null} */ own) => own?.local === remote && own.remote === local;
    return !this.#slots.closed && (same(this.#pair) || same(this.#selected));
  }

  /**
   * Whether it has a candidate of the other side's generation. One that belongs to another
   * generation, whatever it was said to belong to, does not count.
   *
   * @param {string} ufrag
   */
  knows(ufrag) {
    return [...this.#candidates.get(ufrag) ?? []].some((port) => this.#network.generationAt(port) === ufrag);
  }

  close() {
    this.#cancelTimer();
    this.#gathering.close();
    this.iceConnectionState = this.connectionState = 'closed';
  }

  get #isDead() {
    return this.iceConnectionState === 'failed' || this.iceConnectionState === 'closed';
  }

  #isAlive() {
    return [this.#selected, this.#pair].some((pair) => pair && this.#network.reach(this, pair));
  }

  /** @param {Pair} pair */
  #isSelected({ local, remote }) {
    return this.#selected?.local === local && this.#selected.remote === remote;
  }

  /** @param {Pair} pair */
  #check(pair) {
    if (this.#pair?.local === pair.local && this.#pair.remote === pair.remote) return;
    this.#pair = pair;
    this.#begin('checks begin', () => this.#setState('checking', { from: ['new', 'disconnected', 'failed'] }));
  }

  #select() {
    const peer = this.#pair && this.#network.reach(this, this.#pair);
    if (!this.#pair || !peer) return;
    this.#selected = { ...this.#pair, peer };
    this.#gathering.descriptionsChanged(this.#selected.local);
    return this.#setState('connected');
  }

  #secured() {
    if (!this.flows) return;
    this.#secure = true;
    this.connectedSince = this.#network.scheduler.clock.now();
    return this.#setState(this.iceConnectionState);
  }

  /**
   * @param {IceAgent['iceConnectionState']} state
   * @param {{ from?: string[] }} [only] in these states
   */
  async #setState(state, { from } = {}) {
    if (from && !from.includes(this.iceConnectionState)) return;
    const iceChanged = state !== this.iceConnectionState;
    this.iceConnectionState = state;
    const connectionState = this.#derive();
    const connectionChanged = connectionState !== this.connectionState;
    this.connectionState = connectionState;
    if (iceChanged) this.#watch();
    this.#network.evaluate();
    if (iceChanged) await this.#slots.fire('iceconnectionstatechange');
    if (connectionChanged && !this.#slots.closed) await this.#slots.fire('connectionstatechange');
  }

  /** @returns {IceAgent['connectionState']} */
  #derive() {
    if (this.iceConnectionState === 'checking') return 'connecting';
    if (this.iceConnectionState === 'connected' && !this.#secure) return 'connecting';
    return this.iceConnectionState;
  }

  /** What will happen in this state if nothing else does. */
  #watch() {
    const { checkingMs, disconnectedMs, failedMs } = this.#network.timing;
    this.#cancelTimer();
    if (this.iceConnectionState === 'checking') this.#expect('failed', checkingMs, ['checking']);
    if (this.iceConnectionState === 'disconnected') {
      this.#expect('failed', failedMs - disconnectedMs, ['disconnected']);
    }
  }

  /**
   * @param {'disconnected' | 'failed'} state
   * @param {number} ms
   * @param {string[]} from
   */
  #expect(state, ms, from) {
    this.#timer ??= this.#network.scheduler.clock.setTimeout(() => {
      this.#timer = null;
      this.#begin(`ice ${state}`, () => {
        // Back at the last moment.
        if (state === 'disconnected' && this.#isAlive()) return;
        return this.#setState(state, { from });
      });
    }, ms);
  }

  #cancelTimer() {
    this.#network.scheduler.clock.clearTimeout(this.#timer);
    this.#timer = null;
  }

  /**
   * @param {string} what
   * @param {() => unknown} run
   */
  #begin(what, run) {
    if (this.#begun.has(what)) return;
    this.#begun.add(what);
    this.#slots.later(what, async () => {
      this.#begun.delete(what);
      await run();
    });
  }
}

/** @param {string} candidate */
function portOf(candidate) {
  const [, , , , , port = ''] = candidate.split(' ');
  return port;
}
