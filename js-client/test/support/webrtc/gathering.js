// ICE gathering of one connection: generations of candidates, and the events that tell of them.

/** @typedef {import('./slots.js').Slots} Slots */

export class Gathering {
  /** As the page sees it. @type {'new' | 'gathering' | 'complete'} */
  state = 'new';

  #slots;
  /** @type {Map<string, Generation>} by user name fragment */
  #generations = new Map();

  /** @param {Slots} slots */
  constructor(slots) {
    this.#slots = slots;
  }

  /**
   * Begins to gather for new credentials and drops those that no description has.
   *
   * @param {string} [inUse] credentials on which media still flows
   */
  descriptionsChanged(inUse) {
    const { pendingLocal, currentLocal, currentRemote, configuration } = this.#slots;
    const described = [pendingLocal, currentLocal].flatMap((each) => each?.sections ?? []);
    const wanted = new Set(described.filter(({ rejected }) => !rejected).map(({ ufrag }) => ufrag));
    for (const generation of this.#generations.values()) {
      if (!wanted.has(generation.ufrag) && generation.ufrag !== inUse) this.#drop(generation);
    }
    // Before the first answer the other side may turn out not to bundle.
    const bundled = currentRemote || pendingLocal?.type !== 'offer' || configuration.bundlePolicy === 'max-bundle';
    for (const ufrag of wanted) {
      if (this.#generations.has(ufrag)) continue;
      const description = pendingLocal ?? currentLocal;
      const sections = (description?.sections ?? [])
        .map((section, index) => ({ mid: section.mid, index, own: section.ufrag === ufrag && !section.rejected }))
        .filter(({ own }) => own);
      this.#begin(new Generation(ufrag, bundled ? sections.slice(0, 1) : sections));
    }
    this.#updateState();
  }

  close() {
    for (const generation of this.#generations.values()) this.#drop(generation);
  }

  /** @param {Generation} generation */
  #drop(generation) {
    generation.dropped = true;
    this.#generations.delete(generation.ufrag);
    this.#slots.network.forget(generation.ufrag);
  }

  /** @param {Generation} generation */
  #begin(generation) {
    const { network } = this.#slots;
    this.#generations.set(generation.ufrag, generation);
    network.remember(generation.ufrag, this.#slots.ice);
    const types = candidateTypes(this.#slots.configuration);
    const found = generation.sections.flatMap((section) => types.map((type) => ({ ...section, type })));
    const next = () => {
      const one = found.shift();
      this.#slots.later(one ? 'candidate found' : 'gathering ends', async () => {
        if (generation.dropped || !this.#isDescribed(generation)) return;
        if (one) await this.#surface(generation, one);
        else await this.#end(generation);
        if (one) next();
      });
    };
    next();
  }

  /**
   * @param {Generation} generation
   * @param {{ mid: string, index: number, type: 'host' | 'srflx' | 'relay' }} found
   */
  async #surface(generation, { mid, index, type }) {
    const { network } = this.#slots;
    const port = network.openPort(generation.ufrag);
    const [priority, address] = ADDRESSES[type];
    const related = type === 'host' ? '' : ' raddr 0.0.0.0 rport 0';
    const candidate = `candidate:${type.length} 1 udp ${priority} ${address} ${port} typ ${type}${related}`
      + ` generation 0 ufrag ${generation.ufrag}`;
    for (const section of this.#sections(generation, mid)) section.candidates.push(candidate);
    await this.#fire({ candidate, sdpMid: mid, sdpMLineIndex: index, usernameFragment: generation.ufrag });
  }

  /** @param {Generation} generation */
  async #end(generation) {
    generation.complete = true;
    for (const { mid, index } of generation.sections) {
      for (const section of this.#sections(generation, mid)) section.endOfCandidates = true;
      if (!this.#slots.flavour.emptyCandidates || this.#slots.closed) continue;
      await this.#fire({ candidate: '', sdpMid: mid, sdpMLineIndex: index, usernameFragment: generation.ufrag });
    }
    this.#updateState();
  }

  /** @param {ConstructorParameters<typeof FakeIceCandidate>[0]} init */
  #fire(init) {
    return this.#slots.fire('icecandidate', { candidate: new FakeIceCandidate(init) });
  }

  /**
   * @param {Generation} generation
   * @param {string} mid
   */
  #sections({ ufrag }, mid) {
    const { pendingLocal, currentLocal } = this.#slots;
    return [pendingLocal, currentLocal]
      .flatMap((each) => each?.sections ?? [])
      .filter((section) => section.mid === mid && section.ufrag === ufrag);
  }

