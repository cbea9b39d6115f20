// The lobby of a room, as moderators see it.

import '../support/abort-fix.js';

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { Lobby } from '../../src/lobby.js';
import { ALL, LobbyMeeting, idOf } from './support/lobby-meeting.js';
import { failure } from './support/scene.js';

describe('a moderator', () => {
  test('lets somebody in, and is in a call with them', async () => {
    const meeting = new LobbyMeeting();
    const ada = await meeting.join('ada');
    const bob = await meeting.join('bob');
    const cleo = await meeting.knock('cleo');
    assert.deepEqual([...ada.knocking.values()].map(({ meta }) => meta), ['cleo']);
    assert.deepEqual([...ada.knocking].map(([id, peer]) => id === peer.id), [true]);
    const id = idOf(ada, 'cleo');
    ada.events.length = 0;
    ada.admit(id);
    assert.equal(ada.knocking.size, 1, 'until the server says so');
    await meeting.scheduler.run(cleo.joined, { withinMs: 1000 });
    await meeting.settle();
    assert.deepEqual(ada.told, ['knock cleo', 'knockgone cleo not there']);
    assert.deepEqual(cleo.told, ['waiting']);
    assert.deepEqual(cleo.events.slice(0, 3), ['state connecting', 'state waiting', 'state joined']);
    assert.equal(cleo.self.id, id);
    assert.equal(ada.events[0], `peerjoined ${id}`);
    assert.deepEqual([bob.told, bob.knocking.size], [[], 0]);
    meeting.assertCalls();
    await meeting.end();
  });

  test('refuses somebody, with a reason or without', async () => {
    const meeting = new LobbyMeeting();
    const ada = await meeting.join('ada');
    for (const [reason, message] of [['Not today.', 'Not today.'], [undefined, 'a moderator has refused']]) {
      const cleo = await meeting.knock('cleo');
      ada.deny(idOf(ada, 'cleo'), reason);
      const error = await meeting.scheduler.run(failure(cleo.joined), { withinMs: 1000 });
      assert.deepEqual([error.code, error.message], ['denied', message]);
      await meeting.settle(1000);
      assert.equal(cleo.state, 'closed');
      assert.equal(ada.knocking.size, 0);
    }
    assert.deepEqual(meeting.server.log.filter(({ frame }) => frame.type === 'deny').map(({ frame }) => Object.keys(frame)), [
      ['type', 'peer', 'reason', 'ref'], ['type', 'peer', 'ref'],
    ]);
    await meeting.end();
  });

  test('lets in all, as far as there is room', async () => {
    const meeting = new LobbyMeeting({ capacity: 3 });
    const ada = await meeting.join('ada');
    for (const name of ['cleo', 'dan', 'eve']) await meeting.knock(name);
    ada.admitAll();
    await meeting.settle();
    assert.deepEqual(meeting.server.roster('room'), ['ada', 'cleo', 'dan']);
    assert.deepEqual(meeting.waiting, ['eve']);
    const told = ada.told.length;
    ada.admit(idOf(ada, 'eve'));
    await meeting.settle(1000);
    assert.deepEqual(ada.told.slice(told), ['error room-full null']);
    assert.deepEqual([...ada.knocking.values()].map(({ meta }) => meta), ['eve']);
    meeting.assertCalls();
    ada.kick([...ada.peers.keys()][0]);
    ada.admitAll();
    await meeting.settle();
    assert.deepEqual(meeting.server.roster('room'), ['ada', 'dan', 'eve']);
    meeting.assertCalls();
    await meeting.end();
  });

  test('is told of a peer that has left the lobby', async () => {
    const meeting = new LobbyMeeting();
    const ada = await meeting.join('ada');
    const cleo = await meeting.knock('cleo');
    void cleo.leave();
    await meeting.settle(100);
    assert.deepEqual(ada.told, ['knock cleo', 'knockgone cleo not there']);
    await meeting.end();
  });

  test('that comes late is told of all who wait, in their order', async () => {
    const meeting = new LobbyMeeting();
    for (const name of ['dan', 'cleo']) await meeting.knock(name);
    const ada = meeting.room('ada');
    const first = [];
    ada.on('statechange', ({ detail: { state } }) => { if (state === 'joined') first.push(...ada.knocking.values()); });
    await meeting.scheduler.run(ada.join(), { withinMs: 1000 });
    assert.deepEqual(first.map(({ meta }) => meta), ['dan', 'cleo']);
    await meeting.settle(100);
    assert.deepEqual(ada.told, ['knock dan', 'knock cleo']);
    for (const id of [...ada.knocking.keys()]) ada.admit(id);
    await meeting.settle();
    assert.deepEqual(ada.told.slice(2), ['knockgone dan not there', 'knockgone cleo not there']);
    meeting.rooms.get('ada').publish('camera', ada.page.camera());
    await meeting.settle();
    meeting.assertCalls();
    await meeting.end();
  });

  test('that was one before is told only what has changed', async () => {
    for (const resumed of ['full', 'partial', 'no']) {
      const meeting = new LobbyMeeting();
      const ada = await meeting.join('ada');
      const cleo = await meeting.knock('cleo');
      await meeting.knock('dan');
      meeting.server.nextResume(resumed);
      meeting.server.session('ada').socket.cut();
      void cleo.leave();
      await meeting.knock('eve');
      await meeting.settle(10_000);
      assert.equal(ada.state, 'joined');
      assert.deepEqual([...ada.knocking.values()].map(({ meta }) => meta), ['dan', 'eve'], resumed);
      assert.deepEqual(ada.told, ['knock cleo', 'knock dan', 'knockgone cleo not there', 'knock eve'], resumed);
      ada.admitAll();
      await meeting.settle();
      assert.equal(ada.knocking.size, 0);
      meeting.assertCalls();
      await meeting.end();
    }
  });

  test('ignores the list of a welcome after `full`: the messages follow', async () => {
    const meeting = new LobbyMeeting();
    const ada = await meeting.join('ada');
    await meeting.knock('cleo');
    meeting.server.overrides.knocking = [{ id: 'nobody', meta: 'nobody' }];
    meeting.server.session('ada').socket.cut();
    await meeting.settle(10_000);
    assert.deepEqual(ada.told, ['knock cleo']);
    assert.deepEqual([...ada.knocking.values()].map(({ meta }) => meta), ['cleo']);
  });

  test('forgets who waits when it leaves', async () => {
    const meeting = new LobbyMeeting();
    const ada = await meeting.join('ada');
    await meeting.knock('cleo');
    void ada.leave();
    assert.equal(ada.knocking.size, 0);
    assert.deepEqual(ada.told, ['knock cleo', 'knockgone cleo not there']);
    await meeting.scheduler.run(ada.join(), { withinMs: 3000 });
    await meeting.settle(100);
    assert.deepEqual(ada.told.slice(2), ['knock cleo']);
    await meeting.end();
  });

  test('that leaves when the first of them is announced is told of no other', async () => {
    const meeting = new LobbyMeeting();
    for (const name of ['cleo', 'dan']) await meeting.knock(name);
    const ada = meeting.room('ada');
    ada.on('knock', () => void ada.leave());
    await meeting.scheduler.run(ada.join(), { withinMs: 1000 });
    await meeting.settle(1000);
    assert.deepEqual(ada.told, ['knock cleo', 'knockgone cleo not there']);
    assert.equal(ada.knocking.size, 0);
    await meeting.end();
  });
});

