// webrtc-pc, "RTCDataChannel".

import { FakeEventTarget, exception } from './basics.js';

/** @typedef {import('./slots.js').Slots} Slots */
/**
 * @typedef {{ label: string, ordered: boolean, protocol: string, negotiated: boolean, id: number | null }} ChannelInit
 */

/** The internal slots of a channel. */
export class ChannelSlots {
  /** @type {'connecting' | 'open' | 'closing' | 'closed'} */
  readyState = 'connecting';
  bufferedAmount = 0;

  /**
   * @param {Slots} connection
   * @param {ChannelInit} init
   */
  constructor(connection, { label, ordered, protocol, negotiated, id }) {
    this.connection = connection;
    this.label = label;
    this.ordered = ordered;
    this.protocol = protocol;
    this.negotiated = negotiated;
    this.id = id;
    this.facade = new FakeDataChannel(this);
  }

  /** "Announce the data channel as open". */
  async open() {
    if (this.readyState !== 'connecting') return;
    this.readyState = 'open';
    await this.connection.fire('open', {}, this.facade);
  }

  /** "Announce the data channel as closed". @param {{ error?: DOMException | undefined }} [why] */
  async closed({ error } = {}) {
    if (this.readyState === 'closed') return;
    this.readyState = 'closed';
    if (error) await this.connection.fire('error', { error }, this.facade);
    await this.connection.fire('close', {}, this.facade);
  }

  /** @param {string | ArrayBuffer} data */
  async receive(data) {
    if (this.readyState === 'open') await this.connection.fire('message', { data }, this.facade);
  }

  /** @param {number} size in bytes, that have left */
  async sent(size) {
    const { bufferedAmountLowThreshold: threshold } = this.facade;
    const before = this.bufferedAmount;
    this.bufferedAmount -= size;
    if (before > threshold && this.bufferedAmount <= threshold) {
      await this.connection.fire('bufferedamountlow', {}, this.facade);
    }
  }
}

/** `RTCDataChannel`. */
export class FakeDataChannel extends FakeEventTarget {
  #slots;

  bufferedAmountLowThreshold = 0;
  /** The only type the fake delivers. */
  binaryType = 'arraybuffer';

  /** @type {((event: any) => void) | null} */
  onopen = null;
  /** @type {((event: any) => void) | null} */
  onmessage = null;
  /** @type {((event: any) => void) | null} */
  onbufferedamountlow = null;
  /** @type {((event: any) => void) | null} */
  onerror = null;
  /** @type {((event: any) => void) | null} */
  onclosing = null;
  /** @type {((event: any) => void) | null} */
  onclose = null;

  /** @param {ChannelSlots} slots */
  constructor(slots) {
    super();
    this.#slots = slots;
    this.label = slots.label;
    this.ordered = slots.ordered;
    this.protocol = slots.protocol;
    this.negotiated = slots.negotiated;
  }

  get id() {
    return this.#slots.id;
  }

  get readyState() {
    return this.#slots.readyState;
  }

  get bufferedAmount() {
    return this.#slots.bufferedAmount;
  }

  /**
   * @param {string | ArrayBuffer | ArrayBufferView} data
   * @throws {DOMException} `InvalidStateError` when it is not open
   * @throws {TypeError} when it is larger than the other side takes
   */
  send(data) {
    const slots = this.#slots;
    if (slots.readyState !== 'open') throw exception('InvalidStateError', `The channel is ${slots.readyState}`);
    const copy = typeof data === 'string' ? data : copyBytes(data);
    const size = typeof copy === 'string' ? Buffer.byteLength(copy) : copy.byteLength;
    if (size > MAX_MESSAGE_SIZE) throw new TypeError(`${size} bytes are more than ${MAX_MESSAGE_SIZE}`);
    slots.bufferedAmount += size;
    slots.connection.sctp.send({ kind: 'data', channel: slots, data: copy, size });
  }

  /** What was sent before still arrives. */
  close() {
    const slots = this.#slots;
    if (slots.readyState === 'closing' || slots.readyState === 'closed') return;
    slots.readyState = 'closing';
    slots.connection.sctp.reset(slots);
  }
}

/** @param {ArrayBuffer | ArrayBufferView} data */
function copyBytes(data) {
  if (data instanceof ArrayBuffer) return data.slice(0);
  return /** @type {ArrayBuffer} */ (data.buffer).slice(data.byteOffset, data.byteOffset + data.byteLength);
}

// What the fake's descriptions announce as `max-message-size`.
const MAX_MESSAGE_SIZE = 262_144;
