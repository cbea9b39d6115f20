// RTCPeerConnection as the specification has it, without packets.
//
// Followed: W3C webrtc-pc (editors' draft of 2026) and RFC 8829 (JSEP). Left out: simulcast
// negotiation, codecs, identity, legacy callbacks, `RTCDtlsTransport` and its like as objects.

import { FakeTrack } from './fake-media.js';
import { addCandidate, createAnswer, createOffer, setLocal, setRemote } from './webrtc/operations.js';
import { FakeEventTarget, exception } from './webrtc/basics.js';
import { checkConfiguration } from './webrtc/configuration.js';
import { ChannelSlots } from './webrtc/data-channel.js';
import { key } from './webrtc/jsep.js';
import { updateNegotiationNeeded } from './webrtc/negotiation-needed.js';
import { Slots } from './webrtc/slots.js';
import { connectionStats } from './webrtc/stats.js';
import { TransceiverSlots, isReusable } from './webrtc/transceiver.js';

/** @typedef {import('./fake-media.js').FakeStream} FakeStream */
/** @typedef {import('./fake-media.js').Kind} Kind */
/** @typedef {import('./fake-network.js').FakeNetwork} FakeNetwork */
/** @typedef {import('./webrtc/flavours.js').Flavour} Flavour */
/** @typedef {import('./webrtc/sdp.js').Direction} Direction */
/** @typedef {import('./webrtc/transceiver.js').Encoding} Encoding */
/** @typedef {import('./webrtc/transceiver.js').FakeSender} FakeSender */
/** @typedef {{ type?: any, sdp?: string }} DescriptionInit */

/** Made by `new network.PeerConnection(configuration)` of a `FakeNetwork`. */
export class FakePeerConnection extends FakeEventTarget {
  #slots;

  /** @type {((event: any) => void) | null} */
  onnegotiationneeded = null;
  /** @type {((event: any) => void) | null} */
  onicecandidate = null;
  /** @type {((event: any) => void) | null} */
  onicecandidateerror = null;
  /** @type {((event: any) => void) | null} */
  onicegatheringstatechange = null;
  /** @type {((event: any) => void) | null} */
  oniceconnectionstatechange = null;
  /** @type {((event: any) => void) | null} */
  onconnectionstatechange = null;
  /** @type {((event: any) => void) | null} */
  onsignalingstatechange = null;
  /** @type {((event: any) => void) | null} */
  ontrack = null;
  /** @type {((event: any) => void) | null} */
  ondatachannel = null;

  /**
   * @param {FakeNetwork} network
   * @param {{ page: string, flavour: Flavour, configuration?: any }} init
   */
  constructor(network, { page, flavour, configuration = {} }) {
    super();
    this.#slots = new Slots(this, network, { page, flavour, configuration: checkConfiguration(configuration) });
    network.add(this.#slots);
  }

  get signalingState() {
    return this.#slots.signalingState;
  }

  get iceGatheringState() {
    return this.#slots.ice.gatheringState;
  }

  get iceConnectionState() {
    return this.#slots.ice.iceConnectionState;
  }

  get connectionState() {
    return this.#slots.ice.connectionState;
  }

  get localDescription() {
    return this.pendingLocalDescription ?? this.currentLocalDescription;
  }

  get currentLocalDescription() {
    return this.#slots.currentLocal?.toPublic() ?? null;
  }

  get pendingLocalDescription() {
    return this.#slots.pendingLocal?.toPublic() ?? null;
  }

  get remoteDescription() {
    return this.pendingRemoteDescription ?? this.currentRemoteDescription;
  }

  get currentRemoteDescription() {
    return this.#slots.currentRemote?.toPublic() ?? null;
  }

  get pendingRemoteDescription() {
    return this.#slots.pendingRemote?.toPublic() ?? null;
  }

  get canTrickleIceCandidates() {
    return this.remoteDescription && true;
  }

  /** Only whether there is an association matters to anyone. */
  get sctp() {
    const { state } = this.#slots.sctp;
    return state === 'new' ? null : { state, maxMessageSize: 262_144 };
  }

  /** @param {{ iceRestart?: boolean }} [options] */
  createOffer({ iceRestart = false } = {}) {
    return this.#slots.chain.enqueue(async () => toInit('offer', await createOffer(this.#slots, iceRestart)));
  }

  createAnswer() {
    return this.#slots.chain.enqueue(async () => toInit('answer', await createAnswer(this.#slots)));
  }

  /**
   * @param {DescriptionInit} [description]
   * @returns {Promise<void>}
   */
  async setLocalDescription({ type, sdp = '' } = {}) {
    if (type !== undefined) checkType(type);
    return this.#slots.chain.enqueue(() => setLocal(this.#slots, { type, sdp }));
  }

  /**
   * @param {DescriptionInit} description
   * @returns {Promise<void>}
   */
  async setRemoteDescription({ type, sdp = '' }) {
    checkType(type);
    return this.#slots.chain.enqueue(() => setRemote(this.#slots, { type, sdp }));
  }

  /**
   * @param {RTCIceCandidateInit | null} [init]
   * @returns {Promise<void>}
   */
  async addIceCandidate(init) {
    const { candidate = '', sdpMid = null, sdpMLineIndex = null, usernameFragment = null } = init ?? {};
    if (candidate !== '' && sdpMid === null && sdpMLineIndex === null) {
      throw new TypeError('A candidate needs an sdpMid or an sdpMLineIndex');
    }
    return this.#slots.chain.enqueue(() => (
      addCandidate(this.#slots, { candidate, sdpMid, sdpMLineIndex, usernameFragment })
    ));
  }

