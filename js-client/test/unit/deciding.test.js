// Joining a server whose reply takes long, or asks to retry later.

import '../support/abort-fix.js';

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { Scene, failure } from './support/scene.js';

const NOTHING_LEFT = { connections: 0, sockets: 0, timers: 0, listeners: 0 };

describe('while the application decides', () => {
  for (const seconds of [2, 12, 25, 90]) {
    test(`for ${seconds} s, the signs of life keep the attempt`, async () => {
      const scene = new Scene({ server: { decisionMs: seconds * 1000, limits: { authorizeTimeoutMs: 120_000 } } });
      const ada = scene.socket('ada');
      await scene.scheduler.run(ada.join(), { withinMs: 120_000 });
      assert.equal(scene.server.sockets.created, 1);
      assert.deepEqual(ada.log.states, ['connecting', 'joined']);
      assert.deepEqual(scene.server.roster('room'), ['ada']);
    });
  }

  test('a sign of life is answered, and not handed on', async () => {
    const scene = new Scene({ server: { decisionMs: 7000 } });
    const ada = scene.socket('ada');
    await scene.scheduler.run(ada.join(), { withinMs: 20_000 });
    assert.deepEqual(scene.sent('ada', 'pong'), [{ type: 'pong', received: 0 }, { type: 'pong', received: 0 }]);
    assert.deepEqual(ada.log.messages, []);
  });

  test('a server that is silent is given up, from the last thing heard on', async () => {
    const scene = new Scene({ server: { decisionMs: 60_000 } });
    const ada = scene.socket('ada', { openTimeoutMs: 10_000 });
    const error = failure(ada.join());
    // The last ping comes after 6 s.
    await scene.clock.advance(7000);
    scene.server.end('ada').stall();
    await scene.clock.advance(8900);
    assert.equal(scene.server.sockets.created, 1);
    await scene.clock.advance(2000);
    assert.equal(scene.server.sockets.created, 2);
    void ada.leave();
    assert.equal((await scene.scheduler.run(error, { withinMs: 1000 })).code, 'closed');
  });

  test('signs of life are no answers: who takes the session over later is somebody else', async () => {
    // The fault: each ping counted as the arrival of a join, so that more seemed to have arrived than were sent, and any
    // takeover passed for one of this page's own.
    const scene = new Scene({ server: { decisionMs: 12_000 } });
    const ada = await scene.join('ada');
    scene.server.close(scene.server.session('ada'), 4508);
    await scene.clock.advance(60_000);
    assert.equal(ada.state, 'closed');
    assert.equal(scene.server.sockets.created, 1);
  });

  for (const [how, give] of [
    ['leaving', (ada) => void ada.leave()],
    ['aborting', (_, controller) => controller.abort(new Error('changed my mind'))],
  ]) {
    test(`${how} takes the join back`, async () => {
      const scene = new Scene({ server: { decisionMs: 12_000 } });
      const bob = scene.socket('bob');
      const controller = new AbortController();
      const joined = failure(bob.join({ signal: controller.signal }));
      await scene.clock.advance(5000);
      give(bob, controller);
      await scene.scheduler.run(joined, { withinMs: 1000 });
      await scene.clock.advance(60_000);
      assert.equal(scene.sent('bob', 'leave').length, 1);
      assert.deepEqual(scene.server.roster('room'), []);
      assert.deepEqual(scene.harness.leaks, NOTHING_LEFT);
    });
  }

  test('leaving at any moment leaves nobody behind', async () => {
    for (let ms = 0; ms < 60; ms += 1) {
      const scene = new Scene({ latencyMs: [5, 15], server: { decisionMs: 20 } });
      const ada = scene.socket('ada');
      const joined = ada.join().catch(() => {});
      await scene.clock.advance(ms);
      void ada.leave();
      await scene.scheduler.run(joined, { withinMs: 1000 });
      // Much less than the grace period: it is no ghost either.
      await scene.clock.advance(3000);
      assert.deepEqual(scene.server.roster('room'), [], `${ms} ms`);
    }
  });

  test('a rejection is one, however late', async () => {
    const authorize = () => ({ refuse: { code: 'unauthorized', close: 4502 } });
    const scene = new Scene({ server: { decisionMs: 12_000, authorize } });
    const error = await scene.scheduler.run(failure(scene.socket('ada').join()), { withinMs: 60_000 });
    assert.equal(error.code, 'unauthorized');
    assert.equal(scene.server.sockets.created, 1);
  });
});

describe('a join that comes too soon', () => {
  const refusals = (times) => {
    let left = times;
    return () => (left-- > 0 ? { refuse: { code: 'rate-limited', retryAfterMs: 20_000, close: 4003 } } : {});
  };

  for (const [name, options] of [
    ['is tried again after the time that the server asks for', {}],
    ['is not tried sooner by a policy of the application', { retry: ({ attempt }) => (attempt < 4 ? 0 : null) }],
  ]) {
    test(name, async () => {
      const scene = new Scene({ server: { authorize: refusals(2) } });
      const ada = scene.socket('ada', options);
      const joined = ada.join();
      await scene.clock.advance(19_900);
      assert.equal(scene.server.sockets.created, 1);
      await scene.scheduler.run(joined, { withinMs: 45_000 });
      assert.equal(scene.server.sockets.created, 3);
      assert.ok(scene.clock.now() >= 40_000);
      assert.equal(ada.log.reasons[0], null);
    });
  }

  for (const [event, act] of [
    ['is online again', (page) => page.fire('online')],
    ['is looked at again', (page) => page.setVisibility('visible')],
    ['is brought back', (page) => page.fire('pageshow', { persisted: true })],
  ]) {
    test(`is not tried sooner when the page ${event}`, async () => {
      const scene = new Scene({ server: { authorize: refusals(1) } });
      const ada = scene.socket('ada');
      const joined = ada.join();
      for (let ms = 0; ms < 19_000; ms += 1000) {
        await scene.clock.advance(1000);
        act(ada.page);
      }
      await scene.clock.advance(500);
      assert.equal(scene.server.sockets.created, 1);
      await scene.scheduler.run(joined, { withinMs: 1000 });
      assert.equal(scene.server.sockets.created, 2);
    });
  }

  test('is given up in the end, with the reason and the time', async () => {
    const scene = new Scene({ server: { authorize: refusals(99) } });
    const error = await scene.scheduler.run(failure(scene.socket('ada').join()), { withinMs: 120_000 });
    assert.deepEqual([error.code, error.retryable, error.retryAfterMs], ['rate-limited', true, 20_000]);
    assert.equal(scene.server.sockets.created, 4);
  });
});

test('a resume that comes too soon waits, too', async () => {
  const scene = new Scene();
  const ada = await scene.join('ada');
  scene.server.drain(4000);
  await scene.clock.advance(100);
  ada.page.fire('online');
  await scene.clock.advance(3800);
  assert.equal(scene.server.sockets.created, 1, 'a server that drains spreads its clients');
  await scene.clock.advance(200);
  assert.equal(ada.state, 'joined');
});

test('the server hears of a page right after a fresh welcome', async () => {
  const scene = new Scene();
  await scene.join('ada');
  await scene.clock.advance(100);
  const types = () => scene.server.log.map(({ frame }) => [frame.type, frame.received]);
  assert.deepEqual(types(), [['join', undefined], ['ack', 0]]);
  scene.server.session('ada').socket.cut();
  await scene.clock.advance(5000);
  assert.deepEqual(types().slice(2), [['join', undefined]], 'a resume tells what was received');
});
