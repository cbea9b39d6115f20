// A session over several connections: joining and resuming.

import '../support/abort-fix.js';

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { Scene, failure } from './support/scene.js';

describe('joining', () => {
  test('asks at the page’s own host, with the subprotocol, and tells about itself', async () => {
    const scene = new Scene();
    const ada = await scene.join('ada', { token: async () => 'sesame' });
    assert.deepEqual(ada.log.states, ['connecting', 'joined']);
    assert.equal(ada.log.welcomes[0].resumed, 'no');
    assert.deepEqual(scene.sent('ada', 'join'), [{ type: 'join', meta: 'ada', token: 'sesame' }]);
  });

  test('is given up, with a reason, when no connection comes about', async () => {
    const scene = new Scene();
    scene.server.stop();
    const ada = scene.socket('ada');
    const error = await scene.scheduler.run(failure(ada.join()), { withinMs: 60_000 });
    assert.equal(error.code, 'unreachable');
    assert.equal(error.retryable, true);
    assert.equal(ada.state, 'closed');
    assert.equal(scene.server.sockets.created, 4, 'a bounded number of tries');
  });

  test('gives up an attempt that never opens, truly', async () => {
    const scene = new Scene();
    scene.server.ignoreNext(1);
    const ada = scene.socket('ada', { openTimeoutMs: 3000 });
    const joined = ada.join();
    await scene.clock.advance(2999);
    assert.equal(scene.server.sockets.open, 1);
    await scene.scheduler.run(joined, { withinMs: 10_000 });
    assert.equal(scene.server.sockets.open, 1, 'the first one is not left open');
    assert.deepEqual(scene.server.roster('room'), ['ada']);
  });

  for (const [name, server, code] of [
    ['a full room', { capacity: 1 }, 'room-full'],
    ['an application that refuses', { authorize: ({ page }) => (page === 'ada' ? { refuse: { code: 'unauthorized', close: 4502 } } : {}) }, 'unauthorized'],
  ]) {
    test(`is refused by ${name}, once`, async () => {
      const scene = new Scene({ server });
      await scene.join('bob');
      const ada = scene.socket('ada');
      const error = await scene.scheduler.run(failure(ada.join()), { withinMs: 60_000 });
      assert.equal(error.code, code);
      await scene.clock.advance(60_000);
      assert.equal(scene.server.sockets.created, 2);
    });
  }

  test('is aborted at any moment, and leaves nothing behind', async () => {
    for (let steps = 0; steps < 12; steps += 1) {
      const scene = new Scene();
      const ada = scene.socket('ada');
      const controller = new AbortController();
      const joined = ada.join({ signal: controller.signal }).then(() => null, (error) => error);
      for (let step = 0; step < steps; step += 1) await scene.scheduler.step();
      controller.abort(new Error('changed my mind'));
      const error = await scene.scheduler.run(joined, { withinMs: 10_000 });
      if (error !== null) assert.equal(error.message, 'changed my mind');
      await scene.clock.advance(60_000);
      assert.equal(ada.state, 'closed');
      assert.deepEqual(scene.server.roster('room'), []);
      assert.deepEqual(scene.harness.leaks, { connections: 0, sockets: 0, timers: 0, listeners: 0 }, `${steps} steps`);
    }
  });

  test('twice at once is refused; after leaving, the same object joins anew', async () => {
    const scene = new Scene();
    const ada = await scene.join('ada');
    assert.equal((await failure(ada.join())).code, 'state');
    void ada.leave();
    await scene.scheduler.run(ada.join(), { withinMs: 1000 });
    await scene.clock.advance(60_000);
    assert.deepEqual(scene.server.roster('room'), ['ada'], 'once');
    assert.notEqual(ada.log.welcomes[0].self.id, ada.log.welcomes[1].self.id);
  });
});

