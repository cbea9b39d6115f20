// Moderators remove, ban and lock out, and change what others may do.

import '../support/abort-fix.js';

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { FakeTrack } from '../support/fake-media.js';
import { Meeting } from './support/meeting.js';

const ALL = ['signal', 'broadcast', 'moderate'];

/** Ada moderates. Each has the identity of their name, without a number at its end. */
async function meet(...names) {
  const grants = {};
  const meeting = new Meeting({
    server: {
      authorize: ({ page }) => ({
        permissions: page === 'ada' || page === 'cleo' ? ALL : ['signal', 'broadcast'],
        identity: page.replace(/\d$/, ''),
        ...grants[page],
      }),
    },
  });
  const rooms = [];
  for (const name of names) rooms.push(await meeting.join(name));
  const told = [];
  for (const room of rooms) {
    room.on('permissionschanged', ({ detail: { peer, permissions } }) => told.push(`${room.self.meta}: ${peer?.meta ?? 'self'} ${permissions}`));
    room.on('locked', ({ detail }) => told.push(`${room.self.meta}: ${detail.locked}`));
    room.on('lobbychanged', ({ detail }) => told.push(`${room.self.meta}: lobby ${detail.enabled} ${room.lobby}`));
    room.on('error', ({ detail }) => told.push(`${room.self.meta}: ${detail.error.code}`));
  }
  await meeting.settle();
  return { meeting, rooms, told, grants };
}

test('each page knows what each may do', async () => {
  const { rooms: [ada, bob] } = await meet('ada', 'bob');
  assert.ok(ada.can('moderate') && ada.can('signal'));
  assert.ok(!bob.can('moderate') && bob.can('broadcast'));
  assert.deepEqual([...bob.peers.values()].map(({ permissions }) => permissions), [ALL]);
  assert.deepEqual([...ada.peers.values()].map(({ permissions }) => permissions), [['signal', 'broadcast']]);
  void bob.leave();
  assert.ok(!bob.can('broadcast'), 'without a session');
});

test('a page that was removed is told why, and stays out', async () => {
  const { meeting, rooms: [ada, bob, cleo] } = await meet('ada', 'bob', 'cleo');
  const ends = [];
  bob.on('statechange', ({ detail }) => ends.push([detail.state, detail.reason.code, detail.reason.message, detail.reason.retryable]));
  ada.kick(bob.self.id, 'Too loud.');
  await meeting.settle();
  assert.deepEqual(ends, [['closed', 'kicked', 'Too loud.', false]]);
  assert.equal(bob.peers.size, 0);
  assert.equal(cleo.peers.size, 1);
  meeting.assertCalls();
});

test('a banned user is out with all pages, and cannot join again', async () => {
  const { meeting, rooms: [ada, bob, tablet] } = await meet('ada', 'bob1', 'bob2');
  ada.ban(bob.self.id, 600);
  await meeting.settle();
  assert.deepEqual([bob.state, tablet.state], ['closed', 'closed']);
  await assert.rejects(meeting.scheduler.run(bob.join(), { withinMs: 60_000 }), { code: 'banned', retryable: false });
  await meeting.clock.advance(600_000);
  await meeting.scheduler.run(bob.join(), { withinMs: 60_000 });
  await meeting.settle();
  meeting.assertCalls();
});

test('a locked room is closed for new pages, not for those in it', async () => {
  const { meeting, rooms: [ada, bob], told } = await meet('ada', 'bob');
  ada.lock(true);
  await meeting.settle();
  assert.deepEqual(told.splice(0).sort(), ['ada: true', 'bob: true']);
  const cleo = meeting.room('cleo', { retry: () => null });
  await assert.rejects(meeting.scheduler.run(cleo.join(), { withinMs: 60_000 }), { code: 'room-locked' });
  meeting.server.session('bob').socket.cut();
  await meeting.settle();
  assert.ok(bob.locked);
  ada.lock(false);
  await meeting.settle();
  assert.ok(!bob.locked);
  await meeting.scheduler.run(cleo.join(), { withinMs: 60_000 });
  await meeting.settle();
  cleo.publish('camera', cleo.page.camera());
  await meeting.settle();
  meeting.assertCalls();
});

