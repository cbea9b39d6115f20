// The sources that this page publishes.

import { Emitter } from './emitter.js';
import { MeetError } from './errors.js';

/** @typedef {'audio' | 'video'} Kind */
export const KINDS = /** @type {const} */ (['audio', 'video']);

/**
 * One named source: a camera with its microphone, a screen with its audio. `muted` is independent of the track, and valid
 * also without one.
 *
 * @typedef {{ track: MediaStreamTrack | null, muted: boolean }} LocalTrack
 * @typedef {{ name: string, audio: LocalTrack, video: LocalTrack }} Publication
 */

/**
 * @typedef {object} PublicationState
 * @property {boolean} ended its last live track has ended: it keeps what is muted, and is not sent
 */

/**
 * The named sources of this page, in the order in which they were published.
 *
 * A muted track is disabled before it is sent. A track that ends is removed, with the event `ended`.
 *
 * @extends {Emitter<{
 *   change: undefined,
 *   ended: { name: string, kind: Kind, track: MediaStreamTrack },
 * }>}
 */
export class Publications extends Emitter {
  /** @type {Map<string, Publication & PublicationState>} */
  #byName = new Map();
  #watching = false;
  /** Tracks that this class has disabled, rather than the page. @type {WeakSet<MediaStreamTrack>} */
  #disabled = new WeakSet();
  /** The tracks that have a listener. @type {Set<MediaStreamTrack>} */
  #watched = new Set();

  /** The sources that are sent. @returns {Generator<Publication>} */
  *[Symbol.iterator]() {
    for (const publication of this.#byName.values()) if (!publication.ended) yield publication;
  }

  /**
   * @param {string} name
   * @returns {Publication | undefined}
   */
  get(name) {
    return this.#byName.get(name);
  }

  /**
   * Publishes a source, or replaces the tracks of the one with this name.
   *
   * @param {string} name
   * @param {MediaStream | Iterable<MediaStreamTrack>} media at most one track of each kind
   */
  set(name, media) {
    if (typeof name !== 'string' || name === '' || name.length > MAX_NAME_LENGTH) {
      throw new MeetError('state', `the name of a source is 1 to ${MAX_NAME_LENGTH} characters`);
    }
    const tracks = 'getTracks' in media ? media.getTracks() : [...media];
    for (const kind of KINDS) {
      if (tracks.filter((one) => one.kind === kind).length > 1) throw new MeetError('state', `one source has one ${kind} track`);
    }
    const empty = () => ({ track: null, muted: false });
    const publication = this.#byName.get(name) ?? { name, audio: empty(), video: empty(), ended: false };
    this.#byName.set(name, publication);
    publication.ended = false;
    for (const kind of KINDS) this.#put(publication, kind, tracks.find((one) => one.kind === kind) ?? null);
    this.#changed(tracks);
  }

  /**
   * @param {string} name
   * @param {Kind} kind
   * @param {MediaStreamTrack | null} track
   */
  replaceTrack(name, kind, track) {
    const publication = this.#existing(name, kind);
    if (track !== null && track.kind !== kind) throw new MeetError('state', `this is no ${kind} track`);
    if (track !== null) publication.ended = false;
    this.#put(publication, kind, track);
    this.#changed([track]);
  }

  /**
   * @param {string} name
   * @param {Kind} kind
   * @param {boolean} muted
   */
  setMuted(name, kind, muted) {
    const publication = this.#existing(name, kind);
    // A missing argument must not unmute.
    if (typeof muted !== 'boolean') throw new MeetError('state', 'setMuted takes true or false as its third argument');
    const local = publication[kind];
    const before = local.muted;
    local.muted = muted;
    this.#enable(local.track);
    if (local.muted !== before) this.#changed();
  }

  /** @param {string} name */
  delete(name) {
    if (this.#byName.delete(name)) this.#changed();
  }

  /**
   * Removes tracks that have ended, and listens for those that will; or stops listening, so that tracks do not keep the room
   * alive.
   *
   * @param {boolean} watching
   */
  watch(watching) {
    this.#watching = watching;
    this.#removeTracks(isEnded);
  }

  /**
   * @param {Publication & PublicationState} publication
   * @param {Kind} kind
   * @param {MediaStreamTrack | null} track
   */
  #put(publication, kind, track) {
    publication[kind].track = track;
    if (track?.enabled === false && !this.#disabled.has(track)) publication[kind].muted = true;
    this.#enable(track);
  }

  /**
   * A track of several sources is disabled if it is muted in one of them.
   *
   * @param {MediaStreamTrack | null} track
   */
  #enable(track) {
    if (track === null) return;
    const isMuted = this.#tracks().some(({ local }) => local.track === track && local.muted);
    if (!isMuted) this.#disabled.delete(track);
    else if (track.enabled) this.#disabled.add(track);
    track.enabled = !isMuted;
  }

  #tracks() {
    return [...this.#byName.values()].flatMap((publication) => (
      KINDS.map((kind) => ({ publication, kind, local: publication[kind] }))
    ));
  }

  /** @param {(MediaStreamTrack | null)[]} [added] some of which may have ended already */
  #changed(added = []) {
    if (!this.#removeTracks((track) => added.includes(track) && isEnded(track))) this.emit('change', undefined);
  }

  /**
   * Fires the events itself if it removes a track.
   *
   * @param {(track: MediaStreamTrack) => boolean} isOver
   * @returns {boolean} whether it has removed one
   */
  #removeTracks(isOver) {
    /** @type {{ name: string, kind: Kind, track: MediaStreamTrack }[]} */
    const removed = [];
    /** @type {Set<MediaStreamTrack>} */
    const watched = new Set();
    for (const { publication, kind, local } of this.#watching ? this.#tracks() : []) {
      const { track } = local;
      if (track === null) continue;
      if (!isOver(track)) {
        watched.add(track);
        continue;
      }
      local.track = null;
      publication.ended = KINDS.every((each) => publication[each].track === null || isEnded(publication[each].track));
      removed.push({ name: publication.name, kind, track });
    }
    for (const track of this.#watched) if (!watched.has(track)) track.removeEventListener('ended', this.#trackEnded);
    // Adding a listener again has no effect.
    for (const track of watched) track.addEventListener('ended', this.#trackEnded);
    this.#watched = watched;
    if (removed.length > 0) this.emit('change', undefined);
    for (const detail of removed) this.emit('ended', detail);
    return removed.length > 0;
  }

  /** @param {Event} event */
  #trackEnded = ({ target }) => {
    this.#removeTracks((track) => track === target);
  };

  /**
   * @param {string} name
   * @param {Kind} kind
   */
  #existing(name, kind) {
    const publication = this.#byName.get(name);
    if (publication === undefined || !KINDS.includes(kind)) {
      throw new MeetError('state', `no ${kind} of ${name} is published`);
    }
    return publication;
  }
}

/** @param {MediaStreamTrack} track */
const isEnded = ({ readyState }) => readyState === 'ended';

/** Names are keys on other pages. */
const MAX_NAME_LENGTH = 64;
