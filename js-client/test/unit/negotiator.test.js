// Perfect negotiation under every schedule that a browser allows.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { Negotiator } from '../../src/negotiator.js';
import { FakePair } from '../support/fake-pair.js';
import { fakeSignaling } from '../support/fake-signaling.js';

/** Two negotiators: `a` is polite, `b` came later and offers first. */
class Scene {
  problems = [];
  beforeAnswer = () => {};
  /** Of the newest ICE generation of one side. */
  usernameFragment = (side) => /^a=ice-ufrag:(.+)$/m.exec(this.pair[side].currentLocalDescription.sdp)[1];

  constructor(seed, { flavours } = {}) {
    this.pair = new FakePair({ seed, flavours });
    this.scheduler = this.pair.scheduler;
    this.ends = fakeSignaling(this.scheduler);
    const { clock } = this.scheduler;
    const environment = { setTimeout: clock.setTimeout, clearTimeout: clock.clearTimeout, now: clock.now };
    const make = (pc, end, polite) => {
      const negotiator = new Negotiator(pc, {
        polite, environment, send: (message) => end.send(message), beforeAnswer: () => this.beforeAnswer(),
      });
      for (const type of ['failure', 'warning']) {
        negotiator.on(type, ({ detail }) => this.problems.push(`${type}: ${detail.error}`));
      }
      end.onmessage = (message) => negotiator.receive(message);
      return negotiator;
    };
    this.a = make(this.pair.a, this.ends.a, true);
    this.b = make(this.pair.b, this.ends.b, false);
  }

  get connections() {
    return [this.pair.a, this.pair.b];
  }

  /** What the client's first offer carries. */
  warm() {
    for (const kind of ['audio', 'video']) this.pair.b.addTransceiver(kind, { direction: 'sendrecv' });
    for (const pc of this.connections) pc.createDataChannel('control', { negotiated: true, id: 0 });
    return this;
  }

  /** How many ICE generations this side has begun with an offer. */
  generationsOffered(side) {
    const first = new Map();
    for (const { description } of this.ends[side].sent) {
      if (description === undefined) continue;
      const [, fragment] = /^a=ice-ufrag:(.+)$/m.exec(description.sdp);
      if (!first.has(fragment)) first.set(fragment, description.type);
    }
    return [...first.values()].filter((type) => type === 'offer').length;
  }

  settle() {
    return this.scheduler.clock.advance(30_000);
  }

  async pause() {
    for (let steps = this.scheduler.random.below(12); steps > 0; steps--) await this.scheduler.step();
  }

  assertAgreed(context) {
    assert.deepEqual(this.problems, [], context);
    for (const [negotiator, pc] of [[this.a, this.pair.a], [this.b, this.pair.b]]) {
      assert.equal(negotiator.settled, true, context);
      assert.equal(pc.signalingState, 'stable', context);
      assert.equal(pc.connectionState, 'connected', context);
      assert.ok(pc.getTransceivers().every(({ currentDirection }) => currentDirection !== null), context);
    }
    const [a, b] = this.connections.map((pc) => pc.getTransceivers().map(({ mid }) => mid).sort());
    assert.deepEqual(a, b, context);
  }
}

const SEEDS = 150;

async function forManySeeds(scenario, options) {
  for (let seed = 0; seed < SEEDS; seed += 1) {
    const scene = new Scene(seed, options).warm();
    await scenario(scene);
    await scene.settle();
    scene.assertAgreed(`seed ${seed}\n${scene.scheduler.trace.slice(-20).join('\n')}`);
  }
}

describe('both sides agree in the end', () => {
  test('on what was there from the start', () => forManySeeds(async () => {}));

  test('when both sides add at once, again and again', () => forManySeeds(async (scene) => {
    for (let round = 0; round < 6; round += 1) {
      for (const pc of scene.connections) {
        pc.addTransceiver('video', { direction: 'sendonly' });
        await scene.pause();
      }
    }
  }));

  test('when anything is restarted, added, stopped and exchanged', () => forManySeeds(async (scene) => {
    const { random } = scene.scheduler;
    for (let act = 0; act < 10; act += 1) {
      const one = random.below(2) === 0 ? 'a' : 'b';
      const pc = scene.pair[one];
      [
        () => pc.addTransceiver('audio'),
        () => { for (const transceiver of pc.getTransceivers()) transceiver.direction = 'sendrecv'; },
        () => { for (const transceiver of pc.getTransceivers()) transceiver.direction = 'recvonly'; },
        () => scene[one].ice.restart(),
        () => pc.createDataChannel('more'),
      ][random.below(5)]();
      await scene.pause();
    }
  }));

  test('when messages are lost, and each side learns that they may have been', () => forManySeeds(async (scene) => {
    const { random } = scene.scheduler;
    for (let act = 0; act < 6; act += 1) {
      scene.connections[random.below(2)].addTransceiver('video');
      await scene.pause();
      // As when a session is resumed, and frames were lost. Candidates that were lost are in the next description.
      const lost = random.below(2) === 0 ? 'a' : 'b';
      scene.ends[lost].lose();
      for (const one of [scene.a, scene.b]) one.resync();
      await scene.pause();
    }
    await scene.scheduler.settle();
    scene.b.ice.restart();
  }));
});

