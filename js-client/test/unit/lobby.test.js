// Waiting in the lobby, with the socket alone.

import '../support/abort-fix.js';

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { LobbyScene } from './support/lobby-scene.js';
import { failure } from './support/scene.js';

const NOTHING_LEFT = { connections: 0, sockets: 0, timers: 0, listeners: 0 };

describe('a page in the lobby', () => {
  test('is in the room when it is admitted, with the id of its knock and the ticket of its wait', async () => {
    const scene = new LobbyScene();
    const mod = await scene.join('mod');
    const ada = await scene.knock('ada');
    assert.equal(ada.state, 'waiting');
    // Otherwise its place would be kept for a short time only.
    assert.deepEqual(scene.sent('ada', 'ack'), [{ type: 'ack', received: 0 }]);
    assert.deepEqual([...mod.knocks.values()], ['ada']);
    const [id] = mod.knocks.keys();
    await scene.admit(mod);
    await scene.scheduler.run(ada.joined, { withinMs: 1000 });
    assert.deepEqual(ada.log.states, ['connecting', 'waiting', 'joined']);
    assert.equal(ada.log.waits, 1);
    assert.equal(ada.log.welcomes[0].self.id, id);
    assert.deepEqual([...mod.knocks], []);
    assert.equal(mod.log.messages.at(-1).peer.id, id);
    // As after any welcome, the server learns that this page counts from 0.
    assert.deepEqual(scene.sent('ada', 'ack'), Array(2).fill({ type: 'ack', received: 0 }));
    mod.send({ type: 'broadcast', data: 1 });
    await scene.clock.advance(100);
    assert.deepEqual(scene.heard(ada), [1]);
    await scene.end(mod, ada);
  });

  test('is refused with the words of the moderator', async () => {
    const scene = new LobbyScene();
    const mod = await scene.join('mod');
    const ada = await scene.knock('ada');
    const [id] = mod.knocks.keys();
    mod.send({ type: 'deny', peer: id, reason: 'Not today.' });
    const error = await scene.scheduler.run(failure(ada.joined), { withinMs: 1000 });
    assert.deepEqual([error.code, error.message, error.retryable], ['denied', 'Not today.', false]);
    assert.deepEqual(ada.log.states, ['connecting', 'waiting', 'closed']);
    await scene.clock.advance(60_000);
    assert.equal(scene.server.sockets.created, 2, 'it does not knock again');
    await scene.end(mod);
  });

  for (const [code, name] of [[4505, 'banned'], [4506, 'duplicate'], [4507, 'closed'], [4508, 'replaced']]) {
    test(`is ${name} by a close with ${code}`, async () => {
      const scene = new LobbyScene();
      const ada = await scene.knock('ada');
      scene.server.end('ada').close(code);
      const error = await scene.scheduler.run(failure(ada.joined), { withinMs: 1000 });
      assert.deepEqual([error.code, error.retryable], [name, false]);
      await scene.clock.advance(60_000);
      assert.deepEqual(scene.harness.leaks, NOTHING_LEFT);
    });
  }

  for (const seconds of [11, 60, 250]) {
    test(`waits for ${seconds} s`, async () => {
      const scene = new LobbyScene();
      const mod = await scene.join('mod');
      const ada = await scene.knock('ada');
      await scene.clock.advance(seconds * 1000);
      assert.equal(ada.state, 'waiting');
      assert.equal(scene.server.sockets.created, 2);
      await scene.admit(mod);
      assert.equal(ada.state, 'joined');
      assert.ok(scene.sent('ada', 'pong').every(({ received }) => received === 0));
    });
  }

  test('may be admitted by a server that says nothing but `waiting`', async () => {
    const scene = new LobbyScene();
    scene.server.lobby.overrides = { ticket: undefined, heartbeatMs: undefined, graceMs: undefined };
    const mod = await scene.join('mod');
    const ada = await scene.knock('ada');
    await scene.clock.advance(60_000);
    assert.equal(scene.server.sockets.created, 2);
    // Nothing continues this wait, and nobody but this connection can end it.
    ada.page.fire('offline');
    ada.page.fire('online');
    await scene.clock.advance(100);
    assert.deepEqual([ada.state, ada.log.waits, scene.waiting], ['waiting', 2, ['ada']]);
    await scene.admit(mod);
    assert.equal(ada.state, 'joined');
    const bob = await scene.knock('bob');
    void bob.leave();
    await scene.clock.advance(100);
    assert.deepEqual(scene.waiting, []);
    await scene.end(mod, ada);
  });

  test('is limited by a signal of `AbortSignal.timeout`', async () => {
    const scene = new LobbyScene();
    const controller = new AbortController();
    const ada = await scene.knock('ada', { signal: controller.signal });
    await scene.clock.advance(20_000);
    controller.abort(new DOMException('too long', 'TimeoutError'));
    assert.equal((await scene.scheduler.run(failure(ada.joined), { withinMs: 1000 })).name, 'TimeoutError');
    await scene.clock.advance(100);
    assert.deepEqual(scene.waiting, []);
  });

  test('sends nothing to the room', async () => {
    const scene = new LobbyScene();
    const ada = await scene.knock('ada');
    assert.throws(() => ada.send({ type: 'broadcast', data: 1 }), { code: 'state' });
    assert.throws(() => ada.update(1n), { code: 'not-json' });
    await scene.clock.advance(60_000);
    const types = new Set(scene.server.log.map(({ frame }) => frame.type));
    assert.deepEqual([...types], ['join', 'ack', 'pong']);
  });

  test('looks whether its connection is alive when it is looked at again', async () => {
    const scene = new LobbyScene();
    const ada = await scene.knock('ada');
    ada.page.setVisibility('visible');
    await scene.clock.advance(100);
    assert.equal(scene.sent('ada', 'probe').length, 1);
    scene.server.end('ada').stall();
    ada.page.setVisibility('visible');
    await scene.clock.advance(2000);
    assert.equal(scene.server.sockets.created, 2);
    assert.equal(ada.state, 'waiting');
    assert.equal(ada.log.waits, 1);
  });
});