  restartIce() {
    const { currentLocal, pendingLocal } = this.#slots;
    const sections = [currentLocal, pendingLocal].flatMap((each) => each?.sections ?? []);
    this.#slots.credentialsToReplace = new Set(sections.filter(({ ufrag }) => ufrag).map(key));
    updateNegotiationNeeded(this.#slots);
  }

  getConfiguration() {
    return structuredClone(this.#slots.configuration);
  }

  /** @param {any} [configuration] takes effect when candidates are gathered next */
  setConfiguration(configuration = {}) {
    this.#assertOpen();
    this.#slots.configuration = checkConfiguration(configuration, this.#slots.configuration);
  }

  getTransceivers() {
    return this.#slots.transceivers.map(({ facade }) => facade);
  }

  getSenders() {
    return this.#slots.transceivers.filter(({ stopped }) => !stopped).map(({ sender }) => sender);
  }

  getReceivers() {
    return this.#slots.transceivers.filter(({ stopped }) => !stopped).map(({ receiver }) => receiver);
  }

  /**
   * @param {FakeTrack | Kind} trackOrKind
   * @param {{ direction?: Direction, streams?: FakeStream[], sendEncodings?: Encoding[] }} [init]
   */
  addTransceiver(trackOrKind, { direction = 'sendrecv', streams = [], sendEncodings = [] } = {}) {
    const track = trackOrKind instanceof FakeTrack ? trackOrKind : null;
    const kind = track ? track.kind : trackOrKind;
    if (kind !== 'audio' && kind !== 'video') throw new TypeError(`${kind} is neither audio nor video`);
    this.#assertOpen();
    const streamIds = streams.map(({ id }) => id);
    return this.#add(new TransceiverSlots(this.#slots, kind, {
      origin: 'addTransceiver', direction, track, streamIds, encodings: sendEncodings,
    })).facade;
  }

  /**
   * @param {FakeTrack} track
   * @param {...FakeStream} streams
   */
  addTrack(track, ...streams) {
    this.#assertOpen();
    const { transceivers } = this.#slots;
    if (transceivers.some((each) => each.track === track && !each.stopped)) {
      throw exception('InvalidAccessError', 'The track has a sender already');
    }
    const streamIds = [...new Set(streams.map(({ id }) => id))];
    const reused = transceivers.find((each) => isReusable(each, track.kind));
    const transceiver = reused ?? this.#add(new TransceiverSlots(this.#slots, track.kind, {
      origin: 'addTrack', direction: 'sendrecv', track, streamIds,
    }));
    transceiver.usedByAddTrack = true;
    if (reused) {
      reused.track = track;
      reused.streamIds = streamIds;
      if (reused.direction === 'recvonly') reused.direction = 'sendrecv';
      if (reused.direction === 'inactive') reused.direction = 'sendonly';
      updateNegotiationNeeded(this.#slots);
    }
    return transceiver.sender;
  }

  /** @param {FakeSender} sender */
  removeTrack(sender) {
    this.#assertOpen();
    if (!this.#slots.senders.has(sender)) throw exception('InvalidAccessError', 'Not a sender of this connection');
    const transceiver = this.#slots.transceivers.find((each) => each.sender === sender);
    if (!transceiver || transceiver.stopping || !transceiver.track) return;
    transceiver.track = null;
    if (transceiver.direction === 'sendrecv') transceiver.direction = 'recvonly';
    if (transceiver.direction === 'sendonly') transceiver.direction = 'inactive';
    updateNegotiationNeeded(this.#slots);
  }

  /**
   * @param {string} label
   * @param {{ negotiated?: boolean, id?: number, ordered?: boolean, protocol?: string }} [init]
   */
  createDataChannel(label, { negotiated = false, id, ordered = true, protocol = '' } = {}) {
    this.#assertOpen();
    if (negotiated && id === undefined) throw new TypeError('A negotiated channel needs an id');
    const own = negotiated ? id ?? null : null;
    const { channels } = this.#slots;
    if (own !== null && channels.some((channel) => channel.id === own)) {
      throw exception('OperationError', `There is a channel ${own}`);
    }
    const channel = new ChannelSlots(this.#slots, { label, ordered, protocol, negotiated, id: own });
    channels.push(channel);
    this.#slots.network.watch(channel.facade);
    this.#slots.sctp.add(channel);
    if (channels.length === 1) updateNegotiationNeeded(this.#slots);
    return channel.facade;
  }

  async getStats() {
    return connectionStats(this.#slots);
  }

  close() {
    this.#close({ goodbye: true });
  }

  /** For `FakeNetwork.vanish`: the page is gone. */
  disappear() {
    this.#close({ goodbye: this.#slots.flavour.goodbye });
  }

  /** @param {TransceiverSlots} transceiver */
  #add(transceiver) {
    this.#slots.transceivers.push(transceiver);
    updateNegotiationNeeded(this.#slots);
    return transceiver;
  }

  #assertOpen() {
    if (this.#slots.closed) throw exception('InvalidStateError', 'The connection is closed');
  }

  /** @param {{ goodbye: boolean }} how */
  #close({ goodbye }) {
    const slots = this.#slots;
    if (slots.closed) return;
    slots.closed = true;
    slots.signalingState = 'closed';
    slots.chain.close();
    for (const transceiver of slots.transceivers) transceiver.stop();
    slots.sctp.close({ goodbye });
    slots.ice.close();
    slots.network.evaluate();
  }
}

/**
 * @param {'offer' | 'answer'} type
 * @param {{ sdp: string }} created
 */
function toInit(type, { sdp }) {
  return { type, sdp };
}

/** @param {unknown} type */
function checkType(type) {
  if (!['offer', 'answer', 'pranswer', 'rollback'].includes(/** @type {string} */ (type))) {
    throw new TypeError(`${type} is no type of a description`);
  }
}