  #updateState() {
    this.#slots.queueTask('gathering state', async () => {
      const state = this.#derive();
      if (this.#slots.closed || state === this.state) return;
      this.state = state;
      await this.#slots.fire('icegatheringstatechange');
      if (state === 'complete' && !this.#slots.closed) await this.#slots.fire('icecandidate', { candidate: null });
    });
  }

  /**
   * Whether a description still has it. If not, media may flow on it for a moment, but the page
   * hears no more of it.
   *
   * @param {Generation} generation
   */
  #isDescribed({ ufrag }) {
    const { pendingLocal, currentLocal } = this.#slots;
    return [pendingLocal, currentLocal].some((each) => each?.sections.some((section) => section.ufrag === ufrag));
  }

  #derive() {
    const { pendingLocal, currentLocal } = this.#slots;
    const generations = [...this.#generations.values()].filter(({ ufrag }) => (
      (pendingLocal ?? currentLocal)?.sections.some((section) => section.ufrag === ufrag)
    ));
    if (generations.length === 0) return 'new';
    return generations.every(({ complete }) => complete) ? 'complete' : 'gathering';
  }
}

/** `RTCIceCandidate`. */
export class FakeIceCandidate {
  /** @param {{ candidate: string, sdpMid: string, sdpMLineIndex: number, usernameFragment: string }} init */
  constructor(init) {
    this.candidate = init.candidate;
    this.sdpMid = init.sdpMid;
    this.sdpMLineIndex = init.sdpMLineIndex;
    this.usernameFragment = init.usernameFragment;
    const [foundation, , protocol, , address, port, , type] = init.candidate.replace('candidate:', '').split(' ');
    this.foundation = init.candidate ? foundation : null;
    this.protocol = protocol ?? null;
    this.address = address ?? null;
    this.port = port ? Number(port) : null;
    this.type = type ?? null;
    Object.freeze(this);
  }

  toJSON() {
    const { candidate, sdpMid, sdpMLineIndex, usernameFragment } = this;
    return { candidate, sdpMid, sdpMLineIndex, usernameFragment };
  }
}

/** The candidates for one set of credentials. */
class Generation {
  complete = false;
  dropped = false;

  /**
   * @param {string} ufrag
   * @param {{ mid: string, index: number }[]} sections for which it gathers
   */
  constructor(ufrag, sections) {
    this.ufrag = ufrag;
    this.sections = sections;
  }
}

/** @param {{ iceServers?: { urls: string | string[] }[], iceTransportPolicy?: string }} configuration */
function candidateTypes({ iceServers = [], iceTransportPolicy }) {
  const urls = iceServers.flatMap((server) => server.urls);
  /** @type {('host' | 'srflx' | 'relay')[]} */
  const types = [];
  if (iceTransportPolicy !== 'relay') {
    types.push('host');
    if (urls.some((url) => url.startsWith('stun'))) types.push('srflx');
  }
  if (urls.some((url) => url.startsWith('turn'))) types.push('relay');
  return types;
}

// Addresses of documentation (RFC 5737); priorities as RFC 8445 recommends them.
/** @type {Record<'host' | 'srflx' | 'relay', [priority: number, address: string]>} */
const ADDRESSES = {
  host: [2122260223, '192.0.2.1'],
  srflx: [1686052607, '198.51.100.1'],
  relay: [41885439, '203.0.113.1'],
};