describe('who does not want to wait any more', () => {
  for (const [how, give] of [
    ['leaves', (ada) => void ada.leave()],
    ['aborts', (ada, controller) => controller.abort(new Error('changed my mind'))],
    ['closes the page', (ada) => ada.page.close()],
  ]) {
    test(`${how}, and does not knock any more`, async () => {
      const scene = new LobbyScene();
      const mod = await scene.join('mod');
      const controller = new AbortController();
      const ada = await scene.knock('ada', { signal: controller.signal });
      give(ada, controller);
      await scene.clock.advance(100);
      assert.equal(ada.state, 'closed');
      assert.deepEqual(scene.waiting, []);
      assert.deepEqual([...mod.knocks], []);
      assert.equal(scene.sent('ada', 'leave').length, 1);
      await scene.end(mod);
    });

    test(`${how} at any moment, with any connection, and leaves no ghost`, async () => {
      for (let ms = 0; ms < 900; ms += 20) {
        const scene = new LobbyScene({ latencyMs: [20, 30] });
        const mod = await scene.join('mod');
        const controller = new AbortController();
        const ada = scene.socket('ada');
        ada.join({ signal: controller.signal }).catch(() => {});
        await scene.clock.advance(Math.min(ms, 300));
        if (ms > 300) scene.server.end('ada').cut();
        await scene.clock.advance(Math.max(ms - 300, 0));
        give(ada, controller);
        // A page that was closed without a connection is not there to say so, until the grace period is over.
        await scene.clock.advance(how === 'closes the page' ? 40_000 : 3000);
        assert.deepEqual(scene.waiting, [], `${ms} ms`);
        assert.deepEqual(scene.server.roster('room'), ['mod'], `${ms} ms`);
        await scene.end(mod);
      }
    });
  }

  test('may knock again later', async () => {
    const scene = new LobbyScene();
    const mod = await scene.join('mod');
    const ada = await scene.knock('ada');
    await scene.scheduler.run(ada.leave(), { withinMs: 1000 });
    ada.join().catch(() => {});
    await scene.clock.advance(100);
    assert.equal(ada.log.waits, 2);
    const { resume, replaces } = scene.sent('ada', 'join').at(-1);
    assert.deepEqual([resume, replaces], [undefined, undefined]);
    await scene.admit(mod);
    assert.equal(ada.state, 'joined');
    await scene.end(mod, ada);
  });

  test('leaves also while the network is down', async () => {
    const scene = new LobbyScene();
    const ada = await scene.knock('ada');
    scene.server.stop();
    await scene.clock.advance(1000);
    void ada.leave();
    await scene.clock.advance(3000);
    scene.server.start();
    await scene.clock.advance(8000);
    assert.deepEqual(scene.waiting, []);
    const { ticket } = scene.sent('ada', 'leave').at(-1);
    assert.match(ticket, /^Place1A/);
    await scene.end();
  });

  test('has left when it is admitted at the same time', async () => {
    for (let ms = 0; ms < 60; ms += 5) {
      const scene = new LobbyScene({ latencyMs: [20, 30] });
      const mod = await scene.join('mod');
      const ada = await scene.knock('ada');
      await scene.clock.advance(200);
      for (const id of mod.knocks.keys()) mod.send({ type: 'admit', peer: id });
      await scene.clock.advance(ms);
      void ada.leave();
      await scene.clock.advance(3000);
      assert.deepEqual(scene.server.roster('room'), ['mod'], `${ms} ms`);
      assert.deepEqual([...mod.knocks], [], `${ms} ms`);
      await scene.end(mod);
    }
  });
});

