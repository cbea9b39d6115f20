// Waiting in the lobby, with the socket alone.

import '../support/abort-fix.js';

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { Scene, failure } from './support/scene.js';

const NOTHING_LEFT = { connections: 0, sockets: 0, timers: 0, listeners: 0 };

/** Mod moderates, and all others have to wait. */
class Lobby extends Scene {
  constructor({ server, ...options } = {}) {
    super({
      server: {
        authorize: ({ page }) => ({ lobby: page !== 'mod', permissions: page === 'mod' ? ['broadcast', 'moderate'] : ['broadcast'] }),
        limits: { authorizeTimeoutMs: 300_000 },
        ...server,
      },
      ...options,
    });
  }

  /** A page that waits; `joined` is what `join` gives. */
  async knock(name, { signal, ...options } = {}) {
    const socket = this.socket(name, options);
    socket.log.waits = 0;
    socket.on('waiting', () => { socket.log.waits += 1; });
    socket.joined = socket.join({ signal });
    socket.joined.catch(() => {});
    await this.clock.advance(100);
    return socket;
  }

  get waiting() {
    return this.server.lobby.waiting('room');
  }

  socket(name, options) {
    const socket = super.socket(name, options);
    /** Who knocks, by id, as this page was told. */
    const knocks = new Map();
    socket.on('welcome', ({ detail: { welcome: { knocking = [] } } }) => {
      knocks.clear();
      for (const { id, meta } of knocking) knocks.set(id, meta);
    });
    socket.on('message', ({ detail: { message: { type, peer } } }) => {
      if (type === 'knock') knocks.set(peer.id, peer.meta);
      else if (type === 'knockGone') knocks.delete(peer);
    });
    return Object.assign(socket, { knocks });
  }

  async admit(mod) {
    for (const id of mod.knocks.keys()) mod.send({ type: 'admit', peer: id });
    await this.clock.advance(100);
  }

  async end(...sockets) {
    for (const socket of sockets) void socket.leave();
    await this.clock.advance(60_000);
    assert.deepEqual(this.harness.leaks, NOTHING_LEFT);
    assert.deepEqual(this.waiting, []);
  }
}

