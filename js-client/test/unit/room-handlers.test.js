// Any call in any handler has the same result as a tick later.

import '../support/abort-fix.js';

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';

import fc from 'fast-check';

import { MeetRoom } from '../../src/meet-room.js';
import { Moderation } from '../../src/moderation.js';
import { RemotePeer } from '../../src/remote-peer.js';
import { FakeTrack } from '../support/fake-media.js';
import { Meeting } from './support/meeting.js';

/** Every event, as the room's types have them. */
const EVENTS = (() => {
  const source = readFileSync(new URL('../../src/room-types.js', import.meta.url), 'utf8');
  const [, list] = /@typedef \{\{\n([^]*?)\}\} RoomEvents/.exec(source);
  return [...list.matchAll(/^ \* {3}(\w+):/gm)].map(([, name]) => name);
})();

/** Every public member, with arguments. A new one has to be added here. */
const ROOM = {
  state: (room) => room.state,
  self: (room) => room.self,
  peers: (room) => room.peers.size,
  knocking: (room) => room.knocking.size,
  locked: (room) => room.locked,
  lobby: (room) => room.lobby,
  iceServers: (room) => room.iceServers.length,
  prepare: (room) => void room.prepare(),
  join: (room) => void room.join().catch(() => {}),
  leave: (room) => void room.leave(),
  publish: (room) => room.publish('screen', [new FakeTrack('video')]),
  replaceTrack: (room) => room.replaceTrack('camera', 'video', new FakeTrack('video')),
  setMuted: (room) => room.setMuted('camera', 'audio', true),
  isMuted: (room) => room.isMuted('camera', 'audio'),
  unpublish: (room) => room.unpublish('camera'),
  update: (room) => room.update('somebody else'),
  broadcast: (room) => room.broadcast('hello'),
  send: (room) => { for (const id of room.peers.keys()) room.send(id, 'psst'); },
  can: (room) => room.can('signal'),
  admit: (room) => { for (const id of room.knocking.keys()) room.admit(id); },
  deny: (room) => { for (const id of room.knocking.keys()) room.deny(id, 'not now'); },
  admitAll: (room) => room.admitAll(),
  kick: (room) => { for (const id of room.peers.keys()) room.kick(id, 'out'); },
  ban: (room) => { for (const id of room.peers.keys()) room.ban(id, 60); },
  lock: (room) => room.lock(true),
  setLobby: (room) => room.setLobby(true),
  setPermissions: (room) => { for (const id of room.peers.keys()) room.setPermissions(id, ['moderate']); },
};
const PEER = {
  connection: (peer) => peer.connection,
  createDataChannel: (peer) => peer.createDataChannel('whiteboard'),
  getStats: (peer) => void peer.getStats().catch(() => {}),
};
const INTERNAL = ['constructor', 'setTransport', 'updateSources', 'removeSources'];

/** Beside the members: what pages do together in one handler. */
const TOGETHER = {
  'leave and join': (room) => { void room.leave(); void room.join().catch(() => {}); },
  'leave, join and leave': (room) => { void room.leave(); void room.join().catch(() => {}); void room.leave(); },
  'publish, setMuted and leave': (room) => { ROOM.publish(room); room.setMuted('screen', 'video', true); void room.leave(); },
};

const CALLS = {
  ...ROOM,
  ...Object.fromEntries(Object.entries(PEER).map(([name, call]) => [
    `${name} of a peer`,
    (room, { peer }) => { for (const one of peer instanceof RemotePeer ? [peer] : room.peers.values()) call(one); },
  ])),
  ...TOGETHER,
};

test('the table knows every member', () => {
  const members = ({ prototype }) => Object.getOwnPropertyNames(prototype).filter((name) => !INTERNAL.includes(name));
  assert.deepEqual([...members(MeetRoom), ...members(Moderation)].sort(), Object.keys(ROOM).sort());
  assert.deepEqual(members(RemotePeer).sort(), Object.keys(PEER).sort());
  assert.ok(EVENTS.length >= 16, EVENTS.join());
});

/**
 * A room in which everything happens once that can be told, and what is left in the end.
 *
 * @param {[type: string, call: string][]} handlers at the first event of this type, or of this state, this is called
 * @param {(act: () => void) => void} [when] in the handler, or later
 */
