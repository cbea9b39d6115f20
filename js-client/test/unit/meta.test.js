// Each welcome reconciles the desired `meta` with the server's, and a rejected update is reverted.

import '../support/abort-fix.js';

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { Scene, failure } from './support/scene.js';
import { Meeting } from './support/meeting.js';

/** What the server has, and so what the others are told. */
const served = (scene) => scene.server.session('ada').meta;

async function begin(options, socketOptions) {
  const scene = new Scene(options);
  const ada = scene.socket('ada', { meta: 'old', ...socketOptions });
  return { scene, ada };
}

async function joined(options, socketOptions) {
  const { scene, ada } = await begin(options, socketOptions);
  await scene.scheduler.run(ada.join(), { withinMs: 60_000 });
  return { scene, ada };
}

describe('an update', () => {
  test('reaches the server at whatever moment of a join it is made, and is the only one', async () => {
    for (let steps = 0; steps < 12; steps += 1) {
      const { scene, ada } = await begin({ server: { decisionMs: 20 } });
      const join = ada.join();
      for (let step = 0; step < steps; step += 1) await scene.scheduler.step();
      ada.update('new');
      assert.equal(ada.meta, 'new');
      await scene.scheduler.run(join, { withinMs: 1000 });
      await scene.clock.advance(1000);
      assert.equal(served(scene), 'new', `${steps} steps`);
      assert.equal(ada.meta, 'new');
      assert.ok(scene.sent('ada', 'update').length <= 1);
    }
  });

  for (const outcome of ['full', 'partial', 'no']) {
    test(`made at whatever moment of a resume that is ${outcome} reaches the server`, async () => {
      for (let steps = 0; steps < 25; steps += 1) {
        const { scene, ada } = await joined({ seed: steps });
        if (outcome !== 'full') scene.server.nextResume(outcome);
        ada.update('first');
        scene.server.session('ada').socket.cut();
        for (let step = 0; step < steps; step += 1) await scene.scheduler.step();
        ada.update('second');
        await scene.clock.advance(30_000);
        assert.equal(served(scene), 'second', `seed ${steps}`);
        assert.equal(ada.meta, 'second');
        assert.deepEqual(ada.log.rejected, []);
      }
    });
  }

  test('before joining, and after leaving, is what the next join says', async () => {
    const { scene, ada } = await begin();
    ada.update('early');
    await scene.scheduler.run(ada.join(), { withinMs: 1000 });
    assert.equal(scene.sent('ada', 'join')[0].meta, 'early');
    await scene.scheduler.run(ada.leave(), { withinMs: 5000 });
    ada.update('late');
    await scene.scheduler.run(ada.join(), { withinMs: 1000 });
    assert.equal(served(scene), 'late');
    assert.equal(scene.sent('ada', 'update').length, 0);
  });

  test('is what it was when it was made, whatever the page does to the object later', async () => {
    const { scene, ada } = await joined();
    const meta = { hand: 'up' };
    ada.update(meta);
    meta.hand = 'down';
    await scene.clock.advance(100);
    assert.deepEqual(served(scene), { hand: 'up' });
    assert.deepEqual(ada.meta, { hand: 'up' });
  });
});

describe('a refused update', () => {
  for (const code of ['not-allowed', 'too-large', 'unavailable', 'a-code-of-a-later-version']) {
    test(`(${code}) is undone and told, and later joins do not carry it`, async () => {
      const { scene, ada } = await joined();
      scene.server.rejectNext('update', { code });
      ada.update('refused');
      assert.equal(ada.meta, 'refused');
      await scene.clock.advance(100);
      assert.equal(ada.meta, 'old');
      assert.deepEqual(ada.log.rejected.map(([told]) => told), [code]);
      scene.server.session('ada').socket.cut();
      await scene.clock.advance(5000);
      scene.server.restart();
      await scene.clock.advance(15_000);
      assert.deepEqual(scene.sent('ada', 'join').map(({ meta }) => meta), ['old', 'old', 'old']);
      assert.equal(scene.sent('ada', 'update').length, 1);
      assert.equal(ada.state, 'joined');
    });
  }

  test('leaves those before and after it alone', async () => {
    for (const [refused, remains] of [[[1], 'third'], [[2], 'second'], [[1, 2], 'first'], [[0, 1, 2], 'old'], [[0, 2], 'second']]) {
      const { scene, ada } = await joined();
      const names = ['first', 'second', 'third'];
      for (const [n, name] of names.entries()) {
        if (refused.includes(n)) scene.server.rejectNext('update', { code: 'unavailable' });
        ada.update(name);
        await scene.clock.advance(100);
      }
      assert.equal(ada.meta, remains);
      assert.equal(served(scene), remains);
    }
  });

  test('several on their way at once', async () => {
    for (let mask = 0; mask < 8; mask += 1) {
      const { scene, ada } = await joined();
      for (const [n, name] of ['first', 'second', 'third'].entries()) {
        scene.server.rejectNext('update', mask & (1 << n) ? { code: 'too-large' } : null);
        ada.update(name);
      }
      await scene.clock.advance(100);
      assert.equal(ada.meta, served(scene), `${mask}`);
      assert.equal(ada.log.rejected.length, [0, 1, 1, 2, 1, 2, 2, 3][mask]);
    }
  });

  test('over the rate is repeated, and the older one is not, and is not fallen back to', async () => {
    const { scene, ada } = await joined();
    scene.server.rejectNext('update', { code: 'rate-limited', retryAfterMs: 500 });
    scene.server.rejectNext('update', { code: 'rate-limited', retryAfterMs: 500 });
    ada.update('a');
    ada.update('b');
    await scene.clock.advance(100);
    assert.equal(served(scene), 'old');
    assert.equal(ada.meta, 'b');
    scene.server.rejectNext('update', { code: 'unavailable' });
    await scene.clock.advance(5000);
    assert.equal(served(scene), 'old');
    assert.equal(ada.meta, 'old');
    assert.equal(scene.sent('ada', 'update').length, 3);
  });

  test('whose rejection is lost is refused once more after a partial, and no more', async () => {
    const { scene, ada } = await joined();
    scene.server.rejectNext('update', { code: 'not-allowed' });
    scene.server.rejectNext('update', { code: 'not-allowed' });
    scene.server.nextResume('partial');
    const { socket } = scene.server.session('ada');
    await scene.clock.advance(100);
    ada.update('refused');
    // The server handles it, and its answer does not arrive.
    await scene.scheduler.step();
    socket.cut();
    await scene.clock.advance(60_000);
    assert.equal(ada.meta, 'old');
    assert.equal(scene.sent('ada', 'update').length, 2);
    assert.equal(ada.log.rejected.length, 1);
  });
});

