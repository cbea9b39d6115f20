// Two pages with a transport between them, for tests.

import assert from 'node:assert/strict';

import { environment } from '../../../src/environment.js';
import { PeerTransport } from '../../../src/peer-transport.js';
import { parseTransportMessage } from '../../../src/transport-message.js';
import { Publications } from '../../../src/publications.js';
import { RemotePeer } from '../../../src/remote-peer.js';
import { FakeStream, FakeTrack } from '../../support/fake-media.js';
import { FakeNetwork } from '../../support/fake-network.js';
import { fakeSignaling } from '../../support/fake-signaling.js';
import { Scheduler } from '../../support/scheduler.js';

/** One page: its transport, and what it knows of the other one. */
export class Page {
  isReady = true;
  /** Which of its messages the server refuses, since the other page takes nothing. */
  refuses = () => false;
  publications = new Publications();
  states = [];
  sourceEvents = [];
  warnings = 0;

  constructor(name, scene, end, polite) {
    this.end = end;
    const { clock, random } = scene.scheduler;
    const env = environment({
      RTCPeerConnection: scene.network.page(name).PeerConnection,
      MediaStream: FakeStream,
      setTimeout: clock.setTimeout,
      clearTimeout: clock.clearTimeout,
      now: clock.now,
      random: () => random.next(),
    });
    this.transport = new PeerTransport({
      polite,
      send: (data) => {
        if (this.refuses(data)) clock.setTimeout(() => this.transport.refused(), 50);
        else end.send(data);
      },
      isReady: () => this.isReady,
      configuration: () => ({}),
      publications: this.publications,
      env,
    });
    this.peer = new RemotePeer({ id: 'other', meta: null, status: 'here', polite }, this.transport, env);
    this.transport.on('state', ({ detail }) => this.states.push(detail.state));
    this.transport.on('sources', ({ detail }) => {
      for (const { type, source } of this.peer.updateSources(detail.list)) this.sourceEvents.push(`${type} ${source.name}`);
    });
    this.transport.on('warning', () => { this.warnings += 1; });
    end.onmessage = (data) => {
      const message = parseTransportMessage(data);
      if (message !== null) this.transport.receive(message);
    };
  }

  publish(name, ...kinds) {
    this.publications.set(name, kinds.map((kind) => new FakeTrack(kind)));
  }

  /** What the other page has to see of this one. */
  get published() {
    return [...this.publications].map(({ name, audio, video }) => ({
      name,
      audio: audio.track && { muted: audio.muted },
      video: video.track && { muted: video.muted },
    })).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  get sees() {
    return [...this.peer.sources.values()].map(({ name, audio, video, stream }) => {
      for (const side of [audio, video]) {
        if (side !== null) assert.equal(side.track?.readyState, 'live', `a track of ${name}`);
      }
      assert.equal(stream.getTracks().length, Number(audio !== null) + Number(video !== null), name);
      return { name, audio: audio && { muted: audio.muted }, video: video && { muted: video.muted } };
    }).sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}

export class ConnectedPages {
  constructor(seed) {
    this.scheduler = new Scheduler({ seed });
    this.network = new FakeNetwork(this.scheduler);
    this.ends = fakeSignaling(this.scheduler);
    // The page that was there first is polite.
    this.a = new Page('a', this, this.ends.a, true);
    this.b = new Page('b', this, this.ends.b, false);
  }

  get pages() {
    return [this.a, this.b];
  }

  async pause() {
    for (let steps = this.scheduler.random.below(15); steps > 0; steps -= 1) await this.scheduler.step();
  }

  /** Long enough for every recovery. */
  settle() {
    return this.scheduler.clock.advance(180_000);
  }

  assertInCall(context) {
    for (const [one, other] of [[this.a, this.b], [this.b, this.a]]) {
      assert.equal(one.transport.state, 'connected', context);
      assert.equal(one.transport.settled, true, context);
      assert.deepEqual(one.sees, other.published, context);
    }
    // Each source was announced once for each time it was published.
    for (const { sourceEvents } of this.pages) {
      const balance = new Map();
      for (const event of sourceEvents) {
        const [, type, name] = /^(\w+) (.*)$/.exec(event);
        if (type === 'sourcechanged') continue;
        const count = (balance.get(name) ?? 0) + (type === 'sourceadded' ? 1 : -1);
        assert.ok(count === 0 || count === 1, `${context}: ${sourceEvents.join()}`);
        balance.set(name, count);
      }
    }
    assert.equal(this.network.open, 2, context);
  }
}
