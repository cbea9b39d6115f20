// The SCTP association under the data channels of a connection.

import { exception } from './basics.js';
import { ChannelSlots } from './data-channel.js';

/** @typedef {import('./slots.js').Slots} Slots */

/**
 * What passes from one side to the other, in order.
 *
 * @typedef {{ kind: 'open', channel: ChannelSlots }
 *   | { kind: 'data', channel: ChannelSlots, data: string | ArrayBuffer, size: number }
 *   | { kind: 'reset', channel: ChannelSlots }
 *   | { kind: 'abort' }} Chunk
 */

export class SctpTransport {
  /** @type {'new' | 'connecting' | 'connected' | 'closed'} */
  state = 'new';

  #slots;
  #outgoing;

  /** @param {Slots} slots */
  constructor(slots) {
    this.#slots = slots;
    this.#outgoing = slots.network.scheduler.wire(`sctp of ${slots.queue.name}`);
  }

  /** An answer has accepted a data section. */
  negotiated() {
    if (this.state === 'new') this.state = 'connecting';
    for (const channel of this.#slots.channels) this.#giveId(channel);
  }

  /** Looks at the transport again. */
  evaluate() {
    const { ice } = this.#slots;
    const peer = this.#peer;
    // What was sent before the end goes out in spite of it.
    if (this.state === 'closed') return;
    this.#outgoing.held = !ice.flows;
    if (this.state !== 'connecting' || !peer || !ice.flows || !ice.secure || !ice.peer?.secure) return;
    if (peer.state === 'new' || peer.state === 'closed') return;
    this.state = 'connected';
    for (const channel of this.#slots.channels) this.#established(channel);
  }

  /**
   * A channel that the page has made.
   *
   * @param {ChannelSlots} channel
   */
  add(channel) {
    if (this.state === 'new') return;
    this.#giveId(channel);
    if (this.state === 'connected') this.#established(channel);
  }

  /** @param {Chunk} chunk */
  send(chunk) {
    this.#outgoing.post(chunk.kind, () => this.#transmit(chunk));
  }

  /** @param {ChannelSlots} channel that is closing */
  reset(channel) {
    if (this.state === 'connected') this.send({ kind: 'reset', channel });
    else this.#slots.queueTask('channel closed', () => this.#forget(channel));
  }

  /**
   * Ends it at once.
   *
   * @param {{ goodbye: boolean }} how whether the other side is told
   */
  close({ goodbye }) {
    const told = goodbye && this.state === 'connected' && this.#slots.ice.flows;
    const { random, shuffled } = this.#slots.network.scheduler;
    this.state = 'closed';
    for (const channel of this.#slots.channels) channel.readyState = 'closed';
    // The end goes out after what waits, or instead of it: nobody can rely on either.
    if (!told || (shuffled && random.chance(0.5))) this.#outgoing.clear();
    if (told) this.send({ kind: 'abort' });
  }

  /** @returns {SctpTransport | undefined} */
  get #peer() {
    return this.#slots.ice.peer?.slots.sctp;
  }

  /** @param {ChannelSlots} channel */
  #giveId(channel) {
    if (channel.id !== null) return;
    // RFC 8832, section 6: the DTLS client takes the even ones.
    let id = this.#slots.dtlsRole === 'active' ? 0 : 1;
    while (this.#slots.channels.some((other) => other.id === id)) id += 2;
    channel.id = id;
  }

  /** @param {ChannelSlots} channel */
  #established(channel) {
    if (!channel.negotiated) this.send({ kind: 'open', channel });
    this.#slots.queueTask('channel open', () => channel.open());
  }

  /** @param {Chunk} chunk */
  #transmit(chunk) {
    const own = this.#slots;
    const peer = this.#peer;
    if (chunk.kind === 'data') own.queueTask('sent', () => own.closed || chunk.channel.sent(chunk.size));
    if (peer) peer.#slots.queueTask(chunk.kind, () => peer.#slots.closed || peer.#receive(chunk));
  }

  /** @param {Chunk} chunk */
  async #receive(chunk) {
    if (chunk.kind === 'abort') return this.#aborted();
    const channel = this.#slots.channels.find(({ id }) => id === chunk.channel.id);
    // As real stacks do, without a word: data for a channel that is not there yet is lost.
    if (chunk.kind === 'data') return channel?.receive(chunk.data);
    if (chunk.kind === 'reset') return channel && this.#resetByPeer(channel);
    return this.#openedByPeer(chunk.channel);
  }

  /** @param {ChannelSlots} theirs */
  async #openedByPeer({ label, ordered, protocol, id }) {
    const channel = new ChannelSlots(this.#slots, { label, ordered, protocol, negotiated: false, id });
    this.#slots.channels.push(channel);
    this.#slots.network.watch(channel.facade);
    channel.readyState = 'open';
    await this.#slots.fire('datachannel', { channel: channel.facade });
    if (this.#slots.closed || channel.readyState !== 'open') return;
    await this.#slots.fire('open', {}, channel.facade);
  }

  /** @param {ChannelSlots} channel */
  async #resetByPeer(channel) {
    if (channel.readyState === 'open') {
      channel.readyState = 'closing';
      // The other side learns that both directions are reset.
      this.send({ kind: 'reset', channel });
      await this.#slots.fire('closing', {}, channel.facade);
    }
    await this.#forget(channel);
  }

  /** @param {ChannelSlots} channel */
  async #forget(channel) {
    await channel.closed();
    this.#slots.channels = this.#slots.channels.filter((other) => other !== channel);
  }

  async #aborted() {
    this.state = 'closed';
    this.#outgoing.clear();
    const error = this.#slots.flavour.errorBeforeClose
      ? exception('OperationError', 'User-Initiated Abort, reason=Close called')
      : undefined;
    for (const channel of this.#slots.channels) await channel.closed({ error });
  }
}
