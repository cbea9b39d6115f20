// Meetings of several pages on one server, in memory.

import '../support/abort-fix.js';

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { FakeTrack } from '../support/fake-media.js';
import { Meeting } from './support/meeting.js';

describe('a meeting', () => {
  test('of five who come one by one', async () => {
    const meeting = new Meeting();
    for (const name of ['ada', 'bob', 'cleo', 'dan', 'eve']) await meeting.join(name);
    await meeting.settle();
    meeting.assertCalls();
  });

  test('of four who come at once, under any schedule', async () => {
    for (let seed = 0; seed < 25; seed += 1) {
      const meeting = new Meeting({ seed });
      await meeting.joinTogether(['ada', 'bob', 'cleo', 'dan']);
      await meeting.settle();
      meeting.assertCalls(`seed ${seed}`);
    }
  });

  test('in which anything happens, under any schedule', async () => {
    for (let seed = 0; seed < 40; seed += 1) {
      const meeting = new Meeting({ seed });
      const { random } = meeting.scheduler;
      const names = ['ada', 'bob', 'cleo', 'dan'];
      for (const name of names) meeting.roomWithCamera(name);
      for (let act = 0; act < 25; act += 1) {
        const name = names[random.below(names.length)];
        const room = meeting.rooms.get(name);
        const isMember = room.state !== 'idle' && room.state !== 'closed';
        [
          () => { if (!isMember) room.join().catch(() => {}); },
          () => { if (!isMember) room.join().catch(() => {}); },
          () => { if (random.below(3) === 0) void room.leave(); },
          () => { if (isMember && room.self !== null) meeting.server.session(name).socket?.cut(); },
          () => meeting.server.nextResume(random.below(2) === 0 ? 'partial' : 'no'),
          () => room.publish('camera', room.page.camera()),
          () => room.replaceTrack('camera', 'video', new FakeTrack('video')),
          () => meeting.harness.network.cut(name),
          () => meeting.harness.network.mend(name),
        ].at(random.below(9))?.call(null);
        if (random.below(2) === 0) await meeting.clock.advance(random.below(4000));
        else for (let steps = random.below(40); steps > 0; steps -= 1) await meeting.scheduler.step();
      }
      for (const name of names) meeting.harness.network.mend(name);
      await meeting.settle(240_000);
      meeting.assertCalls(`seed ${seed}`);
    }
  });

  test('whose server forgets everybody heals by itself', async () => {
    const meeting = new Meeting();
    const rooms = [];
    for (const name of ['ada', 'bob', 'cleo']) rooms.push(await meeting.join(name));
    await meeting.settle();
    const before = rooms.map(({ self }) => self.id);
    meeting.server.restart();
    await meeting.settle(20_000);
    meeting.assertCalls();
    assert.ok(rooms.every(({ self }) => !before.includes(self.id)));
  });
});

test('an offer that was lost with a partial resume, while its peer was away, is made again', async () => {
  // The race: Ada's welcome says that frames were lost, but Bob is away, so his transport was not woken; and when he came
  // back it was woken as if nothing had been lost. The offer stayed open for good.
  const meeting = new Meeting();
  const ada = await meeting.join('ada');
  const bob = await meeting.join('bob');
  await meeting.settle();
  meeting.server.session('bob').socket.cut();
  meeting.server.refuseNext(3);
  ada.publish('screen', ada.page.camera());
  meeting.server.nextResume('partial');
  meeting.server.session('ada').socket.cut();
  await meeting.scheduler.until(() => ada.state === 'joined' && ada.peers.get(bob.self.id).status === 'away', { withinMs: 5000 });
  await meeting.settle();
  assert.deepEqual([...bob.peers.get(ada.self.id).sources.keys()], ['camera', 'screen']);
  assert.equal(bob.peers.get(ada.self.id).sources.get('screen').video.track.readyState, 'live');
});