describe('who becomes a moderator', () => {
  test('is told of all who wait, and forgets them with the permission', async () => {
    const meeting = new LobbyMeeting();
    const ada = await meeting.join('ada');
    const bob = await meeting.join('bob');
    await meeting.knock('cleo');
    assert.throws(() => bob.admit(idOf(ada, 'cleo')), { code: 'not-allowed' });
    ada.setPermissions(bob.self.id, ALL);
    await meeting.settle(100);
    assert.deepEqual(bob.told.splice(0), ['permissionschanged', 'knock cleo']);
    await meeting.knock('dan');
    assert.deepEqual([...bob.knocking.values()].map(({ meta }) => meta), ['cleo', 'dan']);
    ada.setPermissions(bob.self.id, ['signal', 'broadcast']);
    await meeting.settle(100);
    assert.deepEqual(bob.told.splice(0), ['knock dan', 'permissionschanged', 'knockgone cleo not there', 'knockgone dan not there']);
    await meeting.knock('eve');
    assert.deepEqual([bob.told, bob.knocking.size], [[], 0]);
    assert.equal(ada.knocking.size, 3);
    await meeting.end();
  });

  test('while it is away is told, too', async () => {
    for (const resumed of ['full', 'partial']) {
      const meeting = new LobbyMeeting();
      const ada = await meeting.join('ada');
      const bob = await meeting.join('bob');
      await meeting.knock('cleo');
      const cut = async (permissions) => {
        meeting.server.nextResume(resumed);
        meeting.server.session('bob').socket.cut();
        ada.setPermissions(bob.self.id, permissions);
        await meeting.settle(10_000);
      };
      await cut(ALL);
      assert.deepEqual(bob.told.splice(0), ['permissionschanged', 'knock cleo'], resumed);
      await cut(['signal', 'broadcast']);
      assert.deepEqual(bob.told.splice(0), ['permissionschanged', 'knockgone cleo not there'], resumed);
      assert.equal(bob.knocking.size, 0);
      await meeting.end();
    }
  });
});