async function scene(handlers, when = (act) => act()) {
  // Ada waits before the first time only.
  let isOpen = false;
  const authorize = ({ page }) => ({
    permissions: ['signal', 'broadcast', 'moderate'],
    lobby: page === 'dan' || (page === 'ada' && !isOpen),
  });
  const limits = { authorizeTimeoutMs: 300_000 };
  const meeting = new Meeting({ server: { iceServers: [{ urls: 'stun:a.example' }], authorize, limits } });
  const bob = await meeting.join('bob');
  const cleo = await meeting.join('cleo');
  const ada = meeting.room('ada');
  // Before the handler: who listens after it meets what it has done.
  const log = [];
  for (const each of EVENTS) ada.on(each, ({ detail }) => log.push({ type: each, ...detail, complete: isComplete(ada, each, detail) }));
  let calls = 0;
  for (const [type, call] of handlers) {
    const [event, state] = type.split(' ');
    const stop = ada.on(event, ({ detail }) => {
      if (state !== undefined && detail.state !== state) return;
      stop();
      calls += 1;
      when(() => attempt(() => CALLS[call](ada, detail)));
    });
  }

  const camera = ada.page.camera();
  ada.publish('camera', camera);
  ada.join().catch(() => {});
  await meeting.settle(20_000);
  const adas = () => (meeting.server.roster('room').includes('ada') ? meeting.server.session('ada') : null);
  const step = async (act) => { attempt(act); await meeting.settle(20_000); };
  await step(() => meeting.server.end('ada')?.cut());
  isOpen = true;
  await step(() => bob.admitAll());
  const dan = meeting.room('dan');
  await step(() => void dan.join().catch(() => {}));
  await step(() => void dan.leave());
  await step(() => bob.broadcast('hello'));
  await step(() => bob.peers.get(ada.self?.id)?.createDataChannel('chat'));
  await step(() => bob.setMuted('camera', 'audio', true));
  await step(() => bob.publish('screen', [new FakeTrack('video')]));
  await step(() => bob.unpublish('screen'));
  await step(() => bob.update('Bob'));
  await step(() => bob.setPermissions(cleo.self?.id, ['signal', 'broadcast']));
  await step(() => bob.setPermissions(ada.self?.id, ['broadcast', 'moderate']));
  await step(() => bob.setPermissions(ada.self?.id, ['signal', 'broadcast', 'moderate']));
  await step(() => { bob.lock(true); bob.lock(false); });
  await step(() => { bob.setLobby(true); bob.setLobby(false); });
  await step(() => {
    const session = adas();
    if (session === null) return;
    meeting.server.app(session, 'notice');
  });
  await step(() => { meeting.server.rejectNext('broadcast', { code: 'unavailable' }); ada.broadcast('x'); });
  await step(() => camera.getVideoTracks()[0].end());
  await step(() => adas()?.socket?.cut());
  await step(() => { meeting.server.nextResume('partial'); adas()?.socket?.cut(); });
  await step(() => { meeting.server.nextResume('no'); adas()?.socket?.cut(); });
  await step(() => meeting.server.close(meeting.server.session('bob'), 4507));
  await step(() => { if (adas()) meeting.server.close(adas(), 4507); });
  const end = {
    calls,
    state: ada.state,
    meta: ada.self?.meta,
    locked: ada.locked,
    lobby: ada.lobby,
    knocking: ada.knocking.size,
    muted: ['camera', 'screen'].map((name) => ['audio', 'video'].map((kind) => ada.isMuted(name, kind))),
    peers: shown(ada),
    roster: meeting.server.roster('room'),
    others: shown(cleo),
    connections: meeting.harness.network.open,
    listeners: meeting.harness.network.listenerCount,
    sockets: meeting.harness.server.sockets.open,
  };
  for (const room of [ada, bob, cleo, dan]) void room.leave();
  await meeting.settle(60_000);
  assertInOrder(log);
  return { end, leaks: meeting.harness.leaks };
}

/** What throws because of the state it meets throws at any time. */
function attempt(act) {
  try {
    act();
  } catch (error) {
    assert.ok(['state', 'no-such-peer', 'not-allowed'].includes(error.code) || error.name === 'InvalidStateError', error);
  }
}

function shown(room) {
  return [...room.peers.values()].map(({ meta, status, connection, sources }) => ({
    meta,
    status,
    connection,
    sources: [...sources.values()].map(({ name, audio, video }) => [name, audio?.muted, video?.muted]),
  }));
}

/** Whether an event tells what can be read. */
function isComplete(room, type, { peer, source, state, locked, enabled, permissions }) {
  switch (type) {
    case 'peerleft':
    case 'sourceremoved': return room.peers.get(peer.id)?.sources.get(source?.name) !== (source ?? null);
    case 'sourceadded':
    case 'sourcechanged': return room.peers.get(peer.id) === peer && peer.sources.get(source.name) === source;
    case 'error': return peer === null || room.peers.get(peer.id) === peer;
    case 'waiting': return room.state === 'waiting';
    case 'knock': return room.knocking.get(peer.id) === peer;
    case 'knockgone': return room.knocking.get(peer.id) !== peer;
    case 'locked': return room.locked === locked;
    case 'lobbychanged': return room.lobby === enabled;
    case 'permissionschanged': return (peer ?? room.self).permissions === permissions;
    case 'statechange': return state !== 'joined' || room.self !== null;
    default: return peer === undefined || room.peers.get(peer.id) === peer;
  }
}

