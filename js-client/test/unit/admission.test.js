// The lobby of a room, as those who wait see it.

import '../support/abort-fix.js';

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { FakeTrack } from '../support/fake-media.js';
import { ALL, LobbyMeeting, idOf } from './support/lobby-meeting.js';
import { failure } from './support/scene.js';

describe('what a page does while it waits', () => {
  test('takes effect at the admission', async () => {
    for (const lost of [false, true]) {
      const meeting = new LobbyMeeting();
      const ada = await meeting.join('ada');
      const cleo = await meeting.knock('cleo', { camera: false });
      assert.ok(!cleo.can('signal'));
      assert.equal(cleo.self, null);
      cleo.publish('camera', cleo.page.camera());
      cleo.setMuted('camera', 'audio', true);
      cleo.publish('screen', [new FakeTrack('video')]);
      cleo.unpublish('screen');
      cleo.replaceTrack('camera', 'video', new FakeTrack('video'));
      cleo.update('Cleo');
      for (const act of [() => cleo.broadcast(1), () => cleo.send(ada.self.id, 1)]) assert.throws(act, { code: 'state' });
      await meeting.settle(1000);
      assert.equal(meeting.harness.network.open, 0);
      if (lost) meeting.server.end('cleo').cut();
      ada.admitAll();
      await meeting.scheduler.run(cleo.joined, { withinMs: 10_000 });
      await meeting.settle();
      meeting.assertCalls();
      const [peer] = ada.peers.values();
      assert.equal(peer.meta, 'Cleo');
      assert.deepEqual([...peer.sources.keys()], ['camera']);
      assert.ok(peer.sources.get('camera').audio.muted);
      assert.ok(!peer.sources.get('camera').video.muted);
      await meeting.end();
    }
  });

  test('is told only while it waits', async () => {
    const meeting = new LobbyMeeting();
    const cleo = meeting.room('cleo');
    cleo.on('statechange', ({ detail: { state } }) => { if (state === 'waiting') void cleo.leave(); });
    assert.equal((await meeting.scheduler.run(failure(cleo.join()), { withinMs: 1000 })).code, 'closed');
    assert.deepEqual(cleo.told, []);
    await meeting.end();
  });

  test('is a call with all who are in the room by then, if its connection was lost when it was admitted', async () => {
    const meeting = new LobbyMeeting();
    const ada = await meeting.join('ada');
    const cleo = await meeting.knock('cleo');
    const dan = await meeting.knock('dan');
    meeting.server.end('cleo').cut();
    ada.admit(idOf(ada, 'cleo'));
    ada.admit(idOf(ada, 'dan'));
    await meeting.join('bob');
    await meeting.scheduler.run(Promise.all([cleo.joined, dan.joined]), { withinMs: 10_000 });
    await meeting.settle();
    assert.equal(cleo.peers.size, 3);
    assert.deepEqual(cleo.told, ['waiting']);
    meeting.assertCalls();
    await meeting.end();
  });

  test('may moderate from the first moment on', async () => {
    const meeting = new LobbyMeeting({ authorize: ({ page }) => ({ lobby: page !== 'ada', permissions: ALL }) });
    const ada = await meeting.join('ada');
    const cleo = await meeting.knock('cleo');
    await meeting.knock('dan');
    meeting.server.end('cleo').cut();
    ada.admit(idOf(ada, 'cleo'));
    await meeting.settle(10_000);
    assert.equal(cleo.state, 'joined');
    assert.deepEqual(cleo.told, ['waiting', 'knock dan']);
    cleo.admitAll();
    await meeting.settle();
    meeting.assertCalls();
    await meeting.end();
  });
});

test('a session that ends in the lobby has no peers there, and has them again after it', async () => {
  let lobby = false;
  const meeting = new LobbyMeeting({ authorize: ({ page }) => ({ lobby: lobby && page === 'cleo', permissions: ALL }) });
  const ada = await meeting.join('ada');
  const cleo = await meeting.join('cleo');
  await meeting.settle();
  meeting.assertCalls();
  lobby = true;
  const left = [];
  cleo.on('peerleft', ({ detail: { peer, reason } }) => left.push([peer.meta, reason]));
  meeting.server.nextResume('no');
  meeting.server.session('cleo').socket.cut();
  await meeting.settle(10_000);
  assert.equal(cleo.state, 'waiting');
  assert.deepEqual([cleo.peers.size, left, cleo.can('signal')], [0, [['ada', 'timeout']], false]);
  assert.equal(meeting.harness.network.open, 0);
  ada.admitAll();
  await meeting.settle();
  meeting.assertCalls();
  await meeting.end();
});
