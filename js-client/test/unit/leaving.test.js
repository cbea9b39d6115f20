// Leaving in every state: the server learns of it, and no participant appears twice.

import '../support/abort-fix.js';

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { Scene, failure } from './support/scene.js';

const NOTHING_LEFT = { connections: 0, sockets: 0, timers: 0, listeners: 0 };

const WAYS = {
  leaving: (ada) => void ada.leave(),
  aborting: (_, controller) => controller.abort(new Error('changed my mind')),
};

describe('a join that is given up', () => {
  for (const [how, give] of Object.entries(WAYS)) {
    test(`by ${how} at any moment leaves nobody behind, and a join at once shows one`, async () => {
      for (const again of [false, true]) {
        for (let ms = 0; ms < 70; ms += 3) {
          const scene = new Scene({ latencyMs: [5, 15], server: { decisionMs: 20 } });
          const bob = await scene.join('bob');
          const ada = scene.socket('ada');
          const controller = new AbortController();
          const joined = ada.join({ signal: controller.signal }).catch(() => {});
          await scene.clock.advance(ms);
          give(ada, controller);
          const next = again ? ada.join() : ada.leave();
          await scene.scheduler.run(Promise.all([joined, next]), { withinMs: 5000 });
          // Much less than the grace period: it is no ghost either.
          await scene.clock.advance(3000);
          assert.deepEqual(scene.server.roster('room'), again ? ['bob', 'ada'] : ['bob'], `${ms} ms`);
          assert.equal(ada.state, again ? 'joined' : 'closed');
          const present = new Set();
          for (const { type, peer } of bob.log.messages) {
            if (type === 'joined') present.add(peer.id);
            else if (type === 'left') present.delete(peer);
            assert.ok(present.size < 2 || again, `${ms} ms`);
          }
        }
      }
    });
  }

  test('whose server does not answer in time is taken back, when it arrives', async () => {
    const scene = new Scene({ server: { decisionMs: 12_000 } });
    // The first sign of life comes after 3 s.
    const ada = scene.socket('ada', { openTimeoutMs: 2000, retry: () => null });
    await scene.scheduler.run(failure(ada.join()), { withinMs: 60_000 });
    await scene.clock.advance(20_000);
    assert.deepEqual(scene.server.roster('room'), []);
    assert.equal(scene.sent('ada', 'leave').length, 1);
  });

  test('and arrives late, over a network that stood still, is taken back', async () => {
    const scene = new Scene();
    const page = scene.harness.page('ada');
    const { WebSocket } = page.environment;
    const held = [];
    page.environment.WebSocket = class extends WebSocket {
      // What its page has given up is still in the network.
      send(text) { held.push(() => super.send(text)); }

      close() { held.push(() => super.close()); }
    };
    const ada = scene.socket('ada', { page, openTimeoutMs: 3000, retry: () => null });
    await scene.scheduler.run(failure(ada.join()), { withinMs: 60_000 });
    for (const late of held) late();
    await scene.clock.advance(100);
    assert.deepEqual(scene.sent('ada', 'join').length, 1);
    assert.deepEqual(scene.server.roster('room'), []);
  });

  test('in the lobby is taken back', async () => {
    const scene = new Scene({ server: { authorize: () => ({ lobby: true }) } });
    const ada = scene.socket('ada');
    const joined = failure(ada.join());
    await scene.clock.advance(100);
    assert.equal(ada.state, 'waiting');
    void ada.leave();
    await scene.scheduler.run(joined);
    await scene.clock.advance(100);
    assert.equal(scene.sent('ada', 'leave').length, 1);
  });
});