/** Each peer and each source begins and ends once, and everything about it comes in between. */
function assertInOrder(log) {
  const there = new Set();
  const known = [];
  for (const { type, peer, source, complete, ...more } of log) {
    const note = () => `${type} ${JSON.stringify(more)} after ${known.join()}`;
    if (type !== 'statechange') assert.ok(complete, note());
    if (type === 'peerjoined' || type === 'knock') assert.ok(!there.has(peer) && there.add(peer), note());
    else if (type === 'sourceadded') assert.ok(there.has(peer) && !there.has(source) && there.add(source), note());
    else if (type === 'sourceremoved') assert.ok(there.has(peer) && there.delete(source), note());
    else if (type === 'knockgone') assert.ok(there.delete(peer), note());
    else if (type === 'peerleft') {
      assert.ok(there.delete(peer), note());
      assert.ok([...peer.sources.values()].every((one) => !there.has(one)), note());
    } else {
      if (peer) assert.ok(there.has(peer), note());
      if (source) assert.ok(there.has(source), note());
    }
    known.push(type);
  }
  assert.equal(there.size, 0, `not ended: ${known.join()}`);
}

const STATES = ['connecting', 'waiting', 'away', 'resuming', 'joined', 'closed'];
const TYPES = EVENTS.flatMap((type) => (type === 'statechange' ? STATES.map((state) => `${type} ${state}`) : [type]));
const NO_LEAKS = { connections: 0, sockets: 0, timers: 0, listeners: 0 };

describe('a handler', () => {
  test('is there for each event of the scene', async () => {
    for (const type of TYPES) {
      const { end } = await scene([[type, 'state']]);
      assert.equal(end.calls, 1, type);
    }
  });

  for (const type of TYPES) {
    test(`of ${type} may call anything`, async () => {
      for (const call of Object.keys(CALLS)) {
        const inside = await scene([[type, call]]);
        const later = await scene([[type, call]], (act) => queueMicrotask(() => queueMicrotask(act)));
        assert.deepEqual(inside.end, later.end, call);
        assert.deepEqual(inside.leaks, NO_LEAKS, call);
        assert.deepEqual(later.leaks, NO_LEAKS, call);
      }
    });
  }

  test('may call anything, whatever other handlers call', async () => {
    const handler = fc.tuple(fc.constantFrom(...TYPES), fc.constantFrom(...Object.keys(CALLS)));
    await fc.assert(fc.asyncProperty(fc.array(handler, { minLength: 2, maxLength: 8 }), async (handlers) => {
      const { leaks } = await scene(handlers);
      assert.deepEqual(leaks, NO_LEAKS);
    }), { numRuns: Number(process.env.PROPERTY_RUNS ?? 60) });
  });

  test('that throws disturbs neither the others nor the room', async () => {
    const thrown = [];
    process.setUncaughtExceptionCaptureCallback((error) => thrown.push(error.message));
    try {
      const meeting = new Meeting();
      const ada = meeting.room('ada');
      for (const type of EVENTS) ada.on(type, () => { throw new Error(type); });
      const told = [];
      ada.on('peerjoined', ({ detail }) => told.push(detail.peer.meta));
      ada.publish('camera', ada.page.camera());
      for (const name of ['bob', 'cleo']) await meeting.join(name);
      await meeting.scheduler.run(ada.join(), { withinMs: 10_000 });
      await meeting.settle();
      meeting.assertCalls();
      assert.deepEqual(told, ['bob', 'cleo']);
      assert.ok(thrown.includes('peerjoined') && thrown.includes('sourceadded'), thrown.join());
    } finally {
      process.setUncaughtExceptionCaptureCallback(null);
    }
  });

  test('of the state finds everybody in the room', async () => {
    const meeting = new Meeting();
    for (const name of ['bob', 'cleo']) await meeting.join(name);
    const ada = meeting.room('ada');
    const found = [];
    ada.on('statechange', ({ detail: { state } }) => {
      if (state === 'joined') found.push(ada.state, typeof ada.self.id, [...ada.peers.values()].map(({ meta }) => meta));
    });
    await meeting.scheduler.run(ada.join(), { withinMs: 10_000 });
    assert.deepEqual(found, ['joined', 'string', ['bob', 'cleo']]);
    assert.deepEqual(ada.events.map((event) => event.split(' ')[0]), ['state', 'state', 'peerjoined', 'peerjoined']);
  });
});

test('a page that leaves when the first peer is announced gets no other peer', async () => {
  const meeting = new Meeting();
  for (const name of ['bob', 'cleo', 'dan']) await meeting.join(name);
  const ada = meeting.room('ada');
  ada.on('peerjoined', () => void ada.leave());
  await meeting.scheduler.run(ada.join(), { withinMs: 10_000 });
  await meeting.settle(1000);
  assert.deepEqual(ada.events.map((event) => event.split(' ').slice(0, event.startsWith('state') ? 2 : 1).join(' ')), [
    'state connecting', 'state joined', 'peerjoined', 'state closed', 'peerleft',
  ]);
  assert.equal(ada.peers.size, 0);
  assert.deepEqual(ada.page.connections.map(({ connectionState }) => connectionState).filter((state) => state !== 'closed'), []);
});
