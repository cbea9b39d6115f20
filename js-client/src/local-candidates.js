// The ICE candidates of this page, on their way to the other one.

import { belongsTo, iceUfrags } from './candidates.js';

export class LocalCandidates {
  #pc;
  #env;
  #send;
  /** @type {RTCIceCandidateInit[]} */
  #gathered = [];
  /** Those of the newest ICE generation. @type {RTCIceCandidateInit[]} */
  #sent = [];
  /** @type {any} */
  #timer = null;

  /**
   * @param {RTCPeerConnection} pc
   * @param {import('./environment.js').Environment} env
   * @param {(candidates: RTCIceCandidateInit[]) => void} send
   */
  constructor(pc, env, send) {
    this.#pc = pc;
    this.#env = env;
    this.#send = send;
  }

  /** Browsers find candidates in bursts. A burst becomes one message. @param {RTCIceCandidate | null} candidate */
  add(candidate) {
    if (candidate === null) return;
    this.#gathered.push(candidate.toJSON());
    if (this.#gathered.length > 1) return;
    this.#timer = this.#env.setTimeout(() => {
      const candidates = this.#gathered.splice(0);
      this.#forgetOld();
      this.#sent = [...this.#sent, ...candidates].slice(-MAX_SENT);
      this.#send(candidates);
    }, BATCH_MS);
  }

  /** Sends again those of the present ICE generation. */
  repeat() {
    this.#forgetOld();
    if (this.#sent.length > 0) this.#send(this.#sent);
  }

  close() {
    this.#env.clearTimeout(this.#timer);
  }

  #forgetOld() {
    const current = iceUfrags(this.#pc.localDescription);
    this.#sent = this.#sent.filter((candidate) => belongsTo(candidate, current));
  }
}

/** As many as the other side accepts in one message. */
const MAX_SENT = 128;

/** Imperceptible, and long enough for the candidates of all local interfaces. */
const BATCH_MS = 20;