test('the polite side makes no offer before the first exchange', () => forManySeeds(async (scene) => {
  scene.pair.a.addTransceiver('video');
  await scene.scheduler.settle();
  const [first] = scene.ends.a.sent.filter((message) => 'description' in message);
  assert.equal(first.description.type, 'answer');
}));

test('the first offer carries one section of each kind, and needs no second exchange', async () => {
  const scene = new Scene().warm();
  await scene.settle();
  const offers = [...scene.ends.a.sent, ...scene.ends.b.sent].filter(({ description }) => description?.type === 'offer');
  assert.equal(offers.length, 1);
  assert.deepEqual(offers[0].description.sdp.match(/^m=\w+/gm), ['m=audio', 'm=video', 'm=application']);
});

test('a first offer that does not come is asked for', async () => {
  const scene = new Scene().warm();
  scene.ends.b.next('drop', ({ description }) => description?.type === 'offer');
  scene.ends.b.next('drop', ({ candidates }) => candidates !== undefined);
  await scene.settle();
  assert.ok(scene.ends.a.sent.some(({ request }) => request === 'offer'));
  assert.equal(scene.a.settled && scene.b.settled, true);
});

describe('ICE is restarted', () => {
  const [C, F] = ['chromium', 'firefox'];
  // `b` has offered first.
  for (const [flavours, restarts] of [[[C, C], 'b'], [[F, F], 'b'], [[C, F], 'b'], [[F, C], 'a'], [['spec', 'spec'], 'b']]) {
    const requests = restarts === 'a' ? 'b' : 'a';

    test(`by ${restarts} with ${flavours}; the other side requests it`, async () => {
      for (const end of ['a', 'b']) {
        const scene = new Scene(1, { flavours }).warm();
        await scene.settle();
        const before = ['a', 'b'].map(scene.usernameFragment);
        const sent = { a: scene.ends.a.sent.length, b: scene.ends.b.sent.length };
        scene[end].ice.restart();
        await scene.settle();
        ['a', 'b'].forEach((each, index) => assert.notEqual(scene.usernameFragment(each), before[index]));
        const said = scene.ends[requests].sent.slice(sent[requests]);
        assert.deepEqual(said.filter(({ request }) => request !== undefined), end === requests ? [{ request: 'restart' }] : []);
        assert.ok(!said.some(({ description }) => description?.type === 'offer'));
        scene.assertAgreed();
      }
    });

    test(`with ${flavours} also while both sides change their media`, () => forManySeeds(async (scene) => {
      await scene.settle();
      const before = scene.usernameFragment('a');
      const steps = [() => scene[requests].ice.restart(), () => scene.pair.a.addTransceiver('video'), () => scene.pair.b.addTransceiver('audio')];
      for (const step of steps) {
        step();
        await scene.pause();
      }
      await scene.settle();
      assert.notEqual(scene.usernameFragment('a'), before);
      assert.equal(scene.generationsOffered(requests), requests === 'b' ? 1 : 0);
    }, { flavours }));

    test(`with ${flavours} also if the request is lost`, async () => {
      for (const end of ['a', 'b']) {
        const scene = new Scene(1, { flavours }).warm();
        await scene.settle();
        const before = scene.usernameFragment('b');
        scene.ends[requests].next('drop', ({ request }) => request === 'restart');
        scene[requests].ice.restart();
        await scene.settle();
        assert.equal(scene.usernameFragment('b'), before);
        // The side that has missed messages resyncs.
        scene[end].resync();
        await scene.settle();
        assert.notEqual(scene.usernameFragment('b'), before);
        const count = () => scene.ends[requests].sent.filter(({ request }) => request === 'restart').length;
        assert.equal(count(), 2);
        scene[end].resync();
        await scene.settle();
        assert.equal(count(), 2);
        scene.assertAgreed();
      }
    });
  }
});

