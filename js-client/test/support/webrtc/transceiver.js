// webrtc-pc, "RTP Media API": transceivers with their senders and receivers.

import { FakeTrack } from '../fake-media.js';
import { exception } from './basics.js';
import { updateNegotiationNeeded } from './negotiation-needed.js';
import { sends } from './sdp.js';
import { inboundStats, outboundStats } from './stats.js';

/** @typedef {import('../fake-media.js').FakeStream} FakeStream */
/** @typedef {import('../fake-media.js').Kind} Kind */
/** @typedef {import('./sdp.js').Direction} Direction */
/** @typedef {import('./slots.js').Slots} Slots */
/** @typedef {{ active?: boolean, rid?: string, [setting: string]: unknown }} Encoding */

/**
 * @typedef {object} TransceiverInit
 * @property {'addTrack' | 'addTransceiver' | 'offer'} origin
 * @property {Direction} direction
 * @property {FakeTrack | null} [track]
 * @property {string[]} [streamIds]
 * @property {Encoding[]} [encodings]
 */

/** The internal slots of a transceiver, its sender and its receiver. */
export class TransceiverSlots {
  /** @type {string | null} */
  mid = null;
  /** @type {Direction | null} */
  currentDirection = null;
  /** @type {Direction | null} */
  firedDirection = null;
  stopping = false;
  stopped = false;
  /** Whether a description ever let it send: `addTrack` then leaves it alone. */
  everSent = false;
  /** Whether `addTrack` ever used it: then rolling an offer back leaves it. */
  usedByAddTrack = false;
  /** @type {FakeStream[]} */
  remoteStreams = [];
  /** @type {{ mid: string | null, remoteStreams: FakeStream[] } | null} as of the last stable state */
  stable = null;
  /** Whether the unmuting of its track is under way. */
  unmuting = false;
  /** Milliseconds, of the scheduler's clock. @type {number | null} */
  mediaSince = null;

  /**
   * @param {Slots} connection
   * @param {Kind} kind
   * @param {TransceiverInit} init
   */
  constructor(connection, kind, { origin, direction, track = null, streamIds = [], encodings = [] }) {
    this.connection = connection;
    this.kind = kind;
    /** An incoming offer takes only those of `addTrack`. */
    this.origin = origin;
    this.direction = direction;
    this.track = track;
    this.streamIds = [...new Set(streamIds)];
    /** @type {Encoding[]} */
    this.encodings = (encodings.length ? encodings : [{}]).map((encoding) => ({ active: true, ...encoding }));
    this.receiverTrack = new FakeTrack(kind, { muted: true, label: `received ${kind}` });
    this.sender = new FakeSender(this);
    this.receiver = new FakeReceiver(this);
    this.facade = new FakeTransceiver(this);
    connection.senders.add(this.sender);
    connection.network.watch(this.receiverTrack);
  }

  /** Ends its track; what is left of stopping it is negotiated. */
  stopSendingAndReceiving() {
    if (this.stopping) return;
    this.stopping = true;
    // Not a method of the page, so the track says that it ended.
    this.connection.queueTask('track ended', () => this.receiverTrack.end());
  }

  /** "Stop the RTCRtpTransceiver". */
  stop() {
    this.stopSendingAndReceiving();
    this.stopped = true;
    this.currentDirection = null;
  }
}

/** `RTCRtpTransceiver`. */
export class FakeTransceiver {
  #slots;

  /** @param {TransceiverSlots} slots */
  constructor(slots) {
    this.#slots = slots;
    this.sender = slots.sender;
    this.receiver = slots.receiver;
  }

  get mid() {
    return this.#slots.mid;
  }

  /** @returns {Direction | 'stopped'} */
  get direction() {
    return this.#slots.stopping ? 'stopped' : this.#slots.direction;
  }