describe('a page in the lobby', () => {
  test('is in the room when it is admitted, with the id of its knock and the ticket of its wait', async () => {
    const scene = new Lobby();
    const mod = await scene.join('mod');
    const ada = await scene.knock('ada');
    assert.equal(ada.state, 'waiting');
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
    assert.deepEqual(scene.sent('ada', 'ack'), [{ type: 'ack', received: 0 }]);
    mod.send({ type: 'broadcast', data: 1 });
    await scene.clock.advance(100);
    assert.deepEqual(scene.heard(ada), [1]);
    await scene.end(mod, ada);
  });

  test('is refused with the words of the moderator', async () => {
    const scene = new Lobby();
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
      const scene = new Lobby();
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
      const scene = new Lobby();
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
    const scene = new Lobby();
    scene.server.lobby.overrides = { ticket: undefined, heartbeatMs: undefined, graceMs: undefined };
    const mod = await scene.join('mod');
    const ada = await scene.knock('ada');
    await scene.clock.advance(60_000);
    assert.equal(scene.server.sockets.created, 2);
    await scene.admit(mod);
    assert.equal(ada.state, 'joined');
    const bob = await scene.knock('bob');
    void bob.leave();
    await scene.clock.advance(100);
    assert.deepEqual(scene.waiting, []);
    await scene.end(mod, ada);
  });

  test('is limited by a signal of `AbortSignal.timeout`', async () => {
    const scene = new Lobby();
    const controller = new AbortController();
    const ada = await scene.knock('ada', { signal: controller.signal });
    await scene.clock.advance(20_000);
    controller.abort(new DOMException('too long', 'TimeoutError'));
    assert.equal((await scene.scheduler.run(failure(ada.joined), { withinMs: 1000 })).name, 'TimeoutError');
    await scene.clock.advance(100);
    assert.deepEqual(scene.waiting, []);
  });

  test('sends nothing to the room', async () => {
    const scene = new Lobby();
    const ada = await scene.knock('ada');
    assert.throws(() => ada.send({ type: 'broadcast', data: 1 }), { code: 'state' });
    assert.throws(() => ada.update(1n), { code: 'not-json' });
    await scene.clock.advance(60_000);
    const types = new Set(scene.server.log.map(({ frame }) => frame.type));
    assert.deepEqual([...types], ['join', 'pong']);
  });

  test('looks whether its connection is alive when it is looked at again', async () => {
    const scene = new Lobby();
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
      const scene = new Lobby();
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
        const scene = new Lobby({ latencyMs: [20, 30] });
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

  test('leaves also while the network is down', async () => {
    const scene = new Lobby();
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
      const scene = new Lobby({ latencyMs: [20, 30] });
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

describe('a connection that is lost in the lobby', () => {
  const LOSSES = {
    cut: (scene) => scene.server.end('ada').cut(),
    'closed by a server that drains': (scene) => scene.server.end('ada').close(4000, 'retry-after-ms=100'),
    'found silent': (scene) => scene.server.end('ada').stall(),
    'lost by a page that was offline': (scene, ada) => {
      ada.page.fire('offline');
      ada.page.fire('online');
    },
    'closed with the page, which comes back': (scene, ada) => {
      ada.page.fire('pagehide', { persisted: true });
      ada.page.fire('pageshow', { persisted: true });
    },
  };

  for (const [how, lose] of Object.entries(LOSSES)) {
    test(`${how}, is replaced: the wait goes on`, async () => {
      const scene = new Lobby();
      const mod = await scene.join('mod');
      const ada = await scene.knock('ada');
      const [id] = mod.knocks.keys();
      lose(scene, ada);
      await scene.clock.advance(29_000);
      assert.equal(ada.state, 'waiting');
      assert.deepEqual(ada.log.states, ['connecting', 'waiting', 'connecting', 'waiting']);
      assert.equal(ada.log.waits, 1);
      assert.deepEqual([...mod.knocks.keys()], [id]);
      assert.equal(mod.log.messages.length, 1, 'one knock');
      assert.deepEqual(scene.sent('ada', 'join').at(-1).resume, { ticket: 'Place1'.padEnd(43, 'A'), received: 0, waiting: true });
      await scene.admit(mod);
      assert.equal(ada.state, 'joined');
      assert.equal(ada.log.welcomes[0].self.id, id);
      await scene.end(mod, ada);
    });
  }

  test('says why', async () => {
    const scene = new Lobby();
    const ada = await scene.knock('ada');
    scene.server.end('ada').cut();
    await scene.clock.advance(3000);
    assert.deepEqual(ada.log.reasons, [null, null, 'lost', null]);
  });

  test('is looked for longer than a first join, and found again', async () => {
    const scene = new Lobby();
    const mod = await scene.join('mod');
    const ada = await scene.knock('ada');
    scene.server.stop();
    await scene.clock.advance(300_000);
    assert.equal(ada.state, 'connecting');
    scene.server.start();
    await scene.clock.advance(30_000);
    assert.equal(ada.state, 'waiting');
    assert.equal(ada.log.waits, 2, 'its place was gone');
    assert.equal(scene.waiting.length, 1);
    await scene.admit(mod);
    assert.equal(ada.state, 'joined');
    await scene.end(mod, ada);
  });

  test('is given up by the policy of the application, and the knock withdrawn', async () => {
    const scene = new Lobby();
    const contexts = [];
    const ada = await scene.knock('ada', { retry: (context) => { contexts.push(context.joined); return null; } });
    scene.server.end('ada').cut();
    assert.equal((await scene.scheduler.run(failure(ada.joined), { withinMs: 1000 })).code, 'lost');
    await scene.clock.advance(1000);
    assert.deepEqual(contexts, [true]);
    assert.deepEqual(scene.waiting, []);
  });

  test('comes back to the room if it was admitted meanwhile', async () => {
    const scene = new Lobby();
    const mod = await scene.join('mod');
    const ada = await scene.knock('ada');
    const [id] = mod.knocks.keys();
    scene.server.end('ada').cut();
    await scene.admit(mod);
    mod.send({ type: 'broadcast', data: 'missed' });
    await scene.scheduler.run(ada.joined, { withinMs: 10_000 });
    await scene.clock.advance(100);
    assert.deepEqual(ada.log.states, ['connecting', 'waiting', 'connecting', 'joined']);
    const [welcome] = ada.log.welcomes;
    assert.deepEqual([welcome.resumed, welcome.self.id, welcome.peers.map(({ meta }) => meta)], ['no', id, ['mod']]);
    assert.deepEqual(scene.sent('ada', 'ack'), [{ type: 'ack', received: 0 }]);
    assert.equal(scene.sent('ada', 'join').at(-1).resume.waiting, true);
    // Both count from 0.
    mod.send({ type: 'broadcast', data: 'heard' });
    ada.send({ type: 'broadcast', data: 'too' });
    await scene.clock.advance(100);
    scene.server.session('ada').socket.cut();
    await scene.clock.advance(5000);
    assert.equal(ada.log.welcomes[1].resumed, 'full');
    assert.ok(!('waiting' in scene.sent('ada', 'join').at(-1).resume), 'it has had a welcome');
    assert.deepEqual([scene.heard(ada), scene.heard(mod)], [['heard'], ['too']]);
    await scene.end(mod, ada);
  });

  test('waits anew if the place is gone', async () => {
    const scene = new Lobby();
    const mod = await scene.join('mod');
    const ada = await scene.knock('ada');
    scene.server.restart();
    await scene.clock.advance(20_000);
    assert.equal(ada.state, 'waiting');
    assert.equal(ada.log.waits, 2);
    assert.deepEqual([...mod.knocks.values()], ['ada']);
    await scene.admit(mod);
    assert.equal(ada.state, 'joined');
    await scene.end(mod, ada);
  });

  test('is in the room if there is no lobby any more', async () => {
    let lobby = true;
    const scene = new Lobby({ server: { authorize: () => ({ lobby }) } });
    const ada = await scene.knock('ada');
    lobby = false;
    scene.server.restart();
    await scene.scheduler.run(ada.joined, { withinMs: 10_000 });
    assert.deepEqual(ada.log.states, ['connecting', 'waiting', 'connecting', 'joined']);
    await scene.end(ada);
  });

  test('learns that it was denied meanwhile, if the server still knows', async () => {
    let refuse;
    const authorize = ({ page }) => ({ lobby: page !== 'mod' && !refuse, permissions: ['moderate'], ...(refuse && { refuse }) });
    const scene = new Lobby({ server: { authorize } });
    const mod = await scene.join('mod');
    const ada = await scene.knock('ada');
    const [id] = mod.knocks.keys();
    scene.server.end('ada').cut();
    mod.send({ type: 'deny', peer: id, reason: 'Not today.' });
    refuse = { code: 'denied', message: 'Not today.', close: 4504 };
    const error = await scene.scheduler.run(failure(ada.joined), { withinMs: 10_000 });
    assert.deepEqual([error.code, error.message], ['denied', 'Not today.']);
    await scene.end(mod);
  });
});

describe('a reload in the lobby', () => {
  test('is a new knock in the place of the old one', async () => {
    const scene = new Lobby();
    const mod = await scene.join('mod');
    const ada = await scene.knock('ada');
    const [before] = mod.knocks.keys();
    // The browser keeps the page for a while, and opens another one in the tab.
    ada.page.fire('pagehide', { persisted: true });
    await scene.clock.advance(100);
    assert.deepEqual([...mod.knocks.keys()], [before]);
    const again = await scene.knock('ada', { page: scene.harness.page('ada', { storage: ada.page.storage }) });
    assert.equal(scene.sent('ada', 'join').at(-1).replaces, 'Place1'.padEnd(43, 'A'));
    assert.equal(scene.sent('ada', 'join').at(-1).resume, undefined);
    ada.page.crash();
    await scene.clock.advance(60_000);
    assert.equal(again.state, 'waiting');
    const ids = [...mod.knocks.keys()];
    assert.equal(ids.length, 1);
    assert.notEqual(ids[0], before);
    await scene.admit(mod);
    assert.equal(again.state, 'joined');
    assert.deepEqual(scene.server.roster('room'), ['mod', 'ada']);
    await scene.end(mod, again);
  });

  test('replaces the member that was admitted meanwhile', async () => {
    const scene = new Lobby();
    const mod = await scene.join('mod');
    const ada = await scene.knock('ada');
    ada.page.fire('pagehide', { persisted: true });
    await scene.admit(mod);
    const again = await scene.knock('ada', { page: scene.harness.page('ada', { storage: ada.page.storage }) });
    ada.page.crash();
    assert.deepEqual(again.log.states, ['connecting', 'joined']);
    await scene.clock.advance(60_000);
    assert.deepEqual(scene.server.roster('room'), ['mod', 'ada']);
    await scene.end(mod, again);
  });
});

describe('the data of a page in the lobby', () => {
  const meta = (mod) => mod.log.messages.filter(({ type }) => type === 'updated').map(({ meta: value }) => value);

  test('is changed at the admission', async () => {
    const scene = new Lobby();
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
      const scene = new Lobby();
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
    const scene = new Lobby();
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
    const scene = new Lobby({
      server: { authorize: ({ page }) => (page === 'mod' ? { permissions: ['moderate'] } : { lobby: true, meta: 'Countess' }) },
    });
    const mod = await scene.join('mod');
    const ada = await scene.knock('ada');
    scene.server.end('ada').cut();
    await scene.clock.advance(5000);
    await scene.admit(mod);
    assert.equal(ada.meta, 'Countess');
    assert.deepEqual(scene.sent('ada', 'update'), []);
    assert.deepEqual(ada.log.rejected, []);
  });
});

test('a session that is over may have to wait again', async () => {
  let lobby = false;
  const scene = new Lobby({ server: { authorize: ({ page }) => ({ lobby: lobby && page !== 'mod', permissions: ['broadcast', 'moderate'] }) } });
  const mod = await scene.join('mod');
  const controller = new AbortController();
  const ada = await scene.knock('ada', { signal: controller.signal });
  assert.equal(ada.state, 'joined');
  lobby = true;
  scene.server.nextResume('no');
  scene.server.session('ada').socket.cut();
  await scene.clock.advance(5000);
  assert.deepEqual(ada.log.states.slice(1), ['joined', 'away', 'resuming', 'waiting']);
  assert.equal(ada.log.waits, 1);
  assert.throws(() => ada.send({ type: 'broadcast', data: 1 }), { code: 'state' });
  // It has limited joining, which is done.
  controller.abort(new DOMException('too long', 'TimeoutError'));
  assert.equal(ada.state, 'waiting');
  ada.update('Ada');
  await scene.admit(mod);
  assert.equal(ada.state, 'joined');
  assert.equal(scene.server.session('ada').meta, 'Ada');
  ada.send({ type: 'broadcast', data: 2 });
  await scene.clock.advance(100);
  assert.deepEqual(scene.heard(mod), [2]);
  scene.server.session('ada').socket.cut();
  await scene.clock.advance(5000);
  assert.equal(ada.log.welcomes.at(-1).resumed, 'full');
  await scene.end(mod, ada);
});