describe('a peer', () => {
  test('that leaves takes its sources along first', async () => {
    const meeting = new Meeting();
    const ada = await meeting.join('ada');
    const bob = await meeting.join('bob');
    await meeting.settle();
    const { id } = bob.self;
    void bob.leave();
    await meeting.scheduler.settle();
    assert.deepEqual(ada.events.slice(-2), [`sourceremoved ${id} camera`, `peerleft ${id}`]);
    assert.equal(ada.peers.size, 0);
  });

  test('that is away stays, with its picture', async () => {
    const meeting = new Meeting();
    const ada = await meeting.join('ada');
    const bob = await meeting.join('bob');
    await meeting.settle();
    meeting.server.session('bob').socket.cut();
    await meeting.scheduler.until(() => ada.peers.get(bob.self.id).status === 'away');
    assert.equal(ada.peers.get(bob.self.id).connection, 'connected');
    assert.equal(ada.peers.get(bob.self.id).sources.size, 1);
    await meeting.settle();
    meeting.assertCalls();
  });

  test('is found in the order of joining, with what it tells about itself', async () => {
    const meeting = new Meeting();
    for (const name of ['ada', 'bob', 'cleo']) await meeting.join(name);
    meeting.rooms.get('bob').update({ name: 'bob', hand: 'up' });
    await meeting.scheduler.settle();
    const dan = await meeting.join('dan');
    assert.deepEqual([...dan.peers.values()].map(({ meta }) => meta), ['ada', { name: 'bob', hand: 'up' }, 'cleo']);
    assert.deepEqual(meeting.rooms.get('bob').self.meta, { name: 'bob', hand: 'up' });
  });
});

test('what is muted is silent here and shown there', async () => {
  const meeting = new Meeting();
  const ada = await meeting.join('ada', { camera: false });
  const bob = await meeting.join('bob');
  const stream = ada.page.camera();
  ada.publish('camera', stream);
  ada.setMuted('camera', 'audio', true);
  await meeting.settle();
  const source = () => bob.peers.get(ada.self.id).sources.get('camera');
  assert.equal(stream.getAudioTracks()[0].enabled, false);
  assert.deepEqual([source().audio.muted, source().video.muted], [true, false]);
  ada.setMuted('camera', 'audio', false);
  ada.replaceTrack('camera', 'video', null);
  await meeting.settle();
  assert.equal(source().audio.muted, false);
  assert.equal(source().video, null);
  ada.unpublish('camera');
  await meeting.settle();
  assert.equal(source(), undefined);
});

test('a source that is published wrongly is refused', () => {
  const meeting = new Meeting();
  const room = meeting.room('ada');
  const refused = (act) => assert.throws(act, ({ code }) => code === 'state');
  refused(() => room.publish('', []));
  refused(() => room.publish('x'.repeat(65), []));
  refused(() => room.publish('two', [new FakeTrack('audio'), new FakeTrack('audio')]));
  refused(() => room.replaceTrack('nothing', 'audio', null));
  room.publish('camera', []);
  refused(() => room.replaceTrack('camera', 'audio', new FakeTrack('video')));
});

test('messages go to all, or to one alone', async () => {
  const meeting = new Meeting();
  const [ada, bob, cleo] = [await meeting.join('ada'), await meeting.join('bob'), await meeting.join('cleo')];
  await meeting.settle();
  for (const room of [ada, bob, cleo]) room.events.length = 0;
  ada.broadcast({ chat: 'hello' });
  ada.send(bob.self.id, undefined);
  await meeting.scheduler.settle();
  assert.deepEqual(bob.events, ['message ada {"chat":"hello"}', 'message ada null direct']);
  assert.deepEqual(cleo.events, ['message ada {"chat":"hello"}']);
  assert.deepEqual(ada.events, []);
});

test('what the application sends, locks and renews arrives', async () => {
  const meeting = new Meeting({ server: { iceServers: [{ urls: 'stun:a.example' }] } });
  const ada = await meeting.join('ada');
  await meeting.join('bob');
  const got = [];
  ada.on('app', ({ detail }) => got.push(detail.data));
  meeting.server.app(meeting.server.session('ada'), { notice: 1 });
  meeting.server.renew([{ urls: 'stun:b.example' }]);
  await meeting.scheduler.settle();
  assert.deepEqual(got, [{ notice: 1 }]);
  assert.deepEqual(ada.page.connections.at(-1).getConfiguration().iceServers.map(({ urls }) => [urls].flat()), [['stun:b.example']]);
});