describe('coming back', () => {
  test('resumes, and nothing is lost or doubled, whenever the connection is cut', async () => {
    for (let seed = 0; seed < 60; seed += 1) {
      const scene = new Scene({ seed });
      const { random } = scene.scheduler;
      const ada = await scene.join('ada');
      const bob = await scene.join('bob');
      const said = { ada: [], bob: [] };
      for (let n = 0; n < 60; n += 1) {
        const [name, one] = random.below(2) === 0 ? ['ada', ada] : ['bob', bob];
        said[name].push(n);
        one.send({ type: 'broadcast', data: n });
        if (random.below(6) === 0) scene.server.session(['ada', 'bob'][random.below(2)]).socket?.cut();
        for (let steps = random.below(8); steps > 0; steps -= 1) await scene.scheduler.step();
        if (random.below(5) === 0) await scene.clock.advance(random.below(3000));
      }
      await scene.clock.advance(60_000);
      assert.deepEqual(scene.heard(bob), said.ada, `seed ${seed}`);
      assert.deepEqual(scene.heard(ada), said.bob, `seed ${seed}`);
      for (const one of [ada, bob]) assert.ok(one.log.welcomes.slice(1).every(({ resumed }) => resumed === 'full'));
    }
  });

  test('waits longer and longer, at random, and tries for ever', async () => {
    const scene = new Scene();
    const ada = await scene.join('ada');
    scene.server.stop();
    await scene.clock.advance(3_600_000);
    assert.equal(ada.state, 'away');
    const tries = scene.server.sockets.created;
    assert.ok(tries > 300 && tries < 1500, `${tries} tries in an hour`);
    scene.server.start();
    await scene.clock.advance(15_000);
    assert.equal(ada.state, 'joined');
    assert.equal(ada.log.welcomes.at(-1).resumed, 'no', 'the grace period is over');
  });

  test('a policy decides, and null stops', async () => {
    const scene = new Scene();
    const asked = [];
    const retry = (attempt) => { asked.push([attempt.attempt, attempt.joined, attempt.error.code]); return attempt.attempt < 3 ? 10 : null; };
    const ada = await scene.join('ada', { retry });
    scene.server.stop();
    await scene.clock.advance(60_000);
    assert.deepEqual(asked, [[1, true, 'lost'], [2, true, 'unreachable'], [3, true, 'unreachable']]);
    assert.equal(ada.state, 'closed');
    assert.deepEqual(ada.log.reasons.at(-1), 'unreachable');
  });

  for (const code of [1001, 4001, 4002, 4003, 4004, 4499]) {
    test(`after ${code} it comes back`, async () => {
      const scene = new Scene();
      const ada = await scene.join('ada');
      scene.server.close(scene.server.session('ada'), code, 'a reason');
      await scene.clock.advance(15_000);
      assert.deepEqual(ada.log.states, ['connecting', 'joined', 'away', 'resuming', 'joined']);
    });
  }

  for (const code of [1000, 1002, 1003, 1007, 1008, 1009, 4500, 4501, 4503, 4506, 4507, 4508, 4999]) {
    test(`after ${code} it stays away, and says why`, async () => {
      const scene = new Scene();
      const ada = await scene.join('ada');
      scene.server.close(scene.server.session('ada'), code, 'a reason');
      await scene.clock.advance(60_000);
      assert.deepEqual(ada.log.states, ['connecting', 'joined', 'closed']);
      assert.ok(ada.log.reasons.at(-1));
      assert.deepEqual(scene.harness.leaks, { connections: 0, sockets: 0, timers: 0, listeners: 0 });
    });
  }

  test('a server that drains says when to come back', async () => {
    const scene = new Scene();
    const ada = await scene.join('ada');
    scene.server.drain(4000);
    await scene.clock.advance(3900);
    assert.equal(ada.state, 'away');
    await scene.clock.advance(2000);
    assert.equal(ada.state, 'joined');
  });

  test('a server that is silent is dead, before a grace period of three heartbeats is over', async () => {
    const scene = new Scene();
    const ada = await scene.join('ada');
    scene.server.session('ada').socket.stall();
    await scene.clock.advance(24_000);
    assert.equal(ada.log.welcomes.length, 1);
    await scene.clock.advance(3000);
    assert.equal(ada.log.welcomes.length, 2);
    assert.equal(ada.state, 'joined');
    assert.equal(ada.log.welcomes.at(-1).resumed, 'full');
    assert.equal(ada.log.reasons[2], 'timeout');
  });

  test('a quiet connection lives, with a client that has no timer of its own', async () => {
    const scene = new Scene();
    const ada = await scene.join('ada');
    await scene.clock.advance(600_000);
    assert.deepEqual(ada.log.states, ['connecting', 'joined']);
  });

  test('what is sent in the meantime is kept in order, and bounded', async () => {
    const scene = new Scene();
    const ada = await scene.join('ada');
    const bob = await scene.join('bob');
    scene.server.stop();
    await scene.clock.advance(1);
    const kept = [];
    assert.throws(() => {
      for (let n = 0; ; n += 1) {
        ada.send({ type: 'broadcast', data: n });
        kept.push(n);
      }
    }, ({ code }) => code === 'queue-full');
    assert.equal(kept.length, 1024);
    scene.server.start();
    await scene.clock.advance(60_000);
    assert.deepEqual(scene.heard(bob), kept);
  });

  test('an update that was refused does not undo a newer one', async () => {
    const scene = new Scene();
    const [ada, bob] = [await scene.join('ada'), await scene.join('bob')];
    scene.server.rejectNext('update', { code: 'rate-limited', retryAfterMs: 500 });
    ada.update('old');
    ada.update('new');
    await scene.clock.advance(60_000);
    const heard = bob.log.messages.filter(({ type }) => type === 'updated').map(({ meta }) => meta);
    assert.deepEqual(heard, ['new']);
    assert.deepEqual(ada.log.rejected, []);
  });

  test('in a lively room what is sent does not pile up', async () => {
    // The fault: only silence made the server acknowledge, so that both kept all that they had ever sent.
    const scene = new Scene();
    const [ada, bob] = [await scene.join('ada'), await scene.join('bob')];
    for (let n = 0; n < 3000; n += 1) {
      for (const one of [ada, bob]) one.send({ type: 'broadcast', data: `${n} ${'x'.repeat(2000)}` });
      await scene.clock.advance(1000);
    }
    for (const one of [ada, bob]) {
      assert.equal(scene.heard(one).length, 3000);
      assert.deepEqual(one.log.rejected, []);
    }
  });

  test('a fresh session gets what was said to all, and not what was part of a conversation', async () => {
    const scene = new Scene();
    const ada = await scene.join('ada');
    const bob = await scene.join('bob');
    scene.server.nextResume('no');
    scene.server.session('ada').socket.cut();
    await scene.scheduler.settle();
    ada.send({ type: 'signal', to: bob.log.welcomes[0].self.id, data: 'stale' });
    ada.send({ type: 'broadcast', data: 'hello' });
    ada.update('ada, renamed');
    await scene.clock.advance(10_000);
    assert.deepEqual(scene.heard(bob), ['hello']);
    assert.ok(!bob.log.messages.some(({ type }) => type === 'signal'));
    assert.equal(bob.log.messages.findLast(({ type }) => type === 'joined').peer.meta, 'ada, renamed');
  });

  test('after a partial resume counting starts anew on both sides', async () => {
    const scene = new Scene();
    const ada = await scene.join('ada');
    const bob = await scene.join('bob');
    for (let n = 0; n < 50; n += 1) bob.send({ type: 'broadcast', data: n });
    await scene.clock.advance(100);
    scene.server.nextResume('partial');
    scene.server.session('ada').socket.cut();
    await scene.clock.advance(10_000);
    assert.equal(ada.log.welcomes.at(-1).resumed, 'partial');
    assert.deepEqual(scene.sent('ada', 'ack').at(-1), { type: 'ack', received: 0 });
    for (let n = 50; n < 60; n += 1) {
      bob.send({ type: 'broadcast', data: n });
      ada.send({ type: 'broadcast', data: n });
    }
    scene.server.session('ada').socket.cut();
    await scene.clock.advance(10_000);
    assert.equal(ada.log.welcomes.at(-1).resumed, 'full');
    assert.deepEqual(scene.heard(ada), Array.from({ length: 60 }, (_, n) => n));
    assert.deepEqual(scene.heard(bob), Array.from({ length: 10 }, (_, n) => 50 + n));
  });
});

