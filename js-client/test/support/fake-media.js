// Tracks and streams without media.

import { FakeEventTarget, makeEvent } from './webrtc/basics.js';

/** @typedef {'audio' | 'video'} Kind */

/** A `MediaStreamTrack`, local or received. */
export class FakeTrack extends FakeEventTarget {
  #muted;
  /** @type {'live' | 'ended'} */
  #readyState = 'live';

  /** @type {((event: Event) => void) | null} */
  onmute = null;
  /** @type {((event: Event) => void) | null} */
  onunmute = null;
  /** @type {((event: Event) => void) | null} */
  onended = null;

  enabled = true;
  contentHint = '';

  /**
   * @param {Kind} kind
   * @param {{ id?: string, label?: string, muted?: boolean }} [init]
   */
  constructor(kind, { id = nextId(kind), label = `fake ${kind}`, muted = false } = {}) {
    super();
    this.kind = kind;
    this.id = id;
    this.label = label;
    this.#muted = muted;
  }

  get muted() {
    return this.#muted;
  }

  get readyState() {
    return this.#readyState;
  }

  /** Ends it without an event, as the API says. */
  stop() {
    this.#readyState = 'ended';
  }

  clone() {
    const clone = new FakeTrack(this.kind, { label: this.label, muted: this.#muted });
    clone.enabled = this.enabled;
    clone.contentHint = this.contentHint;
    if (this.#readyState === 'ended') clone.stop();
    return clone;
  }

  getSettings() {
    return this.kind === 'video' ? { deviceId: this.label, width: 640, height: 480 } : { deviceId: this.label };
  }

  getConstraints() {
    return {};
  }

  async applyConstraints() {}

  /** For tests: the source ends it, as the browser's own "stop sharing" button does. */
  end() {
    if (this.#readyState === 'ended') return;
    this.#readyState = 'ended';
    this.dispatchEvent(makeEvent('ended'));
  }

  /**
   * For tests and the other fakes: media stops or starts to flow.
   *
   * @param {boolean} muted
   */
  setMuted(muted) {
    if (this.#muted === muted || this.#readyState === 'ended') return;
    this.#muted = muted;
    this.dispatchEvent(makeEvent(muted ? 'mute' : 'unmute'));
  }
}

/** A `MediaStream`. */
export class FakeStream extends FakeEventTarget {
  /** @type {Set<FakeTrack>} */
  #tracks;

  /** @type {((event: Event) => void) | null} */
  onaddtrack = null;
  /** @type {((event: Event) => void) | null} */
  onremovetrack = null;

  /**
   * @param {FakeTrack[] | FakeStream} [tracks]
   * @param {string} [id]
   */
  constructor(tracks = [], id = nextId('stream')) {
    super();
    this.id = id;
    this.#tracks = new Set(tracks instanceof FakeStream ? tracks.getTracks() : tracks);
  }

  get active() {
    return this.getTracks().some((track) => track.readyState === 'live');
  }

  getTracks() {
    return [...this.#tracks];
  }

  getAudioTracks() {
    return this.getTracks().filter((track) => track.kind === 'audio');
  }

  getVideoTracks() {
    return this.getTracks().filter((track) => track.kind === 'video');
  }

  /** @param {string} id */
  getTrackById(id) {
    return this.getTracks().find((track) => track.id === id) ?? null;
  }

  /** @param {FakeTrack} track */
  addTrack(track) {
    this.#tracks.add(track);
  }

  /** @param {FakeTrack} track */
  removeTrack(track) {
    this.#tracks.delete(track);
  }

  clone() {
    return new FakeStream(this.getTracks().map((track) => track.clone()));
  }

  /**
   * For the peer connection, whose changes fire events while those of the page do not.
   *
   * @param {FakeTrack} track
   */
  receiveTrack(track) {
    if (this.#tracks.has(track)) return;
    this.#tracks.add(track);
    this.dispatchEvent(makeEvent('addtrack', { track }));
  }

  /** @param {FakeTrack} track */
  loseTrack(track) {
    if (!this.#tracks.delete(track)) return;
    this.dispatchEvent(makeEvent('removetrack', { track }));
  }
}

let lastId = 0;

/** @param {string} what */
function nextId(what) {
  lastId += 1;
  return `${what}-${lastId}`;
}