describe('ICE servers that come with another welcome', () => {
  const urls = (pc) => pc.getConfiguration().iceServers.flatMap(({ urls: each }) => each);
  const open = ({ page }) => page.connections.filter(({ signalingState }) => signalingState !== 'closed');

  /** Long enough for an ICE restart, which uses the newest servers, and not for other connections. */
  async function loseTheRoute({ harness: { network }, ...meeting }) {
    network.cut();
    await meeting.clock.advance(8000);
    network.mend();
    await meeting.clock.advance(30_000);
  }

  for (const resumed of ['full', 'partial', 'no']) {
    test(`(${resumed}) reach the connections, where they differ`, async () => {
      const meeting = new Meeting({ server: { iceServers: [{ urls: 'stun:a.example' }] } });
      const ada = await meeting.join('ada');
      await meeting.join('bob');
      await meeting.settle();
      const [pc] = open(ada);
      let set = 0;
      pc.setConfiguration = function count(configuration) {
        set += 1;
        Object.getPrototypeOf(this).setConfiguration.call(this, configuration);
      };
      const resume = async () => {
        if (resumed !== 'full') meeting.server.nextResume(resumed);
        meeting.server.session('ada').socket.cut();
        await meeting.settle();
      };
      if (resumed !== 'no') await resume();
      assert.equal(set, 0);
      meeting.server.overrides.iceServers = [{ urls: 'stun:b.example' }];
      await resume();
      if (resumed !== 'no') {
        assert.equal(set, 0);
        await loseTheRoute(meeting);
        assert.deepEqual([set, open(ada)], [1, [pc]]);
      }
      assert.deepEqual(urls(open(ada)[0]), ['stun:b.example']);
    });
  }

  test('that the browser does not take disturb nothing', async () => {
    const meeting = new Meeting();
    const ada = await meeting.join('ada');
    for (const name of ['bob', 'cleo']) await meeting.join(name);
    await meeting.settle();
    const [first, second] = open(ada);
    first.setConfiguration = () => { throw new DOMException('no such server', 'SyntaxError'); };
    const errors = [];
    ada.on('error', ({ detail: { error, peer } }) => errors.push(`${error.code} ${peer.meta}`));
    meeting.server.overrides.iceServers = [{ urls: 'stun:b.example' }];
    meeting.server.session('ada').socket.cut();
    await meeting.settle();
    assert.deepEqual(errors, []);
    await loseTheRoute(meeting);
    assert.deepEqual(open(ada), [first, second]);
    assert.deepEqual(urls(second), ['stun:b.example']);
    assert.deepEqual(errors, ['media bob']);
    meeting.assertCalls();
  });

  test('do not matter to who has given others', async () => {
    const meeting = new Meeting();
    const ada = await meeting.join('ada', { rtc: { iceServers: [{ urls: 'stun:own.example' }] } });
    await meeting.join('bob');
    await meeting.settle();
    open(ada)[0].setConfiguration = () => assert.fail('for nothing');
    meeting.server.renew([{ urls: 'stun:b.example' }]);
    await meeting.settle(1000);
    assert.deepEqual(urls(open(ada)[0]), ['stun:own.example']);
  });
});

test('what is wanted is compared with each welcome, and what differs is told', async () => {
  for (const resumed of ['full', 'partial', 'no']) {
    const meeting = new Meeting();
    const ada = await meeting.join('ada');
    const bob = await meeting.join('bob');
    await meeting.settle();
    const told = [];
    for (const type of ['peerchanged', 'locked']) bob.on(type, ({ detail }) => told.push(`${type} ${detail.peer?.meta ?? detail.locked}`));
    // Both have lost their connection: nobody hears anything.
    meeting.server.refuseNext(4);
    for (const name of ['ada', 'bob']) meeting.server.session(name).socket.cut();
    await meeting.settle(10);
    ada.publish('screen', [new FakeTrack('video')]);
    ada.setMuted('screen', 'video', true);
    ada.setMuted('camera', 'audio', true);
    ada.setMuted('camera', 'video', true);
    ada.setMuted('camera', 'video', false);
    if (resumed !== 'full') for (let round = 0; round < 2; round += 1) meeting.server.nextResume(resumed);
    meeting.server.overrides.locked = resumed === 'partial';
    await meeting.settle();
    const peer = bob.peers.get(ada.self.id);
    const shown = [...peer.sources.values()].map(({ name, audio, video }) => [name, audio?.muted, video?.muted]);
    assert.deepEqual(shown, [['camera', true, false], ['screen', undefined, true]], resumed);
    assert.equal(bob.locked, resumed === 'partial');
    assert.equal(told.includes('locked true'), resumed === 'partial');
  }
});