test('each page knows whether the room has a lobby', async () => {
  const { meeting, rooms: [ada, bob], told } = await meet('ada', 'bob');
  assert.deepEqual([ada.lobby, bob.lobby], [false, false]);
  ada.setLobby(true);
  assert.equal(ada.lobby, false, 'until the server says so');
  await meeting.settle();
  assert.deepEqual(told.splice(0).sort(), ['ada: lobby true true', 'bob: lobby true true']);
  // Those who moderate do not wait.
  const cleo = await meeting.join('cleo');
  assert.equal(cleo.lobby, true);
  for (const resumed of ['full', 'partial']) {
    const enabled = resumed === 'partial';
    meeting.server.nextResume(resumed);
    meeting.server.session('bob').socket.cut();
    ada.setLobby(enabled);
    await meeting.settle();
    assert.deepEqual([ada.lobby, bob.lobby, cleo.lobby], [enabled, enabled, enabled]);
    assert.deepEqual(told.splice(0).sort(), [`ada: lobby ${enabled} ${enabled}`, `bob: lobby ${enabled} ${enabled}`]);
  }
  ada.setLobby(true);
  await meeting.settle();
  assert.deepEqual(told, [], 'no change');
  meeting.assertCalls();
});

test('without `signal` connections end at both ends, and with it they begin again', async () => {
  const { meeting, rooms: [ada, bob, cleo], told } = await meet('ada', 'bob', 'cleo');
  ada.setPermissions(bob.self.id, ['broadcast']);
  await meeting.settle();
  const name = (room) => room.self.meta;
  assert.deepEqual(told.splice(0).sort(), ['ada: bob broadcast', 'bob: self broadcast', 'cleo: bob broadcast']);
  for (const [one, other] of [[ada, bob], [cleo, bob], [bob, ada], [bob, cleo]]) {
    const peer = one.peers.get(other.self.id);
    assert.equal(peer.connection, 'none', `${name(one)} and ${name(other)}`);
    assert.deepEqual([...peer.sources], []);
  }
  assert.equal(ada.peers.get(cleo.self.id).connection, 'connected');
  assert.throws(() => bob.send(ada.self.id, 1), { code: 'not-allowed' });
  assert.equal(meeting.harness.network.open, 2, 'ends of a connection');

  ada.setPermissions(bob.self.id, ALL);
  await meeting.settle();
  assert.ok(bob.can('moderate'));
  meeting.assertCalls();
  bob.setPermissions(ada.self.id, []);
  await meeting.settle();
  assert.throws(() => ada.lock(true), { code: 'not-allowed' });
  assert.deepEqual(told.filter((line) => line.endsWith('not-allowed')), []);
});

test('a permission that changes while a page is away is known when it is back', async () => {
  for (const resumed of ['full', 'partial']) {
    const { meeting, rooms: [ada, bob, cleo] } = await meet('ada', 'bob', 'cleo');
    meeting.server.nextResume(resumed);
    meeting.server.session('cleo').socket.cut();
    ada.setPermissions(bob.self.id, []);
    ada.setPermissions(cleo.self.id, ALL);
    await meeting.settle();
    assert.deepEqual(cleo.peers.get(bob.self.id).permissions, [], resumed);
    assert.equal(cleo.peers.get(bob.self.id).connection, 'none', resumed);
    assert.ok(cleo.can('moderate'), resumed);
    assert.equal(cleo.peers.get(ada.self.id).connection, 'connected', resumed);
  }
});

test("a change of this page's own `signal` is known after a `partial`", async () => {
  const { meeting, rooms: [ada, bob, cleo], told } = await meet('ada', 'bob', 'cleo');
  const cut = async (permissions) => {
    meeting.server.nextResume('partial');
    meeting.server.session('cleo').socket.cut();
    ada.setPermissions(cleo.self.id, permissions);
    await meeting.settle();
  };
  await cut(['broadcast']);
  assert.deepEqual([...cleo.peers.values()].map(({ connection }) => connection), ['none', 'none']);
  assert.ok(told.includes('cleo: self broadcast'));
  assert.equal(meeting.harness.network.open, 2);
  await cut(['signal', 'broadcast']);
  meeting.assertCalls();
  assert.deepEqual(told.filter((line) => /media|not-allowed/.test(line)), []);
  assert.ok(bob.peers.size === 2);
});

test('connections begin again whatever one end has missed, and whatever is still under way', async () => {
  for (const resumed of ['full', 'partial']) {
    for (const away of ['ada', 'bob']) {
      const { meeting, rooms: [ada, bob, cleo] } = await meet('ada', 'bob', 'cleo');
      const one = away === 'ada' ? ada : bob;
      meeting.server.nextResume(resumed);
      meeting.server.session(away).socket.cut();
      // What it sends now is under way while the others hear of the permissions.
      one.publish('screen', [new FakeTrack('video')]);
      one.unpublish('screen');
      cleo.setPermissions(bob.self.id, ['broadcast']);
      cleo.setPermissions(bob.self.id, ['signal', 'broadcast']);
      // Sooner than a connection without a route is given up, also if an offer was lost after a `partial`.
      await meeting.settle(10_000);
      meeting.assertCalls(`${away} ${resumed}`);
    }
  }
});

