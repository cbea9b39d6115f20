// What this page sends to everybody.

import { Emitter } from './emitter.js';
import { MeetError } from './errors.js';

/** @typedef {'audio' | 'video'} Kind */
export const KINDS = /** @type {const} */ (['audio', 'video']);

/**
 * One named source: a camera with its microphone, a screen with its sound.
 *
 * @typedef {{ track: MediaStreamTrack | null, muted: boolean }} Side
 * @typedef {{ name: string, audio: Side, video: Side }} Publication
 */

/**
 * The named sources of this page, in the order in which they were published. Late joiners get all of them.
 *
 * @extends {Emitter<{ change: { name: string } }>}
 */
export class Publications extends Emitter {
  /** @type {Map<string, Publication>} */
  #byName = new Map();

  /** @returns {IterableIterator<Publication>} */
  [Symbol.iterator]() {
    return this.#byName.values();
  }

  /** @param {string} name */
  get(name) {
    return this.#byName.get(name);
  }

  /**
   * Publishes, or replaces what has this name.
   *
   * @param {string} name
   * @param {MediaStream | Iterable<MediaStreamTrack>} media at most one track of each kind; none is fine, too
   */
  set(name, media) {
    if (typeof name !== 'string' || name === '' || name.length > MOST_NAME) {
      throw new MeetError('state', `the name of a source is 1 to ${MOST_NAME} characters`);
    }
    const tracks = 'getTracks' in media ? media.getTracks() : [...media];
    const side = (/** @type {Kind} */ kind) => {
      const [track = null, surplus] = tracks.filter((one) => one.kind === kind);
      if (surplus !== undefined) throw new MeetError('state', `one source has one ${kind} track`);
      return { track, muted: track !== null && !track.enabled };
    };
    this.#byName.set(name, { name, audio: side('audio'), video: side('video') });
    this.emit('change', { name });
  }

  /**
   * @param {string} name
   * @param {Kind} kind
   * @param {MediaStreamTrack | null} track
   */
  replace(name, kind, track) {
    const publication = this.#existing(name);
    if (track !== null && track.kind !== kind) throw new MeetError('state', `this is no ${kind} track`);
    const { muted } = publication[kind];
    publication[kind] = { track, muted: track !== null && muted };
    if (track !== null && muted) track.enabled = false;
    this.emit('change', { name });
  }

  /**
   * @param {string} name
   * @param {Kind} kind
   * @param {boolean} muted
   */
  mute(name, kind, muted) {
    const side = this.#existing(name)[kind];
    if (side.track === null || (side.muted === muted && side.track.enabled !== muted)) return;
    side.muted = muted;
    side.track.enabled = !muted;
    this.emit('change', { name });
  }

  /** @param {string} name */
  delete(name) {
    if (this.#byName.delete(name)) this.emit('change', { name });
  }

  /** @param {string} name */
  #existing(name) {
    const publication = this.#byName.get(name);
    if (publication === undefined) throw new MeetError('state', `nothing is published as ${name}`);
    return publication;
  }
}

/** Names are keys on other people's pages. */
const MOST_NAME = 64;
