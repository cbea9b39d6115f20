// The transceivers of one RTCPeerConnection, and which source each of them carries.

import { KINDS } from './publications.js';

/** @typedef {import('./publications.js').Kind} Kind */
/** @typedef {import('./publications.js').Publication} Publication */

/**
 * Which media sections carry a source of the other side.
 *
 * @typedef {{ mid: string, muted: boolean }} SectionDescription
 * @typedef {{ name: string, audio: SectionDescription | null, video: SectionDescription | null }} SourceDescription
 */

/**
 * The transceivers of one source, and the stream that the receiver synchronizes them by. `name` is `null` for a free pair.
 *
 * @typedef {{ name: string | null, stream: MediaStream, audio: RTCRtpTransceiver | null, video: RTCRtpTransceiver | null }} Pair
 */

/**
 * Transceivers are bidirectional and stay for the lifetime of the connection: `replaceTrack` exchanges their tracks without
 * negotiation. A page adds transceivers only when it publishes more sources than there are. (Removing a track and adding it
 * again would make a new media section each time, in every browser.)
 */
export class TransceiverPool {
  #pc;
  #env;
  /** @type {Pair[]} */
  #pairs = [];
  /** Whether this side may add media sections: the polite side not before the first exchange. */
  #mayAdd;
  /** @type {Iterable<Publication>} */
  #publications = [];
  /** The track that each sender was last given: `sender.track` changes later. @type {WeakMap<RTCRtpSender, MediaStreamTrack | null>} */
  #tracks = new WeakMap();

  /**
   * @param {RTCPeerConnection} pc
   * @param {boolean} offersFirst the first offer contains one transceiver of each kind
   * @param {import('./environment.js').Environment} env
   */
  constructor(pc, offersFirst, env) {
    this.#pc = pc;
    this.#env = env;
    this.#mayAdd = offersFirst;
    const first = this.#addPair();
    if (offersFirst) for (const kind of KINDS) this.#addTransceiver(first, kind);
  }

  /**
   * Sends these publications, as far as there are transceivers.
   *
   * @param {Iterable<Publication>} publications
   */
  apply(publications) {
    this.#publications = publications;
    const wanted = [...publications];
    for (const pair of this.#pairs) {
      if (!wanted.some(({ name }) => name === pair.name)) this.#release(pair);
    }
    for (const publication of wanted) {
      const pair = this.#pairOf(publication.name);
      for (const kind of KINDS) this.#assign(pair, kind, publication[kind].track);
    }
  }

  /** The other side's offer was applied: this side sends through its media sections, too. */
  adopt() {
    for (const transceiver of this.#live()) {
      if (transceiver.direction === 'recvonly' || transceiver.direction === 'inactive') {
        transceiver.direction = 'sendrecv';
      }
    }
    // Reserved before it is needed, so that the first source needs no exchange of its own later.
    const [first] = this.#pairs;
    if (first !== undefined) for (const kind of KINDS) this.#ensure(first, kind);
    this.apply(this.#publications);
  }

  /** The first exchange is complete. */
  settle() {
    if (this.#mayAdd) return;
    this.#mayAdd = true;
    this.apply(this.#publications);
  }

  /** Describes, as far as it is negotiated, which media section carries which source. */
  describe() {
    return [...this.#publications].map((publication) => {
      const pair = this.#pairs.find(({ name }) => name === publication.name);
      const section = (/** @type {Kind} */ kind) => {
        const mid = pair?.[kind]?.mid ?? null;
        const { track, muted } = publication[kind];
        return track === null || mid === null ? null : { mid, muted };
      };
      return { name: publication.name, audio: section('audio'), video: section('video') };
    });
  }

  /**
   * The receiver of a media section; `null` while there is none with this name.
   *
   * @param {string} mid
   */
  receiver(mid) {
    return this.#live().find((transceiver) => transceiver.mid === mid)?.receiver ?? null;
  }

  /** @param {string} name */
  #pairOf(name) {
    const pair = this.#pairs.find((one) => one.name === name) ?? this.#pairs.find((one) => one.name === null) ?? this.#addPair();
    pair.name = name;
    return pair;
  }

  /** @returns {Pair} */
  #addPair() {
    const pair = { name: null, stream: new this.#env.MediaStream(), audio: null, video: null };
    this.#pairs.push(pair);
    return pair;
  }

  /**
   * @param {Pair} pair
   * @param {Kind} kind
   */
  #addTransceiver(pair, kind) {
    pair[kind] = this.#pc.addTransceiver(kind, { direction: 'sendrecv', streams: [pair.stream] });
  }

  /** @param {Pair} pair */
  #release(pair) {
    pair.name = null;
    for (const kind of KINDS) this.#assign(pair, kind, null);
  }

  /**
   * @param {Pair} pair
   * @param {Kind} kind
   * @param {MediaStreamTrack | null} track
   */
  #assign(pair, kind, track) {
    if (track !== null) this.#ensure(pair, kind);
    const sender = pair[kind]?.sender;
    if (sender === undefined || (this.#tracks.get(sender) ?? null) === track) return;
    this.#tracks.set(sender, track);
    // It fails only if the connection was closed meanwhile: the kind is right, and a track needs no negotiation.
    sender.replaceTrack(track).catch(() => {});
  }

  /** A transceiver for a pair that has none: one that is used in the other direction only, or else a new one. */
  #ensure(/** @type {Pair} */ pair, /** @type {Kind} */ kind) {
    if (pair[kind] !== null) return;
    const free = this.#live().find((transceiver) => transceiver.receiver.track.kind === kind
      && !this.#pairs.some((other) => other[kind] === transceiver));
    if (free !== undefined) {
      free.sender.setStreams(pair.stream);
      pair[kind] = free;
    } else if (this.#mayAdd) this.#addTransceiver(pair, kind);
  }

  #live() {
    return this.#pc.getTransceivers().filter((transceiver) => transceiver.currentDirection !== 'stopped');
  }
}
