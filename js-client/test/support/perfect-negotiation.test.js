// Perfect negotiation on the fakes: it ends well under every schedule, and without any of its
// subtle points it does not. So the fakes are adversary enough to test a client with.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { FakeTrack } from './fake-media.js';
import { FakePair, ufrags } from './fake-pair.js';
import { fakeSignaling } from './fake-signaling.js';
import { PerfectNegotiation } from './perfect-negotiation.js';

/** @typedef {import('./perfect-negotiation.js').Mistakes} Mistakes */
/** @typedef {import('./fake-peer-connection.js').FakePeerConnection} FakePeerConnection */

class Scene {
  /**
   * @param {number} seed
   * @param {Mistakes} [mistakes]
   */
  constructor(seed, mistakes) {
    this.pair = new FakePair({ seed });
    const { a, b } = fakeSignaling(this.pair.scheduler);
    this.ends = { a, b };
    // The roles are swapped by the seed.
    this.peers = [
      new PerfectNegotiation(this.pair.a, a, { polite: seed % 2 === 0, ...mistakes }),
      new PerfectNegotiation(this.pair.b, b, { polite: seed % 2 === 1, ...mistakes }),
    ];
  }

  get connections() {
    return [this.pair.a, this.pair.b];
  }

  get errors() {
    return this.peers.flatMap(({ errors }) => errors);
  }

  /** Lets a random number of tasks run: so much time passes between two acts. */
  async pause() {
    const { scheduler } = this.pair;
    for (let steps = scheduler.random.below(12); steps > 0; steps--) await scheduler.step();
  }

  /** Whether everything that was added is agreed on, on both sides alike. */
  get agreed() {
    const [a, b] = this.connections.map((pc) => pc.getTransceivers());
    return this.errors.length === 0
      && this.connections.every((pc) => pc.signalingState === 'stable' && pc.connectionState === 'connected')
      && a.length === b.length
      && [...a, ...b].every(({ currentDirection }) => currentDirection !== null)
      && a.every(({ mid }) => b.some((other) => other.mid === mid));
  }
}

/** Eleven additions on both sides, as in the stress test of the Web Platform Tests. */
async function storm(/** @type {Scene} */ scene, { pauses = true } = {}) {
  for (let round = 0; round < 11; round++) {
    for (const pc of scene.connections) {
      pc.addTransceiver('video', { direction: 'sendonly' });
      if (pauses) await scene.pause();
    }
  }
  await scene.pair.settle();
}

/** Twelve things that a page may do. */
async function anything(/** @type {Scene} */ scene) {
  const { random } = scene.pair.scheduler;
  scene.pair.a.addTransceiver('audio');
  for (let act = 0; act < 12; act++) {
    random.pick(ACTS)(random.pick(scene.connections));
    await scene.pause();
  }
  await scene.pair.settle();
}

describe('perfect negotiation agrees', () => {
  test('when both sides add at once', async () => {
    for (let seed = 0; seed < 200; seed++) {
      const scene = new Scene(seed);
      for (const pc of scene.connections) pc.addTransceiver(new FakeTrack('video'), { direction: 'sendonly' });
      await scene.pair.settle();
      assert.ok(scene.agreed, `seed ${seed}`);
      for (const pc of scene.connections) {
        assert.deepEqual(pc.getTransceivers().map((each) => each.currentDirection).sort(), ['recvonly', 'sendonly']);
      }
    }
  });

  test('on what one side adds after the other', async () => {
    for (let seed = 0; seed < 50; seed++) {
      const scene = new Scene(seed);
      for (const [index, pc] of scene.connections.entries()) {
        pc.addTransceiver(new FakeTrack('video'), { direction: 'sendonly' });
        await scene.pair.settle();
        assert.ok(scene.agreed, `seed ${seed}`);
        assert.deepEqual(scene.connections.map((each) => each.getTransceivers().length), [index + 1, index + 1]);
      }
    }
  });

  test('on one transceiver for each kind when both sides use addTrack', async () => {
    for (let seed = 0; seed < 200; seed++) {
      const scene = new Scene(seed);
      for (const pc of scene.connections) {
        pc.addTrack(new FakeTrack('audio'));
        await scene.pause();
        pc.addTrack(new FakeTrack('video'));
      }
      await scene.pair.settle();
      assert.ok(scene.agreed, `seed ${seed}`);
      // Not two always: what an exchange has agreed on before the other side adds its track is
      // taken by that track, but what an offer under way has is not.
      for (const pc of scene.connections) assert.ok(pc.getTransceivers().length <= 4);
    }
  });

  test('on 22 transceivers after a storm, with pauses and without', async () => {
    for (let seed = 0; seed < 30; seed++) {
      const scene = new Scene(seed);
      await storm(scene, { pauses: seed % 3 > 0 });
      assert.ok(scene.agreed, `seed ${seed}`);
      assert.deepEqual(scene.connections.map((pc) => pc.getTransceivers().length), [22, 22]);
    }
  });

  test('on anything that a page may do', async () => {
    for (let seed = 0; seed < 250; seed++) {
      const scene = new Scene(seed);
      await anything(scene);
      assert.ok(scene.agreed, `seed ${seed}: ${scene.errors}`);
    }
  });

  test('on fresh credentials when both sides restart ICE at once', async () => {
    for (let seed = 0; seed < 100; seed++) {
      const scene = new Scene(seed);
      scene.pair.a.addTransceiver('audio');
      await scene.pair.settle();
      const old = scene.connections.map((pc) => ufrags(pc.localDescription)[0]);
      for (const pc of scene.connections) {
        pc.restartIce();
        await scene.pause();
      }
      await scene.pair.settle();
      assert.ok(scene.agreed, `seed ${seed}`);
      for (const pc of scene.connections) assert.ok(!old.includes(ufrags(pc.localDescription)[0]), `seed ${seed}`);
    }
  });
});

