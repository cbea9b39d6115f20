// A named source of another page.

import { bindMembers } from './bind-members.js';
import { KINDS } from './publications.js';

/** @typedef {import('./publications.js').Kind} Kind */
/**
 * `track` is `null` until it is negotiated. Its own `muted` says nothing about the other page, and in Chromium it can stay
 * `true` while media arrives: see `muted` here instead.
 *
 * @typedef {{ track: MediaStreamTrack | null, muted: boolean }} RemoteTrack
 */

/** Its stream stays the same object for as long as it is published, also when the connection is replaced. */
export class RemoteSource {
  /** @type {string} */
  name;
  /** @type {MediaStream} */
  stream;
  /** `null` while nothing of this kind is sent. @type {RemoteTrack | null} */
  audio = null;
  /** @type {RemoteTrack | null} */
  video = null;
  /** @type {RTCRtpReceiver | null} */
  #audioReceiver = null;

  /**
   * @param {string} name
   * @param {MediaStream} stream
   */
  constructor(name, stream) {
    this.name = name;
    this.stream = stream;
    bindMembers(this);
  }

  /** The current volume, from 0 to 1; 0 if the browser does not report it. */
  get audioLevel() {
    return this.#audioReceiver?.getSynchronizationSources?.()[0]?.audioLevel ?? 0;
  }

  /**
   * @internal
   * @param {import('./transceiver-pool.js').SourceDescription} description
   * @param {(mid: string) => RTCRtpReceiver | null} receiver
   * @returns {boolean} whether anything has changed
   */
  update(description, receiver) {
    let changed = false;
    for (const kind of KINDS) {
      const described = description[kind];
      const from = described === null ? null : receiver(described.mid);
      // A section of another kind than announced is ignored.
      const track = from?.track.kind === kind ? from.track : null;
      if (kind === 'audio') this.#audioReceiver = track === null ? null : from;
      const before = this[kind];
      if (before?.track === (described && track) && before?.muted === described?.muted) continue;
      changed = true;
      this[kind] = described === null ? null : { track, muted: described.muted };
      this.#exchange(kind, track);
    }
    return changed;
  }

  /**
   * @param {Kind} kind
   * @param {MediaStreamTrack | null} track
   */
  #exchange(kind, track) {
    for (const old of this.stream.getTracks()) {
      if (old.kind === kind && old !== track) this.stream.removeTrack(old);
    }
    if (track !== null) this.stream.addTrack(track);
  }
}
