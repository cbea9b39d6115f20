// Connections that are lost in the lobby, and reloads there.

import '../support/abort-fix.js';

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { LobbyScene } from './support/lobby-scene.js';
import { failure } from './support/scene.js';

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
      const scene = new LobbyScene();
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
      const { resume, replaces } = scene.sent('ada', 'join').at(-1);
      assert.deepEqual([resume, replaces], [{ ticket: 'Place1'.padEnd(43, 'A'), received: 0, waiting: true }, undefined]);
      await scene.admit(mod);
      assert.equal(ada.state, 'joined');
      assert.equal(ada.log.welcomes[0].self.id, id);
      await scene.end(mod, ada);
    });
  }

  test('says why, and begins to count the attempts again', async () => {
    const scene = new LobbyScene();
    const attempts = [];
    const ada = await scene.knock('ada', { retry: ({ attempt }) => { attempts.push(attempt); return 100; } });
    for (const at of [1, 2]) {
      scene.server.end('ada').cut();
      await scene.clock.advance(3000);
      assert.equal(ada.state, 'waiting', `${at}`);
    }
    assert.deepEqual(ada.log.reasons, [null, null, 'lost', null, 'lost', null]);
    assert.deepEqual(attempts, [1, 1]);
  });

  test('at any moment of another loss, keeps the place', async () => {
    for (let ms = 0; ms < 700; ms += 10) {
      const scene = new LobbyScene({ latencyMs: [20, 30] });
      const ada = scene.socket('ada');
      let waits = 0;
      ada.on('waiting', () => { waits += 1; });
      ada.join().catch(() => {});
      await scene.clock.advance(300);
      scene.server.end('ada').cut();
      await scene.clock.advance(ms);
      ada.page.fire('offline');
      ada.page.fire('online');
      await scene.clock.advance(5000);
      assert.deepEqual([ada.state, waits, scene.waiting], ['waiting', 1, ['ada']], `${ms} ms`);
      await scene.end(ada);
    }
  });

  test('is looked for longer than a first join, and found again', async () => {
    const scene = new LobbyScene();
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
    const scene = new LobbyScene();
    const contexts = [];
    const ada = await scene.knock('ada', { retry: (context) => { contexts.push(context.joined); return null; } });
    scene.server.end('ada').cut();
    assert.equal((await scene.scheduler.run(failure(ada.joined), { withinMs: 1000 })).code, 'lost');
    await scene.clock.advance(1000);
    assert.deepEqual(contexts, [true]);
    assert.deepEqual(scene.waiting, []);
  });

  test('comes back to the room if it was admitted meanwhile', async () => {
    const scene = new LobbyScene();
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
    // One for its place, and one for the welcome.
    assert.deepEqual(scene.sent('ada', 'ack'), Array(2).fill({ type: 'ack', received: 0 }));
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
    const scene = new LobbyScene();
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
    const scene = new LobbyScene({ server: { authorize: () => ({ lobby }) } });
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
    const scene = new LobbyScene({ server: { authorize } });
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
    const scene = new LobbyScene();
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
    const scene = new LobbyScene();
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

test('a session that is over may have to wait again', async () => {
  let lobby = false;
  const scene = new LobbyScene({ server: { authorize: ({ page }) => ({ lobby: lobby && page !== 'mod', permissions: ['broadcast', 'moderate'] }) } });
  const mod = await scene.join('mod');
  const controller = new AbortController();
  const ada = await scene.knock('ada', { signal: controller.signal });
  assert.equal(ada.state, 'joined');
  mod.send({ type: 'broadcast', data: 0 });
  await scene.clock.advance(100);
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
  scene.server.end('ada').cut();
  await scene.clock.advance(5000);
  assert.deepEqual([ada.state, ada.log.waits, scene.sent('ada', 'join').at(-1).resume.received], ['waiting', 1, 0]);
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