describe('the data of a page in the lobby', () => {
  const meta = (mod) => mod.log.messages.filter(({ type }) => type === 'updated').map(({ meta: value }) => value);

  test('is changed at the admission', async () => {
    const scene = new LobbyScene();
    const mod = await scene.join('mod');
    const ada = await scene.knock('ada');
    ada.update('Ada L.');
    ada.update('Ada Lovelace');
    assert.equal(ada.meta, 'Ada Lovelace');
    await scene.clock.advance(1000);
    assert.deepEqual([...mod.knocks.values()], ['ada']);
    await scene.admit(mod);
    assert.deepEqual(meta(mod), ['Ada Lovelace']);
    assert.equal(scene.server.session('ada').meta, 'Ada Lovelace');
    assert.equal(scene.sent('ada', 'update').length, 1);
  });

  for (const admitted of [false, true]) {
    test(`is changed also after a lost connection${admitted ? ' during which it was admitted' : ''}`, async () => {
      const scene = new LobbyScene();
      const mod = await scene.join('mod');
      const ada = await scene.knock('ada');
      ada.update('Ada L.');
      ada.update('Ada L.');
      scene.server.end('ada').cut();
      if (admitted) await scene.admit(mod);
      await scene.clock.advance(5000);
      if (!admitted) await scene.admit(mod);
      assert.equal(ada.state, 'joined');
      assert.equal(scene.server.session('ada').meta, 'Ada L.');
      assert.equal(ada.meta, 'Ada L.');
    });
  }

  test('is not sent again if it is what the lobby has', async () => {
    const scene = new LobbyScene();
    const mod = await scene.join('mod');
    const ada = await scene.knock('ada');
    ada.update('other');
    scene.server.end('ada').cut();
    await scene.clock.advance(5000);
    ada.update('ada');
    await scene.admit(mod);
    assert.equal(ada.state, 'joined');
    assert.equal(scene.server.session('ada').meta, 'ada');
    assert.deepEqual(scene.sent('ada', 'update'), []);
  });

  test('may be what the application puts there', async () => {
    const scene = new LobbyScene({
      server: { authorize: ({ page }) => (page === 'mod' ? { permissions: ['moderate'] } : { lobby: true, meta: 'Countess' }) },
    });
    const mod = await scene.join('mod');
    const ada = await scene.knock('ada');
    ada.update('Ada');
    scene.server.end('ada').cut();
    await scene.clock.advance(5000);
    await scene.admit(mod);
    assert.equal(ada.meta, 'Countess');
    assert.deepEqual(scene.sent('ada', 'update'), []);
    assert.deepEqual(ada.log.rejected, []);
  });
});
