// Messages that the server refuses with `peer-unreachable`, because the receiver's queue is full.

import '../support/abort-fix.js';

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { ConnectedPages } from './support/connected-pages.js';
import { Meeting } from './support/meeting.js';

const KINDS = {
  offer: ({ description }) => description?.type === 'offer',
  answer: ({ description }) => description?.type === 'answer',
  candidates: ({ candidates }) => candidates !== undefined,
  requests: ({ request }) => request !== undefined,
  sources: ({ description, candidates, request }) => !description && !candidates && !request,
  anything: () => true,
};

describe('a transport', () => {
  for (const [kind, matches] of Object.entries(KINDS)) {
    test(`is there soon after ${kind} were refused, with the connections that it had`, async () => {
      for (let seed = 0; seed < 60; seed += 1) {
        const scene = new ConnectedPages(seed);
        for (const page of scene.pages) {
          page.publish('camera', 'audio', 'video');
          page.refuses = matches;
        }
        await scene.scheduler.clock.advance(2500);
        for (const page of scene.pages) page.refuses = () => false;
        await scene.scheduler.clock.advance(6000);
        scene.assertInCall(`seed ${seed}`);
        assert.equal(scene.network.created, 2, `seed ${seed}`);
      }
    });

    test(`that is in use gets over it that ${kind} are refused`, async () => {
      for (let seed = 0; seed < 60; seed += 1) {
        const scene = new ConnectedPages(seed);
        const { random, clock } = scene.scheduler;
        scene.a.publish('camera', 'audio', 'video');
        await scene.settle();
        for (let round = 0; round < 4; round += 1) {
          const page = scene.pages[random.below(2)];
          page.refuses = matches;
          scene.pages[random.below(2)].publish(`more ${round}`, 'video', 'audio');
          await scene.pause();
          scene.pages[random.below(2)].publish(`and ${round}`, 'video');
          await clock.advance(random.below(20_000));
          page.refuses = () => false;
          await scene.pause();
        }
        await clock.advance(60_000);
        scene.assertInCall(`seed ${seed}`);
      }
    });
  }

  test('finds another way through the network, though that is refused at first', async () => {
    for (let seed = 0; seed < 60; seed += 1) {
      const scene = new ConnectedPages(seed);
      scene.a.publish('camera', 'video');
      await scene.settle();
      for (const page of scene.pages) page.refuses = () => true;
      scene.network.cut();
      await scene.scheduler.clock.advance(4000);
      scene.network.mend();
      await scene.scheduler.clock.advance(scene.scheduler.random.below(8000));
      for (const page of scene.pages) page.refuses = () => false;
      await scene.scheduler.clock.advance(60_000);
      scene.assertInCall(`seed ${seed}`);
    }
  });

  test('tries less and less often, and stops when it is closed', async () => {
    const scene = new ConnectedPages();
    scene.a.publish('camera', 'video');
    await scene.settle();
    let refused = 0;
    scene.a.refuses = () => { refused += 1; return true; };
    scene.a.publish('screen', 'video', 'audio');
    await scene.scheduler.clock.advance(60_000);
    assert.ok(refused > 8 && refused < 60, `${refused} in the first minute`);
    refused = 0;
    await scene.scheduler.clock.advance(3_600_000);
    assert.ok(refused > 100 && refused < 1000, `${refused} in an hour`);
    for (const { transport } of scene.pages) transport.close();
    await scene.settle();
    assert.equal(scene.scheduler.clock.pending, 0);
  });

  test('begins at once again with the next trouble', async () => {
    const scene = new ConnectedPages();
    await scene.settle();
    for (let round = 0; round < 5; round += 1) {
      scene.a.refuses = () => true;
      scene.a.publish(`source ${round}`, 'video', 'audio');
      await scene.scheduler.clock.advance(20_000);
      scene.a.refuses = () => false;
      await scene.scheduler.clock.advance(60_000);
      scene.a.refuses = KINDS.offer;
      scene.a.publish(`another ${round}`, 'video', 'audio');
      await scene.scheduler.clock.advance(100);
      scene.a.refuses = () => false;
      await scene.scheduler.clock.advance(3000);
      scene.assertInCall(`round ${round}`);
    }
  });
});

