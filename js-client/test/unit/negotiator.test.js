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
    this.pair = new FakePair({ seed, flavour: flavours });
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

async function forManySeeds(scenario) {
  for (let seed = 0; seed < SEEDS; seed += 1) {
    const scene = new Scene(seed).warm();
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
        () => scene[one].restartIce(),
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
    scene.b.restartIce();
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

test('only the side that offered first restarts ICE; the other one asks', async () => {
  const scene = new Scene().warm();
  await scene.settle();
  const before = scene.usernameFragment('b');
  const sent = scene.ends.a.sent.length;
  scene.a.restartIce();
  await scene.settle();
  assert.notEqual(scene.usernameFragment('b'), before);
  assert.deepEqual(scene.ends.a.sent[sent], { request: 'restart' });
  assert.ok(!scene.ends.a.sent.slice(sent).some(({ description }) => description?.type === 'offer'));
  scene.assertAgreed();
});

test('a request to restart ICE is repeated until the other side restarts', async () => {
  for (const end of ['a', 'b']) {
    const scene = new Scene().warm();
    await scene.settle();
    const { usernameFragment } = scene;
    const before = usernameFragment('b');
    scene.ends.a.next('drop', ({ request }) => request === 'restart');
    scene.a.restartIce();
    scene.a.reconfigured();
    await scene.settle();
    assert.equal(usernameFragment('b'), before);
    // The side that has missed messages resyncs.
    scene[end].resync();
    await scene.settle();
    assert.notEqual(usernameFragment('b'), before);
    const requests = () => scene.ends.a.sent.filter(({ request }) => request === 'restart').length;
    assert.equal(requests(), 2);
    scene[end].resync();
    await scene.settle();
    assert.equal(requests(), 2);
    scene.assertAgreed();
  }
});

test('other ICE servers before the first answer make the polite side wait for a restart, too', async () => {
  const scene = new Scene().warm();
  scene.beforeAnswer = () => { scene.beforeAnswer = () => {}; scene.a.reconfigured(); };
  await scene.settle();
  const before = scene.usernameFragment('b');
  const sent = scene.ends.a.sent.length;
  scene.pair.a.addTransceiver('video');
  await scene.settle();
  const said = scene.ends.a.sent.slice(sent).filter(({ candidates }) => candidates === undefined);
  assert.deepEqual(said[0], { request: 'restart' });
  assert.notEqual(scene.usernameFragment('b'), before);
  scene.assertAgreed();
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