describe('leaving without a connection', () => {
  for (const [how, give] of Object.entries(WAYS)) {
    test(`by ${how}, at any moment of coming back, is told at once`, async () => {
      for (let ms = 0; ms < 700; ms += 35) {
        const scene = new Scene({ latencyMs: [20, 30] });
        const bob = await scene.join('bob');
        const ada = scene.socket('ada');
        const controller = new AbortController();
        await scene.scheduler.run(ada.join({ signal: controller.signal }), { withinMs: 1000 });
        await scene.clock.advance(100);
        scene.server.session('ada').socket.cut();
        await scene.clock.advance(ms);
        give(ada, controller);
        await scene.scheduler.run(ada.leave(), { withinMs: 3000 });
        await scene.clock.advance(100);
        assert.equal(bob.log.messages.at(-1).reason, 'left', `${ms} ms`);
        assert.equal(ada.state, 'closed');
        void bob.leave();
        await scene.clock.advance(5000);
        assert.deepEqual(scene.harness.leaks, NOTHING_LEFT);
      }
    });
  }

  test('is said again while the network is down, within the grace period', async () => {
    const scene = new Scene();
    const bob = await scene.join('bob');
    const ada = await scene.join('ada');
    scene.server.stop();
    await scene.clock.advance(1000);
    let done = false;
    void ada.leave().then(() => { done = true; });
    await scene.clock.advance(6000);
    assert.equal(done, false);
    scene.server.start();
    await scene.clock.advance(8000);
    assert.equal(done, true);
    assert.deepEqual(scene.server.roster('room'), ['bob'].filter(() => bob.state === 'joined'));
    assert.deepEqual(scene.sent('ada', 'leave').map(({ ticket }) => ticket), [ada.log.welcomes[0].ticket]);
  });

  test('is given up after the grace period that the server has told', async () => {
    const scene = new Scene({ server: { graceMs: 7000 } });
    const ada = await scene.join('ada');
    scene.server.stop();
    await scene.clock.advance(1);
    const left = ada.leave();
    assert.equal(ada.state, 'closed', 'the page does not wait');
    await scene.scheduler.run(left, { withinMs: 7000 });
    const tries = scene.server.sockets.created;
    assert.ok(tries < 8, `${tries} tries`);
    await scene.clock.advance(600_000);
    assert.equal(scene.server.sockets.created, tries);
    assert.deepEqual(scene.harness.leaks, NOTHING_LEFT);
  });

  test('on a socket that is dead is said on another one', async () => {
    const scene = new Scene();
    const bob = await scene.join('bob');
    const ada = await scene.join('ada');
    scene.server.session('ada').socket.stall();
    await scene.scheduler.run(ada.leave(), { withinMs: 3000 });
    await scene.scheduler.settle();
    assert.equal(bob.log.messages.at(-1).reason, 'left');
  });

  test('to an older server is not insisted on', async () => {
    const scene = new Scene({ server: { limits: null } });
    const ada = await scene.join('ada');
    scene.server.session('ada').socket.cut();
    await scene.scheduler.settle();
    await scene.scheduler.run(ada.leave(), { withinMs: 1000 });
    assert.equal(scene.server.sockets.created, 2);
    await scene.scheduler.settle();
    assert.deepEqual(scene.harness.leaks, NOTHING_LEFT);
  });

  test('is told where the policy gives up, too', async () => {
    const scene = new Scene();
    const bob = await scene.join('bob');
    const ada = await scene.join('ada', { retry: () => null });
    scene.server.session('ada').socket.cut();
    await scene.clock.advance(1000);
    assert.equal(ada.state, 'closed');
    assert.equal(ada.log.reasons.at(-1), 'lost');
    assert.equal(bob.log.messages.at(-1).reason, 'left');
  });
});

describe('a join that follows at once', () => {
  for (const down of [0, 300, 5000]) {
    test(`after leaving without a connection, is one, and stays (${down} ms without a server)`, async () => {
      for (let ms = 0; ms < 600; ms += 100) {
        const scene = new Scene({ latencyMs: [20, 30], seed: ms });
        const bob = await scene.join('bob');
        const ada = await scene.join('ada');
        await scene.clock.advance(100);
        scene.server.stop();
        await scene.clock.advance(50);
        void ada.leave();
        await scene.clock.advance(down);
        scene.server.start();
        await scene.clock.advance(ms);
        await scene.scheduler.run(ada.join(), { withinMs: 20_000 });
        assert.deepEqual(scene.server.roster('room'), ['bob', 'ada'], `${ms} ms`);
        await scene.clock.advance(60_000);
        assert.equal(ada.state, 'joined');
        assert.deepEqual(scene.server.roster('room'), ['bob', 'ada']);
        assert.equal(bob.log.messages.filter(({ type }) => type === 'joined').length, 2);
        assert.equal(bob.log.messages.filter(({ type }) => type === 'left').length, 1);
      }
    });
  }

  test('and is given up, too, still ends the session before it', async () => {
    const scene = new Scene({ server: { decisionMs: 1000 } });
    const bob = scene.socket('bob');
    await scene.scheduler.run(bob.join(), { withinMs: 2000 });
    const ada = scene.socket('ada');
    await scene.scheduler.run(ada.join(), { withinMs: 2000 });
    scene.server.stop();
    await scene.clock.advance(1);
    void ada.leave();
    const again = ada.join().catch(() => {});
    await scene.clock.advance(100);
    scene.server.start();
    await scene.clock.advance(900);
    void ada.leave();
    await scene.scheduler.run(again);
    await scene.clock.advance(3000);
    assert.equal(bob.log.messages.at(-1).reason, 'left');
    assert.deepEqual(scene.server.roster('room'), ['bob']);
  });

  test('ends the wait of the leave before it, which has nothing more to say', async () => {
    const scene = new Scene();
    const ada = await scene.join('ada');
    scene.server.stop();
    await scene.clock.advance(1);
    const left = ada.leave();
    await scene.clock.advance(700);
    const tries = scene.server.sockets.created;
    const joined = ada.join();
    await scene.scheduler.run(left);
    scene.server.start();
    await scene.scheduler.run(joined, { withinMs: 1000 });
    await scene.clock.advance(60_000);
    assert.equal(scene.sent('ada', 'leave').length, 0);
    assert.ok(scene.server.sockets.created <= tries + 2);
    // It was said in the join; what follows is about this session alone.
    scene.server.session('ada').socket.cut();
    await scene.clock.advance(5000);
    assert.deepEqual(scene.sent('ada', 'join').map(({ replaces }) => replaces === ada.log.welcomes[0].ticket), [false, true, false]);
  });

  test('after the session went on elsewhere does not throw that out', async () => {
    const scene = new Scene();
    const ada = await scene.join('ada');
    scene.server.close(scene.server.session('ada'), 4508);
    await scene.clock.advance(100);
    assert.equal(ada.state, 'closed');
    await scene.scheduler.run(ada.join(), { withinMs: 1000 });
    assert.equal(scene.sent('ada', 'join').at(-1).replaces, undefined);
    assert.equal(scene.sent('ada', 'leave').length, 0);
  });
});