test('a message that was refused and is no longer known may have been any transport’s, so each says again what is open', async () => {
  const meeting = new Meeting();
  const ada = await meeting.join('ada');
  for (const name of ['bob', 'cleo']) await meeting.join(name);
  await meeting.settle();
  const errors = [];
  ada.on('error', ({ detail: { error, peer } }) => errors.push([error.code, peer]));
  const before = meeting.server.log.length;
  meeting.server.session('ada').send({ type: 'error', code: 'rate-limited', message: 'too fast' });
  await meeting.settle(5000);
  const again = meeting.server.log.slice(before).filter(({ frame }) => frame.data?.request === 'again');
  assert.deepEqual(again.map(({ page }) => page), ['ada', 'ada']);
  assert.deepEqual(errors, [['rate-limited', null]]);
});

test('the options for connections are the application’s', async () => {
  const meeting = new Meeting();
  const ada = await meeting.join('ada', { rtc: { iceTransportPolicy: 'relay' } });
  await meeting.join('bob');
  await meeting.settle();
  assert.equal(ada.page.connections[0].getConfiguration().iceTransportPolicy, 'relay');
  assert.equal(ada.page.connections[0].getConfiguration().bundlePolicy, 'max-bundle');
});

test('who has no connection is told so, with the peer, and stays in the room', async () => {
  const meeting = new Meeting();
  const ada = await meeting.join('ada');
  const page = meeting.harness.page('bob');
  page.environment.RTCPeerConnection.prototype.createDataChannel = () => { throw new DOMException('none', 'NotSupportedError'); };
  const bob = meeting.room('bob', { page });
  const errors = [];
  bob.on('error', ({ detail: { error, peer } }) => errors.push([error.code, peer?.id, error.cause instanceof DOMException]));
  await meeting.scheduler.run(bob.join());
  await meeting.clock.advance(1000);
  assert.deepEqual(errors, [['media', ada.self.id, false]]);
  assert.equal(bob.peers.get(ada.self.id).connection, 'failed');
  ada.broadcast('hello');
  await meeting.clock.advance(1000);
  assert.ok(bob.events.includes('message ada "hello"'));
  bob.leave();
  ada.leave();
  await meeting.settle();
});

test('joining and leaving fifty times leaves nothing behind', async () => {
  const meeting = new Meeting();
  const ada = meeting.room('ada');
  const bob = meeting.room('bob');
  for (let round = 0; round < 50; round += 1) {
    ada.publish('camera', ada.page.camera());
    await meeting.scheduler.run(Promise.all([ada.join(), bob.join()]), { withinMs: 10_000 });
    await meeting.settle(2000);
    assert.equal(ada.peers.size, 1);
    void ada.leave();
    void bob.leave();
  }
  await meeting.settle(1000);
  assert.deepEqual(meeting.harness.leaks, { connections: 0, sockets: 0, timers: 0, listeners: 0 });
  assert.equal(meeting.harness.network.listenerCount, 0);
});

test('mounting twice, as React does to find faults, is one member', async () => {
  const meeting = new Meeting();
  const page = meeting.harness.page('ada');
  const mount = () => {
    const controller = new AbortController();
    const room = meeting.room('ada', { page });
    const joined = room.join({ signal: controller.signal }).catch((error) => error);
    return { room, joined, unmount: () => controller.abort() };
  };
  const first = mount();
  first.unmount();
  const second = mount();
  await meeting.settle(1000);
  assert.deepEqual(meeting.server.roster('room'), ['ada']);
  assert.equal(first.room.state, 'closed');
  assert.equal(second.room.state, 'joined');
  assert.equal((await first.joined).name, 'AbortError');
  second.unmount();
  await meeting.settle(1000);
  assert.deepEqual(meeting.harness.leaks, { connections: 0, sockets: 0, timers: 0, listeners: 0 });
});

test('leaving announces that everybody is gone, after the state', async () => {
  const meeting = new Meeting();
  const ada = await meeting.join('ada');
  const bob = await meeting.join('bob');
  await meeting.settle();
  ada.events.length = 0;
  void ada.leave();
  const { id } = bob.self;
  assert.deepEqual(ada.events, ['state closed', `sourceremoved ${id} camera`, `peerleft ${id}`]);
});

test('importing the client touches nothing of the page', async () => {
  const before = Object.getOwnPropertyNames(globalThis).length;
  const client = await import('../../src/index.js');
  assert.equal(Object.getOwnPropertyNames(globalThis).length, before);
  assert.equal(typeof client.MeetRoom, 'function');
});
