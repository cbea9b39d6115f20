// Objects behind a Proxy, as frameworks create them.

import '../support/abort-fix.js';

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { MeetRoom } from '../../src/meet-room.js';
import { RemotePeer } from '../../src/remote-peer.js';
import { RemoteSource } from '../../src/remote-source.js';
import { FakeTrack } from '../support/fake-media.js';
import { ConnectedPages } from './support/connected-pages.js';
import { Meeting } from './support/meeting.js';
import { Scene } from './support/scene.js';

const plain = (object) => new Proxy(object, {});

/**
 * As Vue's `reactive` does it: what is read is made a proxy, too, if it is an object, an array or a collection; and
 * collections get methods that work on what is behind the proxy.
 */
function deep(object) {
  return new Proxy(object, {
    get(target, key, receiver) {
      if (target instanceof Map) {
        if (key === 'size') return Reflect.get(target, key, target);
        const member = Reflect.get(target, key, target);
        if (key === 'get') return (name) => wrap(target.get(name));
        if (key === 'values' || key === Symbol.iterator) return () => [...member.call(target)].map(wrap).values();
        return typeof member === 'function' ? member.bind(target) : member;
      }
      return wrap(Reflect.get(target, key, receiver));
    },
  });
}

function wrap(value) {
  const type = Object.prototype.toString.call(value);
  return ['[object Object]', '[object Array]', '[object Map]'].includes(type) ? deep(value) : value;
}

async function two() {
  const meeting = new Meeting();
  const ada = await meeting.join('ada');
  const bob = await meeting.join('bob');
  await meeting.settle();
  return { meeting, ada, bob, peer: ada.peers.get(bob.self.id) };
}

for (const [kind, proxy] of [['a plain proxy', plain], ['a deep one', deep]]) {
  describe(`through ${kind}`, () => {
    test('a room can be read and used', async () => {
      const { meeting, ada, bob } = await two();
      const room = proxy(ada);
      const heard = [];
      const stop = room.on('message', ({ detail }) => heard.push(detail.data));
      room.addEventListener('message', ({ detail }) => heard.push(detail.data), { once: true });
      assert.equal(room.state, 'joined');
      assert.deepEqual([room.self.id, room.self.meta, room.self.permissions.length], [ada.self.id, 'ada', 2]);
      assert.equal(room.locked, false);
      assert.equal(room.peers.size, 1);
      assert.equal([...room.peers.values()][0].meta, 'bob');
      room.publish('screen', [new FakeTrack('video')]);
      room.setMuted('screen', 'video', true);
      assert.equal(room.isMuted('screen', 'video'), true);
      room.replaceTrack('screen', 'video', null);
      room.unpublish('screen');
      room.update('Ada');
      room.broadcast('hello');
      room.send(bob.self.id, 'psst');
      bob.broadcast('hi');
      await meeting.settle(1000);
      assert.deepEqual(bob.events.slice(-2), ['message Ada "hello"', 'message Ada "psst" direct']);
      assert.deepEqual(heard, ['hi', 'hi']);
      stop();
      room.removeEventListener('message', () => {});
      void room.leave();
      assert.equal(room.state, 'closed');
      await meeting.scheduler.run(room.join(), { withinMs: 10_000 });
      assert.equal(ada.state, 'joined');
    });

    test('a peer and its sources can be read and used', async () => {
      const { meeting, peer, bob } = await two();
      const seen = proxy(peer);
      assert.deepEqual([seen.id, seen.meta, seen.status, seen.connection], [bob.self.id, 'bob', 'here', 'connected']);
      assert.equal(seen.createDataChannel('whiteboard').label, 'whiteboard');
      assert.equal(typeof (await meeting.scheduler.run(seen.getStats())).get, 'function');
      const source = proxy(seen.sources.get('camera'));
      assert.deepEqual([source.name, source.audio.muted, source.audioLevel], ['camera', false, 0]);
      assert.equal(source.stream.getTracks().length, 2);
    });

    test('a transport can be read and used', async () => {
      const pages = new ConnectedPages();
      await pages.settle();
      const transport = proxy(pages.a.transport);
      assert.deepEqual([transport.state, transport.settled], ['connected', true]);
      assert.equal(transport.createDataChannel('whiteboard').label, 'whiteboard');
    });

    test('a socket can be read and used', async () => {
      const scene = new Scene();
      const socket = proxy(scene.socket('ada'));
      await scene.scheduler.run(socket.join(), { withinMs: 10_000 });
      socket.send({ type: 'broadcast', data: 1 });
      socket.update('Ada');
      assert.deepEqual([socket.state, socket.meta], ['joined', 'Ada']);
      void socket.leave();
      assert.equal(socket.state, 'closed');
    });
  });
}

test('methods work without their object', async () => {
  const { meeting, ada, bob, peer } = await two();
  const { publish, isMuted, setMuted, broadcast, on, addEventListener, leave } = ada;
  const { createDataChannel, getStats } = peer;
  const heard = [];
  on('statechange', ({ detail }) => heard.push(detail.state));
  addEventListener('statechange', ({ detail }) => heard.push(detail.state));
  publish('screen', [new FakeTrack('video')]);
  setMuted('screen', 'video', true);
  assert.equal(isMuted('screen', 'video'), true);
  broadcast('hello');
  createDataChannel('whiteboard');
  await meeting.scheduler.run(getStats());
  await meeting.settle(1000);
  assert.ok(bob.events.includes('message ada "hello"'));
  void leave();
  await null;
  assert.deepEqual(heard, ['closed', 'closed']);
});

test('every public member is bound, and an application’s own subclass overrides it', () => {
  const own = (object) => Object.getOwnPropertyNames(object);
  const members = (type) => Object.getOwnPropertyNames(type.prototype).filter((name) => name !== 'constructor');
  class Louder extends MeetRoom {
    broadcast(data) {
      return `${super.isMuted('x', 'audio')} ${data}!`;
    }
  }
  const room = new Louder('/signal/room', { environment: new Meeting().harness.page('ada').environment });
  for (const name of [...members(MeetRoom), 'on', 'addEventListener', 'removeEventListener', 'dispatchEvent']) {
    assert.ok(own(room).includes(name), name);
  }
  assert.equal(plain(room).broadcast('hello'), 'false hello!');
  assert.deepEqual(Object.keys(room), [], 'nothing more shows');
  const source = new RemoteSource('camera', null);
  for (const name of members(RemoteSource)) assert.ok(own(source).includes(name), name);
  const peer = new RemotePeer({ id: 'bob' }, null, null);
  for (const name of members(RemotePeer)) assert.ok(own(peer).includes(name), name);
  // A test of an application may put its own in their place.
  room.leave = () => 'left';
  assert.equal(room.leave(), 'left');
});
