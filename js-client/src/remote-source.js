// A named source of another page.

import { bindMembers } from './bind-members.js';
import { KINDS } from './publications.js';

/** @typedef {import('./publications.js').Kind} Kind */
/** @typedef {{ track: MediaStreamTrack | null, muted: boolean }} RemoteSide `track` is `null` while it is on its way */

/** Its stream stays the same object for as long as it is published, whatever happens to the connection. */
export class RemoteSource {
  /** @type {string} */
  name;
  /** @type {MediaStream} */
  stream;
  /** `null` while nothing of this kind is sent. @type {RemoteSide | null} */
  audio = null;
  /** @type {RemoteSide | null} */
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

  /** How loud it is now, from 0 to 1; 0 where the browser does not say. */
  get audioLevel() {
    return this.#audioReceiver?.getSynchronizationSources?.()[0]?.audioLevel ?? 0;
  }

  /**
   * @internal
   * @param {import('./slots.js').SourceDescription} description
   * @param {(mid: string) => RTCRtpReceiver | null} receiver
   * @returns {boolean} whether anything has changed
   */
  update(description, receiver) {
    let changed = false;
    for (const kind of KINDS) {
      const told = description[kind];
      const from = told === null ? null : receiver(told.mid);
      // A section of another kind than was said carries nothing.
      const track = from?.track.kind === kind ? from.track : null;
      if (kind === 'audio') this.#audioReceiver = track === null ? null : from;
      const before = this[kind];
      if (before?.track === (told && track) && before?.muted === told?.muted) continue;
      changed = true;
      this[kind] = told === null ? null : { track, muted: told.muted };
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
