// The client does not attempt what its permissions exclude.

import '../support/abort-fix.js';

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { FakeTrack } from '../support/fake-media.js';
import { Meeting } from './support/meeting.js';

/** Ada lacks what is not listed; Bob may do everything. */
async function meet(permissions) {
  const grants = { ada: permissions, cleo: permissions };
  const meeting = new Meeting({ server: { authorize: ({ page }) => ({ permissions: grants[page] ?? ['signal', 'broadcast'] }) } });
  const bob = await meeting.join('bob');
  const ada = await meeting.join('ada');
  const errors = [];
  for (const room of [ada]) room.on('error', ({ detail }) => errors.push(detail.error.code));
  await meeting.settle(20_000);
  return { meeting, ada, bob, errors, grants };
}

const isOpen = ({ signalingState }) => signalingState !== 'closed';

test('without `broadcast`, broadcasting throws, and everything else works', async () => {
  const { meeting, ada, bob, errors } = await meet(['signal']);
  assert.throws(() => ada.broadcast('hello'), { code: 'not-allowed' });
  ada.send(bob.self.id, 'psst');
  bob.broadcast('hello');
  await meeting.settle(1000);
  meeting.assertCalls();
  assert.ok(bob.events.includes('message ada "psst" direct'));
  assert.ok(ada.events.includes('message bob "hello"'));
  assert.deepEqual(errors, []);
});

test('without `signal`, there are no connections, and nothing is tried', async () => {
  const { meeting, ada, bob, errors } = await meet(['broadcast']);
  const [peer] = ada.peers.values();
  assert.equal(peer.connection, 'none');
  assert.throws(() => ada.send(bob.self.id, 'psst'), { code: 'not-allowed' });
  assert.throws(() => peer.createDataChannel('whiteboard'), { code: 'not-allowed' });
  await assert.rejects(peer.getStats(), { code: 'not-allowed' });
  ada.publish('camera', [new FakeTrack('video')]);
  ada.setMuted('camera', 'video', true);
  ada.broadcast('hello');
  bob.send(ada.self.id, 'psst');
  for (let minute = 0; minute < 10; minute += 1) {
    await meeting.settle(60_000);
    meeting.server.session('ada').socket.cut();
  }
  await meeting.settle(5000);
  assert.deepEqual(errors, []);
  assert.ok(!ada.page.connections.some(isOpen));
  assert.deepEqual(meeting.server.log.filter(({ page, frame }) => page === 'ada' && frame.type === 'signal'), []);
  assert.ok(bob.events.includes('message ada "hello"'));
  assert.ok(ada.events.includes('message bob "psst" direct'));
  assert.deepEqual([...peer.sources], []);
});

test('without `signal` on both sides, there are none either', async () => {
  const { meeting, ada } = await meet([]);
  const cleo = await meeting.join('cleo');
  await meeting.settle();
  assert.deepEqual([...ada.peers.values()].map(({ meta, connection }) => [meta, connection]), [['bob', 'none'], ['cleo', 'none']]);
  assert.ok(!cleo.page.connections.some(isOpen));
  void ada.leave();
  assert.throws(() => ada.broadcast('hello'), { code: 'state' }, 'that it has left comes first');
});

test('a permission that comes with another session is used', async () => {
  const { meeting, ada, grants } = await meet([]);
  grants.ada = ['signal', 'broadcast'];
  meeting.server.nextResume('no');
  meeting.server.session('ada').socket.cut();
  await meeting.settle();
  assert.deepEqual(ada.self.permissions, ['signal', 'broadcast']);
  meeting.assertCalls();
});

test('a message to nobody throws', async () => {
  const { meeting, ada, bob } = await meet(['signal', 'broadcast']);
  const { id } = bob.self;
  meeting.server.session('bob').socket.cut();
  await meeting.settle(100);
  ada.send(id, 'it is kept for its return');
  void bob.leave();
  await meeting.settle(60_000);
  for (const nobody of [id, ada.self.id, '', undefined, 'x']) {
    assert.throws(() => ada.send(nobody, 'psst'), { code: 'no-such-peer' });
  }
  void ada.leave();
  assert.throws(() => ada.send(id, 'psst'), { code: 'state' });
});
