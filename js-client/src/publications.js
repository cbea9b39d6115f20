// What this page sends to everybody.

import { Emitter } from './emitter.js';
import { MeetError } from './errors.js';

/** @typedef {'audio' | 'video'} Kind */
export const KINDS = /** @type {const} */ (['audio', 'video']);

/**
 * One named source: a camera with its microphone, a screen with its sound. `muted` is what the page wants, whichever track
 * there is, and also while there is none.
 *
 * @typedef {{ track: MediaStreamTrack | null, muted: boolean }} Side
 * @typedef {{ name: string, audio: Side, video: Side }} Publication
 */

/**
 * @typedef {object} More
 * @property {boolean} ended its last live track has ended: it is kept for what the page wants, and not sent
 */

/**
 * The named sources of this page, in the order in which they were published. Late joiners get all of them.
 *
 * A track that should be muted is disabled before anybody hears of it. Tracks that end are taken out, which `ended` tells.
 *
 * @extends {Emitter<{
 *   change: undefined,
 *   ended: { name: string, kind: Kind, track: MediaStreamTrack },
 * }>}
 */
export class Publications extends Emitter {
  /** @type {Map<string, Publication & More>} */
  #byName = new Map();
  #watching = false;
  /** What was disabled here, rather than by the page. @type {WeakSet<MediaStreamTrack>} */
  #silenced = new WeakSet();
  /** The tracks that have a listener. @type {Set<MediaStreamTrack>} */
  #watched = new Set();

  /** Those that are sent. @returns {Generator<Publication>} */
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
   * Publishes, or replaces the tracks of what has this name.
   *
   * @param {string} name
   * @param {MediaStream | Iterable<MediaStreamTrack>} media at most one track of each kind; none is fine, too
   */
  set(name, media) {
    if (typeof name !== 'string' || name === '' || name.length > MOST_NAME) {
      throw new MeetError('state', `the name of a source is 1 to ${MOST_NAME} characters`);
    }
    const tracks = 'getTracks' in media ? media.getTracks() : [...media];
    for (const kind of KINDS) {
      if (tracks.filter((one) => one.kind === kind).length > 1) throw new MeetError('state', `one source has one ${kind} track`);
    }
    const side = () => ({ track: null, muted: false });
    const publication = this.#byName.get(name)
      ?? { name, audio: side(), video: side(), ended: false };
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
  replace(name, kind, track) {
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
  mute(name, kind, muted) {
    const publication = this.#existing(name, kind);
    const side = publication[kind];
    const before = side.muted;
    side.muted = Boolean(muted);
    this.#enable(side.track);
    if (side.muted !== before) this.#changed();
  }

  /** @param {string} name */
  delete(name) {
    if (this.#byName.delete(name)) this.#changed();
  }

  /**
   * Looks now for tracks that have ended, and listens from now on for those that do; or stops listening, so that tracks
   * which outlive the room do not hold it.
   *
   * @param {boolean} watching
   */
  watch(watching) {
    this.#watching = watching;
    this.#takeOut(isEnded);
  }

  /**
   * @param {Publication & More} publication
   * @param {Kind} kind
   * @param {MediaStreamTrack | null} track
   */
  #put(publication, kind, track) {
    const side = publication[kind];
    side.track = track;
    if (track?.enabled === false && !this.#silenced.has(track)) side.muted = true;
    this.#enable(track);
  }

  /**
   * A track of several sources is silent as soon as one of them is muted.
   *
   * @param {MediaStreamTrack | null} track
   */
  #enable(track) {
    if (track === null) return;
    const isMuted = this.#sides().some(({ side }) => side.track === track && side.muted);
    if (!isMuted) this.#silenced.delete(track);
    else if (track.enabled) this.#silenced.add(track);
    track.enabled = !isMuted;
  }

  #sides() {
    return [...this.#byName.values()].flatMap((publication) => (
      KINDS.map((kind) => ({ publication, kind, side: publication[kind] }))
    ));
  }

  /** @param {(MediaStreamTrack | null)[]} [added] among which some may have ended before */
  #changed(added = []) {
    if (!this.#takeOut((track) => added.includes(track) && isEnded(track))) this.emit('change', undefined);
  }

  /**
   * Tells the changes itself where there is such a track.
   *
   * @param {(track: MediaStreamTrack) => boolean} isOver
   * @returns {boolean} whether there is one
   */
  #takeOut(isOver) {
    /** @type {{ name: string, kind: Kind, track: MediaStreamTrack }[]} */
    const over = [];
    /** @type {Set<MediaStreamTrack>} */
    const watched = new Set();
    for (const { publication, kind, side } of this.#watching ? this.#sides() : []) {
      const { track } = side;
      if (track === null) continue;
      if (!isOver(track)) {
        watched.add(track);
        continue;
      }
      side.track = null;
      publication.ended = KINDS.every((each) => publication[each].track === null || isEnded(publication[each].track));
      over.push({ name: publication.name, kind, track });
    }
    for (const track of this.#watched) if (!watched.has(track)) track.removeEventListener('ended', this.#trackEnded);
    // The same listener a second time is none.
    for (const track of watched) track.addEventListener('ended', this.#trackEnded);
    this.#watched = watched;
    if (over.length > 0) this.emit('change', undefined);
    for (const detail of over) this.emit('ended', detail);
    return over.length > 0;
  }

  /** @param {Event} event */
  #trackEnded = ({ target }) => {
    this.#takeOut((track) => track === target);
  };

  /**
   * @param {string} name
   * @param {Kind} kind
   */
  #existing(name, kind) {
    const publication = this.#byName.get(name);
    if (publication === undefined || !KINDS.includes(kind)) {
      throw new MeetError('state', `nothing is published as ${kind} of ${name}`);
    }
    return publication;
  }
}

/** @param {MediaStreamTrack} track */
const isEnded = ({ readyState }) => readyState === 'ended';

/** Names are keys on other people's pages. */
const MOST_NAME = 64;
