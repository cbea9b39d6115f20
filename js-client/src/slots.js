// Which transceiver carries what, on one RTCPeerConnection.

import { KINDS } from './publications.js';

/** @typedef {import('./publications.js').Kind} Kind */
/** @typedef {import('./publications.js').Publication} Publication */

/**
 * Which media sections carry a source of the other side.
 *
 * @typedef {{ mid: string, muted: boolean }} SideDescription
 * @typedef {{ name: string, audio: SideDescription | null, video: SideDescription | null }} SourceDescription
 */

/**
 * The pipes of one source, and the stream that ties them together.
 *
 * @typedef {{ name: string | null, stream: MediaStream, audio: RTCRtpTransceiver | null, video: RTCRtpTransceiver | null }} Row
 */

/**
 * Transceivers are two-way pipes that stay: a track is put in and taken out with `replaceTrack`, which needs no exchange
 * of descriptions. Only who publishes more than there are pipes adds some. (Taking a track away and adding it again
 * would make a new media section each time, in every browser.)
 *
 * Pipes stand in rows of one stream, so that a source's sound and picture are kept in step by the receiver.
 */
export class Slots {
  #pc;
  #env;
  /** @type {Row[]} */
  #rows = [];
  /** Whether this side may add media sections: the polite side not before the first exchange. */
  #mayAdd;
  /** @type {Iterable<Publication>} */
  #publications = [];
  /** What each sender was last given: `sender.track` tells it late. @type {WeakMap<RTCRtpSender, MediaStreamTrack | null>} */
  #given = new WeakMap();

  /**
   * @param {RTCPeerConnection} pc
   * @param {boolean} offersFirst the first offer carries one pipe of each kind
   * @param {import('./environment.js').Environment} env
   */
  constructor(pc, offersFirst, env) {
    this.#pc = pc;
    this.#env = env;
    this.#mayAdd = offersFirst;
    const first = this.#addRow();
    if (offersFirst) for (const kind of KINDS) this.#addPipe(first, kind);
  }

  /**
   * Puts the tracks in, as far as there are pipes.
   *
   * @param {Iterable<Publication>} publications
   */
  apply(publications) {
    this.#publications = publications;
    const wanted = [...publications];
    for (const row of this.#rows) {
      if (!wanted.some(({ name }) => name === row.name)) this.#vacate(row);
    }
    for (const publication of wanted) {
      const row = this.#rowOf(publication.name);
      for (const kind of KINDS) this.#fill(row, kind, publication[kind].track);
    }
  }

  /** The other side's offer was applied: its media sections are pipes for this side, too. */
  adopt() {
    for (const transceiver of this.#live()) {
      if (transceiver.direction === 'recvonly' || transceiver.direction === 'inactive') {
        transceiver.direction = 'sendrecv';
      }
    }
    // Taken before there is a use for them, so that the first source needs no exchange of its own later.
    const [first] = this.#rows;
    if (first !== undefined) for (const kind of KINDS) this.#provide(first, kind);
    this.apply(this.#publications);
  }

  /** The first exchange is complete. */
  settle() {
    if (this.#mayAdd) return;
    this.#mayAdd = true;
    this.apply(this.#publications);
  }

  /** What the other side has to know to tell the tracks apart, as far as it is negotiated. */
  describe() {
    return [...this.#publications].map((publication) => {
      const row = this.#rows.find(({ name }) => name === publication.name);
      const side = (/** @type {Kind} */ kind) => {
        const mid = row?.[kind]?.mid ?? null;
        const { track, muted } = publication[kind];
        return track === null || mid === null ? null : { mid, muted };
      };
      return { name: publication.name, audio: side('audio'), video: side('video') };
    });
  }

  /**
   * What comes in through a media section, and `null` while there is none of this name.
   *
   * @param {string} mid
   */
  receiver(mid) {
    return this.#live().find((transceiver) => transceiver.mid === mid)?.receiver ?? null;
  }

  /** @param {string} name */
  #rowOf(name) {
    const taken = this.#rows.find((row) => row.name === name);
    if (taken !== undefined) return taken;
    const free = this.#rows.find((row) => row.name === null) ?? this.#addRow();
    free.name = name;
    return free;
  }

  #addRow() {
    const row = { name: null, stream: new this.#env.MediaStream(), audio: null, video: null };
    this.#rows.push(row);
    return row;
  }

  /**
   * @param {Row} row
   * @param {Kind} kind
   */
  #addPipe(row, kind) {
    row[kind] = this.#pc.addTransceiver(kind, { direction: 'sendrecv', streams: [row.stream] });
  }

  /** @param {Row} row */
  #vacate(row) {
    row.name = null;
    for (const kind of KINDS) if (row[kind] !== null) this.#put(row[kind], null);
  }

  /**
   * @param {Row} row
   * @param {Kind} kind
   * @param {MediaStreamTrack | null} track
   */
  #fill(row, kind, track) {
    if (track !== null) this.#provide(row, kind);
    if (row[kind] !== null) this.#put(row[kind], track);
  }

  /** A pipe for a row that has none: one whose other direction is in use, or else a new one. */
  #provide(/** @type {Row} */ row, /** @type {Kind} */ kind) {
    if (row[kind] !== null) return;
    const free = this.#live().find((transceiver) => transceiver.receiver.track.kind === kind
      && !this.#rows.some((other) => other[kind] === transceiver));
    if (free !== undefined) {
      free.sender.setStreams(row.stream);
      row[kind] = free;
    } else if (this.#mayAdd) this.#addPipe(row, kind);
  }

  #live() {
    return this.#pc.getTransceivers().filter((transceiver) => transceiver.currentDirection !== 'stopped');
  }

  /**
   * @param {RTCRtpTransceiver} transceiver
   * @param {MediaStreamTrack | null} track
   */
  #put({ sender }, track) {
    if ((this.#given.get(sender) ?? null) === track) return;
    this.#given.set(sender, track);
    // It can only fail where the connection was closed meanwhile: the kind is right, and nothing is negotiated for it.
    sender.replaceTrack(track).catch(() => {});
  }
}