describe('another configuration', () => {
  const servers = (pc) => pc.getConfiguration().iceServers.map(({ urls }) => urls);
  const next = { iceServers: [{ urls: 'stun:next.example' }] };
  const both = (scene) => scene.connections.map(servers);

  test('is used at once before there is a description', () => {
    const scene = new Scene();
    scene.b.ice.reconfigure(next);
    assert.deepEqual(both(scene), [[], ['stun:next.example']]);
  });

  for (const end of ['a', 'b']) {
    test(`of ${end} is used when ICE restarts, not when media change`, async () => {
      for (const moment of ['before the answer', 'later']) {
        const scene = new Scene().warm();
        const reconfigure = () => { scene.beforeAnswer = () => {}; scene[end].ice.reconfigure(next); };
        if (moment === 'later') {
          await scene.settle();
          reconfigure();
        } else scene.beforeAnswer = reconfigure;
        await scene.settle();
        for (const pc of scene.connections) {
          pc.addTransceiver('video');
          await scene.settle();
        }
        assert.deepEqual(both(scene), [[], []], moment);
        scene.a.ice.restart();
        await scene.settle();
        assert.deepEqual(both(scene).map(({ length }) => length), end === 'a' ? [1, 0] : [0, 1]);
        scene.assertAgreed();
      }
    });
  }

  test('that the browser rejects is reported, and ICE restarts with the previous one', async () => {
    for (const end of ['a', 'b']) {
      const scene = new Scene().warm();
      await scene.settle();
      const before = scene.usernameFragment(end);
      scene[end].ice.reconfigure({ iceServers: [{ urls: 'http:none' }] });
      assert.deepEqual(scene.problems, []);
      scene.a.ice.restart();
      await scene.settle();
      assert.notEqual(scene.usernameFragment(end), before);
      assert.equal(scene.problems.length, 1);
      assert.match(scene.problems.pop(), /^warning: SyntaxError/);
      scene.assertAgreed();
    }
  });
});

test('an answer that comes twice is applied once', () => forManySeeds(async (scene) => {
  scene.ends.a.next('duplicate', ({ description }) => description?.type === 'answer');
  await scene.pause();
  scene.pair.b.addTransceiver('video');
}));

test('an offer that comes twice is answered twice, and applied once', async () => {
  const scene = new Scene().warm();
  scene.ends.b.next('duplicate', ({ description }) => description?.type === 'offer');
  const applied = [];
  scene.a.on('applied', ({ detail }) => applied.push(detail.type));
  await scene.settle();
  assert.deepEqual(applied, ['offer']);
  assert.equal(scene.ends.a.sent.filter(({ description }) => description?.type === 'answer').length, 2);
  scene.assertAgreed();
});

test('candidates that overtake their description are kept', async () => {
  let overtaken = 0;
  await forManySeeds(async (scene) => {
    // No relay of this project does it; the negotiator may be used with others.
    for (const end of [scene.ends.a, scene.ends.b]) end.shuffle();
    scene.ends.b.hold();
    await scene.scheduler.clock.advance(100);
    const { onmessage } = scene.ends.a;
    let described = false;
    scene.ends.a.onmessage = (message) => {
      described ||= 'description' in message;
      if (!described) overtaken += 1;
      return onmessage(message);
    };
    scene.ends.b.release();
  });
  assert.ok(overtaken > 10, `${overtaken} candidates came early`);
});

test('a candidate of an ignored offer that does not name its generation is no warning', async () => {
  const scene = new Scene().warm();
  await scene.settle();
  // Both offer; the polite side's is ignored.
  scene.ends.b.hold();
  for (const pc of scene.connections) pc.addTransceiver('video');
  await scene.scheduler.settle();
  scene.ends.a.send({ candidates: [{ candidate: 'candidate:1 1 udp 1 192.0.2.1 9 typ host', sdpMid: 'unknown' }] });
  await scene.scheduler.settle();
  scene.ends.b.release();
  await scene.settle();
  scene.assertAgreed();
});

test('candidates are sent in batches', async () => {
  const scene = new Scene().warm();
  await scene.settle();
  for (const end of [scene.ends.a, scene.ends.b]) {
    const batches = end.sent.filter((message) => 'candidates' in message);
    assert.ok(batches.length <= 2, `${batches.length} messages`);
    assert.ok(batches.some(({ candidates }) => candidates.length > 1));
  }
});

for (const method of ['setLocalDescription', 'setRemoteDescription']) {
  test(`a ${method} that the browser rejects is a failure, told once`, async () => {
    const scene = new Scene().warm();
    scene.pair.network.failNext(method, { error: new DOMException('no', 'InvalidAccessError') });
    await scene.scheduler.settle();
    assert.deepEqual(scene.problems, ['failure: InvalidAccessError: no']);
  });
}

test('a candidate that the browser rejects is a warning, and the call comes about', async () => {
  const scene = new Scene().warm();
  scene.pair.network.failNext('addIceCandidate');
  await scene.settle();
  assert.equal(scene.problems.length, 1);
  assert.match(scene.problems[0], /^warning/);
  assert.equal(scene.pair.a.connectionState, 'connected');
});

test('after closing, nothing is said or done any more', () => forManySeeds(async (scene) => {
  await scene.pause();
  scene.a.close();
  scene.pair.a.close();
  const said = scene.ends.a.sent.length;
  await scene.settle();
  assert.equal(scene.ends.a.sent.length, said);
  assert.deepEqual(scene.problems, []);
  // For the assertion that follows: another pair.
  Object.assign(scene, new Scene(1).warm());
}));