  set direction(direction) {
    if (this.#slots.stopping) throw exception('InvalidStateError', 'The transceiver is stopped');
    if (direction === 'stopped') throw new TypeError('A transceiver is stopped by stop()');
    if (direction === this.#slots.direction) return;
    this.#slots.direction = direction;
    updateNegotiationNeeded(this.#slots.connection);
  }

  /** @returns {Direction | 'stopped' | null} */
  get currentDirection() {
    return this.#slots.stopped ? 'stopped' : this.#slots.currentDirection;
  }

  stop() {
    const { connection } = this.#slots;
    if (connection.closed) throw exception('InvalidStateError', 'The connection is closed');
    if (this.#slots.stopping) return;
    this.#slots.stopSendingAndReceiving();
    updateNegotiationNeeded(connection);
  }

  setCodecPreferences() {}
}

/** `RTCRtpSender`. */
export class FakeSender {
  #slots;
  /** @type {{ transactionId: string, encodings: Encoding[] } | null} */
  #returned = null;

  /** @param {TransceiverSlots} slots */
  constructor(slots) {
    this.#slots = slots;
  }

  get track() {
    return this.#slots.track;
  }

  /**
   * Waits for its turn in the operations chain, and so never settles when the connection is closed
   * meanwhile.
   *
   * @param {FakeTrack | null} track
   * @returns {Promise<void>}
   */
  replaceTrack(track) {
    const slots = this.#slots;
    const { connection } = slots;
    if (track && track.kind !== slots.kind) {
      return Promise.reject(new TypeError(`A sender of ${slots.kind} takes no ${track.kind}`));
    }
    return connection.chain.enqueue(async () => {
      if (slots.stopping) throw exception('InvalidStateError', 'The transceiver is stopped');
      await connection.later('replaceTrack', () => { slots.track = track; });
      connection.network.evaluate();
    });
  }

  /** @param {...FakeStream} streams */
  setStreams(...streams) {
    const { connection } = this.#slots;
    if (connection.closed) throw exception('InvalidStateError', 'The connection is closed');
    this.#slots.streamIds = [...new Set(streams.map((stream) => stream.id))];
    updateNegotiationNeeded(connection);
  }

  getParameters() {
    const { connection, encodings } = this.#slots;
    if (!this.#returned) {
      const transactionId = connection.network.scheduler.random.token(8);
      this.#returned = { transactionId, encodings: structuredClone(encodings) };
      connection.queueTask('parameters expire', () => { this.#returned = null; });
    }
    return { ...this.#returned, codecs: [], headerExtensions: [], rtcp: { cname: 'fake', reducedSize: true } };
  }

  /**
   * @param {{ transactionId: string, encodings: Encoding[] }} parameters from `getParameters` in the same task
   * @returns {Promise<void>}
   */
  async setParameters({ transactionId, encodings }) {
    const slots = this.#slots;
    if (slots.stopping) throw exception('InvalidStateError', 'The transceiver is stopped');
    if (!this.#returned) throw exception('InvalidStateError', 'getParameters() was not called in this task');
    if (transactionId !== this.#returned.transactionId || encodings.length !== slots.encodings.length) {
      throw exception('InvalidModificationError', 'The parameters are not those of getParameters()');
    }
    const changed = structuredClone(encodings);
    await slots.connection.later('setParameters', () => { slots.encodings = changed; });
  }

  async getStats() {
    return outboundStats([this.#slots]);
  }
}

/** `RTCRtpReceiver`. */
export class FakeReceiver {
  #slots;

  /** @param {TransceiverSlots} slots */
  constructor(slots) {
    this.#slots = slots;
  }

  get track() {
    return this.#slots.receiverTrack;
  }

  async getStats() {
    return inboundStats([this.#slots]);
  }
}

/**
 * Whether `addTrack` may take this sender: it is free and has never sent.
 *
 * @param {TransceiverSlots} slots
 * @param {Kind} kind
 */
export function isReusable(slots, kind) {
  return slots.track === null && slots.kind === kind && !slots.stopping && !slots.everSent;
}

/**
 * @param {TransceiverSlots} slots
 * @param {Direction} direction
 */
export function setCurrentDirection(slots, direction) {
  slots.currentDirection = direction;
  slots.everSent ||= sends(direction);
}
