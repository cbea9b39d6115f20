// Perfect negotiation as webrtc-pc has it (section "Perfect Negotiation Example"), and the mistakes
// that earlier versions of it had. The client's own negotiator is a different program; this one
// shows that the fakes allow what the specification allows.

/** @typedef {import('./fake-peer-connection.js').FakePeerConnection} FakePeerConnection */
/** @typedef {import('./fake-signaling.js').SignalingEnd} SignalingEnd */

/**
 * @typedef {object} Mistakes
 * @property {boolean} [shortSuppression] errors of candidates count again as soon as the next
 *   description has arrived, as in the specification's own example; those of the ignored offer may
 *   still be waiting in the operations chain then
 * @property {boolean} [noAnswerFlag] an offer that meets the answer being applied counts as a collision
 * @property {boolean} [noMakingOffer] only the signaling state tells of a collision
 * @property {boolean} [untypedAnswer] the answer is a setLocalDescription() without a type
 * @property {boolean} [separateCalls] createOffer() and setLocalDescription(offer) instead of one call
 */

export class PerfectNegotiation {
  #pc;
  #end;
  #polite;
  #mistakes;
  #makingOffer = false;
  #suppressErrors = false;
  #settingRemoteAnswer = false;

  /** Errors that the algorithm does not expect. @type {Error[]} */
  errors = [];

  /**
   * @param {FakePeerConnection} pc
   * @param {SignalingEnd} end
   * @param {{ polite: boolean } & Mistakes} options
   */
  constructor(pc, end, { polite, ...mistakes }) {
    this.#pc = pc;
    this.#end = end;
    this.#polite = polite;
    this.#mistakes = mistakes;
    pc.onicecandidate = ({ candidate }) => end.send({ candidate });
    pc.onnegotiationneeded = () => this.#guard(this.#offer());
    end.onmessage = (message) => this.#guard(this.#handle(message));
  }

  async #offer() {
    try {
      this.#makingOffer = true;
      if (this.#mistakes.separateCalls) {
        const offer = await this.#pc.createOffer();
        if (this.#pc.signalingState !== 'stable') return;
        await this.#pc.setLocalDescription(offer);
      } else {
        await this.#pc.setLocalDescription();
      }
      this.#end.send({ description: this.#pc.localDescription });
    } finally {
      this.#makingOffer = false;
    }
  }

  /** @param {{ description?: any, candidate?: any }} message */
  async #handle({ description, candidate }) {
    const pc = this.#pc;
    if (!description) {
      try {
        await pc.addIceCandidate(candidate);
      } catch (error) {
        // A generation that a restart has ended meanwhile, and whose gathering was not over.
        const late = /** @type {Error} */ (error).name === 'OperationError';
        if (!this.#suppressErrors && !late) throw error;
      }
      return;
    }
    const settingRemoteAnswer = this.#settingRemoteAnswer && !this.#mistakes.noAnswerFlag;
    const makingOffer = this.#makingOffer && !this.#mistakes.noMakingOffer;
    const ready = !makingOffer && (pc.signalingState === 'stable' || settingRemoteAnswer);
    const ignored = description.type === 'offer' && !ready && !this.#polite;
    if (ignored || this.#mistakes.shortSuppression) this.#suppressErrors = ignored;
    if (ignored) return;
    this.#settingRemoteAnswer = description.type === 'answer';
    try {
      await pc.setRemoteDescription(description);
      this.#suppressErrors = false;
    } finally {
      this.#settingRemoteAnswer = false;
    }
    if (description.type !== 'offer') return;
    await pc.setLocalDescription(this.#mistakes.untypedAnswer ? {} : { type: 'answer' });
    this.#end.send({ description: pc.localDescription });
  }

  /** @param {Promise<void>} work */
  #guard(work) {
    work.catch((error) => { this.errors.push(error); });
  }
}