/** One message of a member may wait for another one. */
const LITTLE_ROOM = { limits: { outboxFrames: 6 } };

describe('a meeting', () => {
  const errors = (room) => {
    const codes = [];
    room.on('error', ({ detail }) => codes.push(detail.error.code));
    return codes;
  };

  /** Bob takes nothing, and what Ada may have waiting for him does. */
  const block = async ({ server, scheduler }, ada) => {
    server.session('bob').isBlocked = true;
    const told = errors(ada);
    for (let n = 0; n < 4; n += 1) ada.broadcast(n);
    await scheduler.settle();
    assert.ok(told.includes('peer-unreachable'));
  };

  test('with a peer that takes nothing for a while goes on by itself', async () => {
    for (let seed = 0; seed < 15; seed += 1) {
      const meeting = new Meeting({ seed, server: LITTLE_ROOM });
      const [ada, bob] = [await meeting.join('ada'), await meeting.join('bob')];
      await block(meeting, ada);
      const told = errors(ada);
      ada.publish('screen', ada.page.camera());
      await meeting.clock.advance(meeting.scheduler.random.below(40_000));
      meeting.server.session('bob').isBlocked = false;
      await meeting.clock.advance(60_000);
      assert.ok(bob.peers.get(ada.self.id).sources.has('screen'));
      ada.unpublish('screen');
      await meeting.settle();
      meeting.assertCalls(`seed ${seed}`);
      assert.deepEqual(told.filter((code) => code !== 'media'), [], 'there is nothing for the application to do');
    }
  });

  test('in which too much waits for a page goes on by itself', async () => {
    // The fault: what the transport could not say was lost until the connection to the server was another one.
    const meeting = new Meeting();
    const [ada, bob] = [await meeting.join('ada'), await meeting.join('bob')];
    await meeting.settle();
    const told = errors(ada);
    assert.throws(() => {
      for (let n = 0; n < 5000; n += 1) ada.broadcast(n);
    }, ({ code }) => code === 'queue-full');
    ada.publish('screen', ada.page.camera());
    await meeting.clock.advance(60_000);
    assert.ok(bob.peers.get(ada.self.id).sources.has('screen'));
    assert.deepEqual([...bob.peers.get(ada.self.id).sources.values()].map(({ video }) => video?.track?.readyState), ['live', 'live']);
    assert.deepEqual(told, [], 'there is nothing for the application to do');
    ada.unpublish('screen');
    await meeting.settle();
    meeting.assertCalls();
  });

  test('with a peer that takes nothing and goes away, too', async () => {
    const meeting = new Meeting({ server: LITTLE_ROOM });
    const [ada, bob] = [await meeting.join('ada'), await meeting.join('bob')];
    await meeting.settle();
    await block(meeting, ada);
    ada.publish('screen', ada.page.camera());
    await meeting.clock.advance(100);
    meeting.server.refuseNext(3);
    meeting.server.session('bob').socket.cut();
    await meeting.settle();
    assert.ok(bob.peers.get(ada.self.id).sources.has('screen'));
    ada.unpublish('screen');
    await meeting.settle();
    meeting.assertCalls();
  });

  test('tells the application of its own messages alone', async () => {
    const meeting = new Meeting({ server: LITTLE_ROOM });
    const [ada, bob, cleo] = [await meeting.join('ada'), await meeting.join('bob'), await meeting.join('cleo')];
    await meeting.settle();
    await block(meeting, ada);
    const told = errors(ada);
    for (const room of [bob, cleo]) room.events.length = 0;
    ada.publish('screen', ada.page.camera());
    await meeting.clock.advance(100);
    assert.deepEqual(told, []);
    ada.send(bob.self.id, 'psst');
    ada.broadcast('hello');
    await meeting.clock.advance(100);
    assert.deepEqual(told, ['peer-unreachable', 'peer-unreachable']);
    assert.ok(!bob.events.some((event) => event.startsWith('message')), bob.events.join());
    assert.ok(cleo.events.includes('message ada "hello"'), 'the others have it');
  });
});