test('the event fires only in stable', async () => {
  for (let seed = 0; seed < 30; seed++) {
    const scene = new Scene(seed);
    /** @type {string[]} */
    const states = [];
    for (const pc of scene.connections) {
      pc.addEventListener('negotiationneeded', () => states.push(pc.signalingState));
    }
    await storm(scene);
    assert.deepEqual([...new Set(states)], ['stable']);
  }
});

describe('the mistakes of earlier versions show', () => {
  /** How many of the seeds do not end well. */
  async function failures(/** @type {Mistakes} */ mistakes) {
    let hung = 0;
    let failed = 0;
    for (let seed = 0; seed < 60; seed++) {
      const scene = new Scene(seed, mistakes);
      await storm(scene);
      if (scene.connections.some((pc) => pc.signalingState === 'have-local-offer')) hung++;
      if (!scene.agreed) failed++;
    }
    return { hung, failed };
  }

  test('without the flag for the answer, one side waits for ever in have-local-offer', async () => {
    const { hung } = await failures({ noAnswerFlag: true });
    assert.ok(hung > 0);
  });

  test('with errors of candidates suppressed too short, those of an ignored offer come up', async () => {
    const messages = new Set();
    for (let seed = 0; seed < 60; seed++) {
      const scene = new Scene(seed, { shortSuppression: true });
      for (const pc of scene.connections) {
        pc.addTransceiver('video');
        // Keeps the candidates waiting in the chain until the answer is there.
        pc.onsignalingstatechange = () => {
          for (let round = 0; round < 10; round++) pc.getSenders()[0].replaceTrack(null);
        };
      }
      await scene.pair.settle();
      for (const { message } of scene.errors) messages.add(message);
    }
    assert.deepEqual([...messages], ['There is no remote description']);
  });

  test('without makingOffer, an offer arrives in between', async () => {
    const { failed } = await failures({ noMakingOffer: true });
    assert.ok(failed > 0);
  });

  test('with two calls for an offer, a remote offer slips into the gap', async () => {
    const { failed } = await failures({ separateCalls: true });
    assert.ok(failed > 0);
  });

  test('with an answer without a type, two offers handled at once make an offer of it', async () => {
    /** @param {Mistakes} mistakes */
    const offersAsAnswers = async (mistakes) => {
      let count = 0;
      for (let seed = 0; seed < 60; seed++) {
        const scene = new Scene(seed, mistakes);
        scene.pair.a.addTransceiver('audio');
        // The server repeats the offer.
        scene.ends.a.next('duplicate', ({ description }) => description?.type === 'offer');
        await scene.pair.settle();
        count += scene.ends.b.sent.filter(({ description }) => description?.type === 'offer').length;
      }
      return count;
    };
    assert.ok(await offersAsAnswers({ untypedAnswer: true }) > 0);
    assert.equal(await offersAsAnswers({}), 0);
  });
});

/** What a page does with a connection. @type {((pc: FakePeerConnection) => unknown)[]} */
const ACTS = [
  (pc) => pc.addTransceiver('video'),
  (pc) => pc.addTrack(new FakeTrack('video')),
  (pc) => pc.addTrack(new FakeTrack('audio')),
  (pc) => {
    const sender = pc.getSenders().find(({ track }) => track);
    if (sender) pc.removeTrack(sender);
  },
  (pc) => {
    const transceiver = pc.getTransceivers().at(-1);
    if (transceiver && transceiver.direction !== 'stopped') transceiver.direction = 'recvonly';
  },
  (pc) => pc.restartIce(),
  (pc) => pc.createDataChannel('x'),
  (pc) => pc.getSenders()[0]?.replaceTrack(null).catch(() => {}),
];