for (const [resumed, isDone] of [['full', true], ['partial', true], ['no', false]]) {
  test(`what waits for a connection is ${isDone ? 'done' : 'not done, and told,'} after \`${resumed}\``, async () => {
    const { meeting, rooms: [ada, bob, cleo], told } = await meet('ada', 'bob', 'cleo');
    meeting.server.nextResume(resumed);
    meeting.server.session('ada').socket.cut();
    await meeting.scheduler.until(() => ada.state === 'away', { withinMs: 1000 });
    ada.lock(true);
    ada.setPermissions(cleo.self.id, ['signal']);
    ada.kick(bob.self.id);
    ada.broadcast('back again');
    await meeting.settle();
    assert.equal(ada.state, 'joined');
    assert.deepEqual([cleo.locked, cleo.can('moderate'), bob.state], isDone ? [true, false, 'closed'] : [false, true, 'joined']);
    assert.deepEqual(told.filter((line) => /^ada: [a-z-]+$/.test(line) && !/true|false/.test(line)), isDone ? [] : Array(3).fill('ada: lost'));
    assert.ok(cleo.events.includes('message ada "back again"'));
    meeting.assertCalls();
  });
}

test('connections that a page offers while it loses `signal` are no error', async () => {
  for (const resumed of ['full', null]) {
    const { meeting, rooms: [ada, bob], told } = await meet('ada', 'bob', 'cleo');
    if (resumed !== null) {
      meeting.server.nextResume(resumed);
      meeting.server.session('bob').socket.cut();
      await meeting.scheduler.until(() => bob.state === 'away', { withinMs: 1000 });
    }
    ada.setPermissions(bob.self.id, ['broadcast']);
    for (let n = 0; n < 5; n += 1) bob.publish(`source ${n}`, [new FakeTrack('video')]);
    bob.send(ada.self.id, 'a message of the application');
    await meeting.settle();
    const signals = meeting.server.log.filter(({ page, frame }) => page === 'bob' && frame.type === 'signal' && frame.data.message === undefined);
    assert.ok(signals.length > 0);
    assert.ok(!bob.can('signal'));
    assert.deepEqual(told.filter((line) => line.startsWith('bob: ')), ['bob: self broadcast', 'bob: not-allowed']);
  }
});

test('a ban takes a number of seconds', async () => {
  const { rooms: [ada, bob] } = await meet('ada', 'bob');
  for (const seconds of [undefined, null, NaN, Infinity, 0, -1, 1.5, '60']) {
    assert.throws(() => ada.ban(bob.self.id, seconds), { code: 'bad-message' });
  }
});

test('what may not or cannot be done throws, and is not sent', async () => {
  const { meeting, rooms: [ada, bob], told } = await meet('ada', 'bob');
  const sent = () => meeting.server.log.filter(({ frame }) => ['kick', 'lock', 'lobby', 'permissions'].includes(frame.type)).length;
  for (const call of [() => bob.kick(ada.self.id), () => bob.ban(ada.self.id, 1), () => bob.lock(true), () => bob.setLobby(true), () => bob.setPermissions(bob.self.id, ALL)]) {
    assert.throws(call, { code: 'not-allowed' });
  }
  for (const call of [() => ada.kick('nobody'), () => ada.ban('nobody', 1), () => ada.setPermissions('nobody', ALL)]) {
    assert.throws(call, { code: 'no-such-peer' });
  }
  await meeting.settle();
  assert.equal(sent(), 0);
  ada.kick(bob.self.id, 'x'.repeat(257));
  ada.ban(bob.self.id, 86_401);
  await meeting.settle();
  assert.deepEqual(told, ['ada: bad-message', 'ada: bad-message']);
  meeting.assertCalls();
  void ada.leave();
  assert.throws(() => ada.lock(true), { code: 'state' });
  assert.throws(() => ada.setLobby(true), { code: 'state' });
});

test('data that the application changes is known to the page itself', async () => {
  const { meeting, rooms: [ada, bob], told } = await meet('ada', 'bob');
  meeting.server.setMeta(meeting.server.session('bob'), 'Robert');
  await meeting.settle();
  assert.equal(bob.self.meta, 'Robert');
  assert.equal(ada.peers.get(bob.self.id).meta, 'Robert');
  bob.update('Bob again');
  await meeting.settle();
  assert.equal(bob.self.meta, 'Robert');
  assert.deepEqual(told, ['Robert: not-allowed']);
});