describe('where the application has put another meta in place', () => {
  const authorize = () => ({ meta: 'Ada Lovelace' });

  test('that is what is shown, and joins go on to say what the page wants', async () => {
    const { scene, ada } = await joined({ server: { authorize } });
    assert.equal(ada.meta, 'Ada Lovelace');
    for (const outcome of ['partial', 'no', 'full']) {
      if (outcome !== 'full') scene.server.nextResume(outcome);
      scene.server.session('ada').socket.cut();
      await scene.clock.advance(5000);
      assert.equal(ada.meta, 'Ada Lovelace');
    }
    assert.deepEqual(scene.sent('ada', 'update'), []);
    assert.deepEqual(new Set(scene.sent('ada', 'join').map(({ meta }) => meta)), new Set(['old']));
  });

  test('an update is refused once, also one between the join and the welcome', async () => {
    const { scene, ada } = await begin({ server: { authorize, decisionMs: 500 } });
    const join = ada.join();
    await scene.clock.advance(100);
    ada.update('new');
    await scene.scheduler.run(join, { withinMs: 1000 });
    await scene.clock.advance(1000);
    assert.equal(ada.meta, 'Ada Lovelace');
    assert.equal(ada.log.rejected.length, 1);
    scene.server.nextResume('partial');
    scene.server.session('ada').socket.cut();
    await scene.clock.advance(5000);
    assert.equal(scene.sent('ada', 'update').length, 1);
    assert.equal(scene.sent('ada', 'join').at(-1).meta, 'old');
  });
});

describe('a meta that is too large', () => {
  test('throws before it is sent, and changes nothing', async () => {
    const { scene, ada } = await joined({ server: { limits: { metaBytes: 20 } } });
    for (const meta of ['x'.repeat(19), '☃'.repeat(7), { a: 'x'.repeat(15) }]) {
      assert.throws(() => ada.update(meta), { code: 'too-large' });
    }
    assert.equal(ada.meta, 'old');
    ada.update('☃'.repeat(6));
    await scene.clock.advance(100);
    assert.deepEqual(scene.sent('ada', 'update').map(({ meta }) => meta), ['☃'.repeat(6)]);
    assert.equal(served(scene), '☃'.repeat(6));
  });

  test('is undone and told where the limit was not known yet', async () => {
    const { scene, ada } = await begin({ server: { limits: { metaBytes: 20 }, decisionMs: 500 } });
    const join = ada.join();
    await scene.clock.advance(100);
    ada.update('x'.repeat(100));
    await scene.scheduler.run(join, { withinMs: 1000 });
    await scene.clock.advance(100);
    assert.equal(ada.meta, 'old');
    assert.deepEqual(ada.log.rejected.map(([code]) => code), ['too-large']);
    assert.deepEqual(scene.sent('ada', 'update'), []);
  });

  test('is 4 KiB for a server that tells no limits', async () => {
    const { ada } = await joined({ server: { limits: null } });
    assert.throws(() => ada.update('x'.repeat(4095)), { code: 'too-large' });
    ada.update('x'.repeat(4094));
  });
});

test('an update for which the queue has no place changes nothing', async () => {
  const { scene, ada } = await joined();
  scene.server.stop();
  await scene.clock.advance(1);
  for (let n = 0; n < 1024; n += 1) ada.send({ type: 'broadcast', data: n });
  assert.throws(() => ada.update('new'), { code: 'queue-full' });
  assert.equal(ada.meta, 'old');
});

test('a meta that is no JSON is refused at once', async () => {
  const { ada } = await joined();
  const cycle = {};
  cycle.cycle = cycle;
  for (const meta of [1n, cycle, () => {}, Symbol('x'), { toJSON() { throw new Error('no'); } }]) {
    assert.throws(() => ada.update(meta), { code: 'not-json' });
  }
  assert.equal(ada.meta, 'old');
  const { ada: other } = await begin({}, { meta: 1n });
  assert.equal((await failure(other.join())).code, 'not-json');
  assert.equal(other.state, 'idle');
});

test('without a meta, and with an undefined one, it is null', async () => {
  const { scene, ada } = await joined({}, { meta: undefined });
  assert.equal(ada.meta, null);
  ada.update('new');
  ada.update(undefined);
  await scene.clock.advance(100);
  assert.equal(served(scene), null);
  assert.deepEqual(ada.log.rejected, []);
});

test('a room shows the meta of its socket', async () => {
  const meeting = new Meeting();
  const ada = await meeting.join('ada');
  meeting.server.rejectNext('update', { code: 'not-allowed' });
  ada.update('refused');
  assert.equal(ada.self.meta, 'refused');
  await meeting.clock.advance(100);
  assert.equal(ada.self.meta, 'ada');
  assert.equal({ ...ada.self }.meta, 'ada');
});