describe('a signal', () => {
  const timeout = () => {
    const controller = new AbortController();
    return { signal: controller.signal, expire: () => controller.abort(new DOMException('too slow', 'TimeoutError')) };
  };

  test('of AbortSignal.timeout limits joining', async () => {
    const scene = new Scene();
    scene.server.stop();
    const ada = scene.socket('ada');
    const { signal, expire } = timeout();
    const error = failure(ada.join({ signal }));
    await scene.clock.advance(100);
    expire();
    assert.equal((await scene.scheduler.run(error)).name, 'TimeoutError');
    assert.equal(ada.state, 'closed');
  });

  test('of AbortSignal.timeout does nothing after joining, in whatever state', async () => {
    const scene = new Scene();
    const ada = scene.socket('ada');
    const { signal, expire } = timeout();
    await scene.scheduler.run(ada.join({ signal }), { withinMs: 1000 });
    scene.server.session('ada').socket.cut();
    await scene.scheduler.settle();
    assert.equal(ada.state, 'away');
    expire();
    await scene.clock.advance(5000);
    assert.equal(ada.state, 'joined');
  });

  test('gathers no listeners over joins and reconnects', async () => {
    const scene = new Scene();
    const { signal } = new AbortController();
    const listeners = { abort: 0 };
    const [add, remove] = [signal.addEventListener, signal.removeEventListener];
    signal.addEventListener = function count(...given) { listeners.abort += 1; return add.apply(this, given); };
    signal.removeEventListener = function count(...given) { listeners.abort -= 1; return remove.apply(this, given); };
    const ada = scene.socket('ada');
    for (let n = 0; n < 5; n += 1) {
      await scene.scheduler.run(ada.join({ signal }), { withinMs: 1000 });
      for (let cuts = 0; cuts < 5; cuts += 1) {
        scene.server.session('ada').socket.cut();
        await scene.clock.advance(2000);
      }
      assert.equal(listeners.abort, 1);
      await scene.scheduler.run(ada.leave(), { withinMs: 1000 });
      assert.equal(listeners.abort, 0);
    }
  });

  test('that a session lives for does not gather what each connection listens to', async () => {
    const scene = new Scene();
    const bound = new Map();
    const { addEventListener } = EventTarget.prototype;
    EventTarget.prototype.addEventListener = function count(type, listener, options) {
      if (options?.signal) bound.set(options.signal, (bound.get(options.signal) ?? 0) + 1);
      return addEventListener.call(this, type, listener, options);
    };
    try {
      await scene.join('ada');
      for (let cuts = 0; cuts < 50; cuts += 1) {
        scene.server.session('ada').socket.cut();
        await scene.clock.advance(2000);
      }
    } finally {
      EventTarget.prototype.addEventListener = addEventListener;
    }
    assert.ok(bound.size > 0);
    assert.ok(Math.max(...bound.values()) < 20, `${Math.max(...bound.values())} listeners at one signal`);
  });
});
