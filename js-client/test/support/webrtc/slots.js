// The internal slots of a connection, which the algorithms of the specification work on.

import { deferred, makeEvent } from './basics.js';
import { IceAgent } from './ice-agent.js';
import { updateNegotiationNeeded } from './negotiation-needed.js';
import { OperationsChain } from './operations-chain.js';
import { SctpTransport } from './sctp.js';

/** @typedef {import('../fake-media.js').FakeStream} FakeStream */
/** @typedef {import('../fake-network.js').FakeNetwork} FakeNetwork */
/** @typedef {import('../fake-peer-connection.js').FakePeerConnection} FakePeerConnection */
/** @typedef {import('./basics.js').FakeEventTarget} FakeEventTarget */
/** @typedef {import('./data-channel.js').ChannelSlots} ChannelSlots */
/** @typedef {import('./flavours.js').Flavour} Flavour */
/** @typedef {import('./jsep.js').Created} Created */
/** @typedef {import('./sdp.js').Description} Description */
/** @typedef {import('./transceiver.js').FakeSender} FakeSender */
/** @typedef {import('./transceiver.js').TransceiverSlots} TransceiverSlots */

/**
 * @typedef {'stable' | 'have-local-offer' | 'have-remote-offer' | 'have-local-pranswer' | 'have-remote-pranswer'
 *   | 'closed'} SignalingState
 */

export class Slots {
  closed = false;
  /** @type {SignalingState} */
  signalingState = 'stable';
  /** @type {Description | null} */
  pendingLocal = null;
  /** @type {Description | null} */
  currentLocal = null;
  /** @type {Description | null} */
  pendingRemote = null;
  /** @type {Description | null} */
  currentRemote = null;
  /** @type {Created | null} */
  lastOffer = null;
  /** @type {Created | null} */
  lastAnswer = null;
  negotiationNeeded = false;
  updateFlagOnEmptyChain = false;
  /** `ufrag:pwd` of the credentials that `restartIce` wants gone. @type {Set<string>} */
  credentialsToReplace = new Set();
  /** @type {TransceiverSlots[]} */
  transceivers = [];
  /** All it ever made. @type {WeakSet<FakeSender>} */
  senders = new WeakSet();
  /** The received streams by id. @type {Map<string, FakeStream>} */
  streams = new Map();
  /** @type {ChannelSlots[]} */
  channels = [];
  /** Of this side in DTLS, once negotiated. @type {'active' | 'passive' | null} */
  dtlsRole = null;
  /** How often a description was created: the version in its `o=` line. */
  versions = 0;

  /**
   * @param {FakePeerConnection} target
   * @param {FakeNetwork} network
   * @param {{ page: string, flavour: Flavour, configuration: any }} init
   */
  constructor(target, network, { page, flavour, configuration }) {
    this.target = target;
    this.network = network;
    this.page = page;
    this.flavour = flavour;
    this.configuration = configuration;
    this.id = network.scheduler.random.token(10);
    this.queue = network.scheduler.queue(`connection ${network.created}${page && ` of ${page}`}`);
    this.chain = new OperationsChain(() => {
      if (!this.updateFlagOnEmptyChain) return;
      this.updateFlagOnEmptyChain = false;
      updateNegotiationNeeded(this);
    });
    this.ice = new IceAgent(this);
    this.sctp = new SctpTransport(this);
  }

  /**
   * "Queue a task".
   *
   * @param {string} label
   * @param {() => unknown} run
   */
  queueTask(label, run) {
    this.queue.post(label, run);
  }

  /**
   * Work in parallel, then a task that ends it. The promise never settles when the connection is
   * closed first.
   *
   * @template T
   * @param {string} label
   * @param {() => T | Promise<T>} run the task
   * @returns {Promise<T>}
   */
  later(label, run) {
    const { promise, resolve, reject } = /** @type {ReturnType<typeof deferred<T>>} */ (deferred());
    this.network.scheduler.inParallel(label, () => this.queueTask(label, async () => {
      if (this.closed) return;
      try {
        resolve(await run());
      } catch (error) {
        reject(error);
      }
    }));
    return promise;
  }

  /**
   * Fires an event, and lets the microtasks of its listeners run before the algorithm goes on.
   *
   * @param {string} type
   * @param {Record<string, unknown>} [properties]
   * @param {FakeEventTarget} [target]
   */
  async fire(type, properties = {}, target = this.target) {
    target.dispatchEvent(makeEvent(type, properties));
    await this.network.scheduler.checkpoint();
  }
}