describe('what cannot be done', () => {
  test('throws, and is not sent', async () => {
    const meeting = new LobbyMeeting();
    const ada = await meeting.join('ada');
    const bob = await meeting.join('bob');
    const cleo = await meeting.knock('cleo');
    const id = idOf(ada, 'cleo');
    for (const act of [(room) => room.admit(id), (room) => room.deny(id), (room) => room.admitAll()]) {
      assert.throws(() => act(bob), { code: 'not-allowed' });
      assert.throws(() => act(cleo), { code: 'state' });
    }
    for (const other of ['nobody', bob.self.id, ada.self.id, undefined]) {
      assert.throws(() => ada.admit(other), { code: 'no-such-peer' });
      assert.throws(() => ada.deny(other), { code: 'no-such-peer' });
    }
    // Who waits is not in the room.
    for (const act of [() => ada.setPermissions(id, ALL), () => ada.send(id, 1)]) {
      assert.throws(act, { code: 'no-such-peer' });
    }
    await meeting.settle(1000);
    const sent = meeting.server.log.filter(({ frame }) => ['admit', 'deny', 'admitAll', 'kick', 'permissions', 'signal'].includes(frame.type));
    assert.deepEqual(sent.filter(({ frame }) => frame.type !== 'signal'), []);
    void ada.leave();
    for (const act of [() => ada.admit(id), () => ada.deny(id), () => ada.admitAll()]) assert.throws(act, { code: 'state' });
    await meeting.end();
  });

  test('but who waits may be removed and banned', async () => {
    const meeting = new LobbyMeeting();
    const ada = await meeting.join('ada');
    await meeting.knock('cleo');
    const id = idOf(ada, 'cleo');
    ada.kick(id, 'no');
    ada.ban(id, 60);
    await meeting.settle(1000);
    const kicks = meeting.server.log.map(({ frame }) => frame).filter(({ type }) => type === 'kick');
    assert.deepEqual(kicks.map(({ peer, banSeconds }) => [peer, banSeconds]), [[id, undefined], [id, 60]]);
    await meeting.end();
  });

  test('is told by the server as an error', async () => {
    const meeting = new LobbyMeeting();
    const ada = await meeting.join('ada');
    await meeting.knock('cleo');
    const id = idOf(ada, 'cleo');
    ada.deny(id, 'ö'.repeat(129));
    for (const code of ['duplicate', 'room-full', 'not-allowed']) {
      meeting.server.rejectNext('admit', { code });
      ada.admit(id);
    }
    await meeting.settle(100);
    assert.deepEqual(ada.told, ['knock cleo', ...['bad-message', 'duplicate', 'room-full', 'not-allowed'].map((code) => `error ${code} null`)]);
    assert.deepEqual(meeting.waiting, ['cleo']);
    // Nothing of that is left: it may be admitted.
    ada.admit(id);
    await meeting.settle();
    meeting.assertCalls();
    await meeting.end();
  });

  test('is told if another moderator was faster', async () => {
    for (const [first, second] of [['admit', 'admit'], ['admit', 'deny'], ['deny', 'admit']]) {
      const meeting = new LobbyMeeting({ authorize: ({ page }) => ({ lobby: page === 'cleo', permissions: ALL }) });
      const ada = await meeting.join('ada');
      const bob = await meeting.join('bob');
      const cleo = await meeting.knock('cleo');
      const id = idOf(ada, 'cleo');
      ada[first](id);
      bob[second](id);
      await meeting.settle();
      assert.equal(cleo.state, first === 'admit' ? 'joined' : 'closed');
      assert.deepEqual(ada.told, ['knock cleo', 'knockgone cleo not there']);
      assert.deepEqual(bob.told.sort(), ['error no-such-peer null', 'knock cleo', 'knockgone cleo not there']);
      meeting.assertCalls();
      await meeting.end();
    }
  });

  test('is told once if it was done twice', async () => {
    const meeting = new LobbyMeeting();
    const ada = await meeting.join('ada');
    await meeting.knock('cleo');
    const id = idOf(ada, 'cleo');
    ada.admit(id);
    ada.admit(id);
    await meeting.settle();
    assert.deepEqual(ada.told, ['knock cleo', 'knockgone cleo not there', 'error no-such-peer null']);
    meeting.assertCalls();
    await meeting.end();
  });

  test('is done when the connection is back', async () => {
    for (const resumed of ['full', 'partial']) {
      const meeting = new LobbyMeeting();
      const ada = await meeting.join('ada');
      await meeting.knock('cleo');
      meeting.server.nextResume(resumed);
      meeting.server.session('ada').socket.cut();
      await meeting.scheduler.until(() => ada.state === 'away', { withinMs: 1000 });
      ada.admit(idOf(ada, 'cleo'));
      await meeting.settle();
      assert.deepEqual(ada.told, ['knock cleo', 'knockgone cleo not there'], resumed);
      meeting.assertCalls(resumed);
      await meeting.end();
    }
  });
});

test('another knock of the same peer replaces its meta: the old request is gone', () => {
  const told = [];
  const lobby = new Lobby((type, { peer }) => told.push([type, peer.meta]));
  lobby.knocked({ id: 'a', meta: { name: 'Ada' } });
  lobby.knocked({ id: 'a', meta: { name: 'Ada' } });
  lobby.reconcile([{ id: 'a', meta: { name: 'Ada L.' } }]);
  assert.deepEqual(told, [['knock', { name: 'Ada' }], ['knockgone', { name: 'Ada' }], ['knock', { name: 'Ada L.' }]]);
  assert.deepEqual([...lobby.peers.values()], [{ id: 'a', meta: { name: 'Ada L.' } }]);
});
