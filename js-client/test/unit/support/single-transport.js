// The transport of one page. The test plays the other page.

import { environment } from '../../../src/environment.js';
import { PeerTransport } from '../../../src/peer-transport.js';
import { parseTransportMessage } from '../../../src/transport-message.js';
import { Publications } from '../../../src/publications.js';
import { FakeStream, FakeTrack } from '../../support/fake-media.js';
import { FakeNetwork } from '../../support/fake-network.js';
import { Scheduler } from '../../support/scheduler.js';
import { FakeEventTarget } from '../../support/webrtc/basics.js';

export class SingleTransport {
  sent = [];
  warnings = [];
  states = [];
  /** What `send` throws. */
  failure = null;
  /** How often each method of the connections was called. */
  calls = {};
  /** What the methods of the connections throw, by name. */
  faults = {};
  window = new FakeEventTarget();
  publications = new Publications();

  constructor({ polite = true, seed, ...options } = {}) {
    this.scheduler = new Scheduler({ seed });
    this.clock = this.scheduler.clock;
    this.network = new FakeNetwork(this.scheduler);
    this.options = {
      polite,
      send: (data) => {
        if (this.failure !== null) throw this.failure;
        this.sent.push(data);
      },
      isReady: () => true,
      configuration: () => ({}),
      publications: this.publications,
      env: environment({
        RTCPeerConnection: this.#RTCPeerConnection(),
        MediaStream: FakeStream,
        setTimeout: this.clock.setTimeout,
        clearTimeout: this.clock.clearTimeout,
        now: this.clock.now,
        random: () => this.scheduler.random.next(),
        window: this.window,
      }),
      ...options,
    };
    this.transport = this.make();
  }

  make() {
    const transport = new PeerTransport(this.options);
    transport.on('warning', ({ detail: { error } }) => this.warnings.push(error));
    transport.on('state', ({ detail: { state } }) => this.states.push(state));
    return transport;
  }

  get codes() {
    return this.warnings.map(({ code }) => code);
  }

  /** The descriptions that were sent, by type. */
  said(type) {
    return this.sent.filter(({ description }) => description?.type === type);
  }

  says(data) {
    const message = parseTransportMessage({ epoch: 1, to: null, ...data });
    if (message !== null) this.transport.receive(message);
  }

  async offer(sections = 1, { offerId = 1, epoch = 1 } = {}) {
    const { PeerConnection } = this.network.page('other');
    const pc = new PeerConnection();
    for (let n = 0; n < sections; n += 1) pc.addTransceiver('audio');
    await this.scheduler.run(() => pc.setLocalDescription());
    const description = { type: 'offer', sdp: pc.localDescription.sdp };
    pc.close();
    return { epoch, description, offerId };
  }

  publish(name, ...kinds) {
    this.publications.set(name, kinds.map((kind) => new FakeTrack(kind)));
  }

  #RTCPeerConnection() {
    const { PeerConnection } = this.network.page('self');
    const scene = this;
    const called = (name) => {
      scene.calls[name] = (scene.calls[name] ?? 0) + 1;
      if (scene.faults[name]) throw scene.faults[name];
    };
    const Counted = class extends PeerConnection {
      constructor(configuration) {
        called('RTCPeerConnection');
        super(configuration);
      }
    };
    for (const name of ['createDataChannel', 'addTransceiver', 'setConfiguration', 'addIceCandidate', 'setRemoteDescription', 'restartIce']) {
      const original = PeerConnection.prototype[name];
      Counted.prototype[name] = function counted(...args) {
        called(name);
        return original.apply(this, args);
      };
    }
    return Counted;
  }
}