test('what a listener sends because of a welcome is sent', async () => {
  const scene = new Scene();
  const ada = await scene.join('ada');
  const bob = await scene.join('bob');
  const to = bob.log.welcomes[0].self.id;
  ada.on('welcome', ({ detail: { welcome } }) => ada.send({ type: 'signal', to, data: welcome.resumed }));
  for (const outcome of ['partial', 'no']) {
    scene.server.nextResume(outcome);
    scene.server.session('ada').socket.cut();
    await scene.clock.advance(10_000);
  }
  assert.deepEqual(bob.log.messages.filter(({ type }) => type === 'signal').map(({ data }) => data), ['partial', 'no']);
});

test('an attempt that was given up, and arrives all the same, does not throw the page out', async () => {
  // The race: the join of an attempt that had timed out was still on its way. It took the session from the newer
  // connection, which was told so with 4508, and stayed away for good.
  const scene = new Scene();
  const page = scene.harness.page('ada');
  const { WebSocket } = page.environment;
  const held = [];
  let holding = false;
  page.environment.WebSocket = class extends WebSocket {
    // What its page has given up is still in the network.
    close(...given) { if (!held.includes(this)) super.close(...given); }

    send(text) {
      if (!holding) return super.send(text);
      holding = false;
      this.late = () => super.send(text);
      return held.push(this);
    }
  };
  const ada = await scene.join('ada', { page, openTimeoutMs: 3000 });
  holding = true;
  scene.server.session('ada').socket.cut();
  await scene.clock.advance(10_000);
  assert.equal(ada.log.welcomes.length, 2);
  assert.equal(held.length, 1);
  held[0].late();
  await scene.clock.advance(10_000);
  assert.equal(ada.state, 'joined');
  assert.equal(ada.log.welcomes.length, 3);
  // Once: the next holder of the ticket is another page.
  scene.server.close(scene.server.session('ada'), 4508);
  await scene.clock.advance(10_000);
  assert.equal(ada.state, 'closed');
});

test('leaving is told to the server, in any state, once', async () => {
  const scene = new Scene();
  const ada = await scene.join('ada');
  const bob = await scene.join('bob');
  await scene.scheduler.run(Promise.all([ada.leave(), ada.leave()]), { withinMs: 5000 });
  await scene.scheduler.run(ada.leave(), { withinMs: 5000 });
  await scene.scheduler.settle();
  assert.deepEqual(bob.log.messages.filter(({ type }) => type === 'left').map(({ reason }) => reason), ['left']);
  assert.equal(ada.log.reasons.at(-1), null);
});
