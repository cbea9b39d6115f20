// First offers that go with the join, and what is prepared before it.

import '../support/abort-fix.js';

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { PreparedOffers } from '../../src/prepared-offers.js';
import { Meeting } from './support/meeting.js';
import { SingleTransport } from './support/single-transport.js';

/** Of a round trip, in which the offers are made. */
const LATENCY_MS = [50, 50];

const SERVERS = [{ urls: 'stun:a.example' }];

/** How a page knows its ICE servers before it joins, and whether it does. */
const WORLDS = {
  'the hello has none': [{}, {}, true],
  'the hello has some': [{ iceServers: SERVERS }, {}, true],
  'the page has its own': [{ decidesEarly: false }, { rtc: { iceServers: SERVERS } }, true],
  'the application decides by the join': [{ decidesEarly: false, iceServers: SERVERS }, {}, false],
  'the server is older': [{ limits: null }, {}, false],
  'nothing is offered': [{}, { joinOffers: 0 }, false],
};

const sent = (meeting, page, type) => meeting.server.log.filter((one) => one.page === page && one.frame?.type === type).map(({ frame }) => frame);
const offers = (meeting, page) => sent(meeting, page, 'signal').filter(({ data }) => data.description?.type === 'offer');

for (const [world, [server, options, isOffered]] of Object.entries(WORLDS)) {
  describe(`where ${world}`, () => {
    test('a page offers with its join, as far as that helps', async () => {
      const meeting = new Meeting({ server, latencyMs: LATENCY_MS });
      await meeting.join('ada', options);
      assert.equal(meeting.harness.network.open, 0, 'what nobody got is closed at once');
      await meeting.join('bob', options);
      await meeting.settle();
      meeting.assertCalls();
      const [join] = sent(meeting, 'bob', 'join');
      assert.equal(join.offers?.length, isOffered ? 2 : undefined);
      assert.equal(offers(meeting, 'bob').length, isOffered ? 0 : 1);
      const { iceServers } = meeting.rooms.get('bob').page.connections.at(-1).getConfiguration();
      assert.deepEqual(iceServers, meeting.rooms.get('bob').iceServers);
    });

    test('some more come than there are offers', async () => {
      const meeting = new Meeting({ server, latencyMs: LATENCY_MS });
      for (const name of ['ada', 'bob', 'cleo', 'dan', 'eve']) await meeting.join(name, options);
      await meeting.settle();
      meeting.assertCalls();
      assert.equal(offers(meeting, 'eve').length, isOffered ? 2 : 4);
    });

    test('all come at once, under any schedule', async () => {
      for (let seed = 0; seed < 15; seed += 1) {
        const meeting = new Meeting({ seed, server, latencyMs: [5, 50] });
        await meeting.joinTogether(['ada', 'bob', 'cleo', 'dan'], options);
        await meeting.settle();
        meeting.assertCalls(`seed ${seed}`);
      }
    });

    test('a page that has prepared joins over the connection that it has', async () => {
      const meeting = new Meeting({ server });
      await meeting.join('ada', options);
      const bob = meeting.room('bob', options);
      await meeting.scheduler.run(bob.prepare(), { withinMs: 10_000 });
      assert.deepEqual([bob.state, bob.events, meeting.server.roster('room')], ['idle', [], ['ada']]);
      // What is published since then is sent, too.
      bob.publish('camera', bob.page.camera());
      const { created } = meeting.server.sockets;
      await meeting.scheduler.run(bob.join(), { withinMs: 10_000 });
      assert.equal(meeting.server.sockets.created, created);
      await meeting.settle();
      meeting.assertCalls();
      assert.equal(offers(meeting, 'bob').length, isOffered ? 0 : 1);
    });
  });
}

describe('offers are made one after the other', () => {
  const { options, clock, network } = new SingleTransport();

  test('until there are enough', async () => {
    const before = network.created;
    const offers = new PreparedOffers(options);
    offers.prepare(3);
    assert.deepEqual([network.created - before, offers.isPending], [1, true]);
    let isMade = false;
    offers.whenMade(() => { isMade = true; });
    await clock.advance(1000);
    assert.deepEqual([network.created - before, offers.isPending, isMade], [3, false, true]);
    assert.equal(offers.take(Infinity).length, 3);
    offers.close();
  });

  test('until the page joins, which it does without waiting for all', async () => {
    const before = network.created;
    const offers = new PreparedOffers(options);
    offers.prepare(3);
    assert.deepEqual(offers.take(Infinity), []);
    await clock.advance(1000);
    assert.deepEqual([network.created - before, offers.isPending], [1, false]);
    offers.delivered([]);
    assert.ok(offers.assign(undefined, { send: () => {}, isReady: () => true }), 'it is of use for the first peer');
    assert.equal(offers.assign(undefined, { send: () => {}, isReady: () => true }), null);
    offers.close();
  });

  test('and fewer if the browser makes no more connections', async () => {
    const { options: limited, clock: its } = new SingleTransport();
    const { RTCPeerConnection } = limited.env;
    let made = 0;
    limited.env.RTCPeerConnection = class extends RTCPeerConnection {
      constructor(configuration) {
        if (made === 2) throw new DOMException('too many', 'UnknownError');
        super(configuration);
        made += 1;
      }
    };
    const offers = new PreparedOffers(limited);
    offers.prepare(3);
    await its.advance(1000);
    assert.deepEqual([made, offers.isPending, offers.take(Infinity).length], [2, false, 2]);
  });
});

describe('what is prepared', () => {
  const noLeaks = { connections: 0, sockets: 0, timers: 0, listeners: 0 };

  test('is opened again, unseen, when the server closes it, and given up after minutes', async () => {
    const meeting = new Meeting();
    const ada = meeting.room('ada');
    const states = [];
    ada.on('statechange', ({ detail }) => states.push(detail.state));
    await meeting.scheduler.run(ada.prepare(), { withinMs: 10_000 });
    for (let seconds = 0; seconds < 150; seconds += 1) {
      await meeting.clock.advance(1000);
      assert.equal(meeting.harness.leaks.sockets, 1, `after ${seconds} s`);
      assert.equal(meeting.harness.leaks.connections, 2);
    }
    assert.ok(meeting.server.sockets.created > 10);
    await meeting.clock.advance(60_000);
    assert.deepEqual(meeting.harness.leaks, noLeaks);
    assert.deepEqual(states, []);
    await meeting.join('bob');
    ada.publish('camera', ada.page.camera());
    await meeting.scheduler.run(ada.join(), { withinMs: 10_000 });
    await meeting.settle();
    meeting.assertCalls();
  });

  test('may be used at any time', async () => {
    for (let seed = 0; seed < 40; seed += 1) {
      const meeting = new Meeting({ seed });
      await meeting.join('bob');
      const ada = meeting.roomWithCamera('ada');
      void ada.prepare();
      // Also while it is being opened again.
      await meeting.clock.advance(9_900 + meeting.scheduler.random.below(200));
      for (let steps = meeting.scheduler.random.below(12); steps > 0; steps -= 1) await meeting.scheduler.step();
      await meeting.scheduler.run(ada.join(), { withinMs: 10_000 });
      await meeting.settle();
      meeting.assertCalls(`seed ${seed}`);
    }
  });

  test('is given up without a trace', async () => {
    const giveUps = {
      leave: (room) => void room.leave(),
      abort: (_, { abort }) => abort.abort(),
      'the page goes away': (room) => room.page.window.dispatchEvent(Object.assign(new Event('pagehide'), { persisted: true })),
    };
    for (const [name, giveUp] of Object.entries(giveUps)) {
      for (const steps of [0, 1, 2, 5, 20]) {
        const meeting = new Meeting();
        const ada = meeting.room('ada');
        const abort = new AbortController();
        const prepared = ada.prepare({ signal: abort.signal });
        for (let count = 0; count < steps; count += 1) await meeting.scheduler.step();
        giveUp(ada, { abort });
        await meeting.scheduler.run(prepared, { withinMs: 10_000 });
        await meeting.settle();
        assert.deepEqual([meeting.harness.leaks, ada.state], [noLeaks, 'idle'], `${name} after ${steps} steps`);
      }
    }
  });

  test('is one, however often it is asked for, and none in a room', async () => {
    const meeting = new Meeting();
    const ada = meeting.room('ada');
    await meeting.scheduler.run(Promise.all([ada.prepare(), ada.prepare(), ada.prepare()]), { withinMs: 10_000 });
    assert.equal(meeting.server.sockets.created, 1);
    await meeting.scheduler.run(ada.join(), { withinMs: 10_000 });
    await meeting.scheduler.run(ada.prepare());
    assert.deepEqual([meeting.server.sockets.created, meeting.harness.network.open], [1, 0]);
  });

  test('may be joined and left in the same breath', async () => {
    for (let seed = 0; seed < 40; seed += 1) {
      const meeting = new Meeting({ seed, latencyMs: [5, 50] });
      const { random } = meeting.scheduler;
      const ada = meeting.room('ada');
      if (random.below(2) === 0) void ada.prepare();
      for (let steps = random.below(10); steps > 0; steps -= 1) await meeting.scheduler.step();
      const joined = ada.join();
      joined.catch(() => {});
      for (let steps = random.below(10); steps > 0; steps -= 1) await meeting.scheduler.step();
      await meeting.scheduler.run(ada.leave(), { withinMs: 30_000 });
      await meeting.settle();
      assert.deepEqual(meeting.harness.leaks, noLeaks, `seed ${seed}`);
      assert.deepEqual(meeting.server.roster('room'), []);
    }
  });

  test('never fails: the join tells why', async () => {
    const meeting = new Meeting();
    meeting.server.stop();
    const ada = meeting.room('ada');
    await meeting.scheduler.run(ada.prepare(), { withinMs: 60_000 });
    assert.equal(ada.state, 'idle');
    meeting.server.start();
    const refused = meeting.room('bob', { token: () => { throw new Error('not logged in'); }, retry: () => null });
    await meeting.scheduler.run(refused.prepare(), { withinMs: 60_000 });
    await assert.rejects(meeting.scheduler.run(refused.join(), { withinMs: 60_000 }), { code: 'unauthorized' });
    await meeting.scheduler.run(ada.join(), { withinMs: 60_000 });
  });

  test('is made again after another network', async () => {
    const meeting = new Meeting();
    await meeting.join('bob');
    const ada = meeting.roomWithCamera('ada');
    await meeting.scheduler.run(ada.prepare(), { withinMs: 10_000 });
    const { created } = meeting.server.sockets;
    for (const type of ['offline', 'online']) ada.page.window.dispatchEvent(new Event(type));
    await meeting.clock.advance(1000);
    assert.equal(meeting.server.sockets.created, created + 1);
    await meeting.scheduler.run(ada.join(), { withinMs: 10_000 });
    await meeting.settle();
    meeting.assertCalls();
  });
});

describe('an offer with the join', () => {
  test('to a page that knows nothing of it is repeated', async () => {
    const meeting = new Meeting({ latencyMs: LATENCY_MS });
    await meeting.join('ada');
    meeting.server.oldPages.add('ada');
    await meeting.join('bob');
    await meeting.clock.advance(4500);
    meeting.assertCalls();
    assert.equal(offers(meeting, 'bob').length, 1);
  });

  test('has the candidates of the time when it is sent', async () => {
    const meeting = new Meeting();
    await meeting.join('ada');
    const bob = meeting.roomWithCamera('bob');
    await meeting.scheduler.run(bob.prepare(), { withinMs: 10_000 });
    await meeting.clock.advance(1000);
    await meeting.scheduler.run(bob.join(), { withinMs: 10_000 });
    const [{ offers: [offer] }] = sent(meeting, 'bob', 'join');
    assert.match(offer.description.sdp, /a=candidate/);
    await meeting.settle();
    meeting.assertCalls();
    assert.deepEqual(sent(meeting, 'bob', 'signal').filter(({ data }) => data.candidates), [], 'none is sent twice');
  });

  test('waits for a page that is away', async () => {
    const meeting = new Meeting({ latencyMs: LATENCY_MS });
    const ada = await meeting.join('ada');
    const bob = meeting.roomWithCamera('bob');
    await meeting.scheduler.run(bob.prepare(), { withinMs: 10_000 });
    meeting.server.ignoreNext(1);
    meeting.server.session('ada').socket.cut();
    await meeting.clock.advance(1000);
    await meeting.scheduler.run(bob.join(), { withinMs: 1000 });
    assert.equal(bob.peers.get(ada.self.id).status, 'away');
    await meeting.scheduler.until(() => bob.peers.get(ada.self.id)?.connection === 'connected', { withinMs: 60_000 });
    await meeting.settle();
    meeting.assertCalls();
  });

  test('is dropped in the lobby', async () => {
    const authorize = ({ page }) => ({ permissions: ['signal', 'broadcast', 'moderate'], lobby: page === 'bob' });
    const meeting = new Meeting({ server: { authorize, limits: { authorizeTimeoutMs: 300_000 } } });
    const ada = await meeting.join('ada');
    const bob = meeting.roomWithCamera('bob');
    const joining = bob.join();
    await meeting.scheduler.until(() => bob.state === 'waiting', { withinMs: 10_000 });
    assert.equal(meeting.harness.network.open, 0);
    await meeting.clock.advance(1000);
    ada.admitAll();
    await meeting.scheduler.run(joining, { withinMs: 10_000 });
    await meeting.settle();
    meeting.assertCalls();
  });

  test('is made from sources that are muted or replaced meanwhile', async () => {
    const meeting = new Meeting();
    const ada = await meeting.join('ada');
    const bob = meeting.roomWithCamera('bob');
    await meeting.scheduler.run(bob.prepare(), { withinMs: 10_000 });
    bob.setMuted('camera', 'audio', true);
    bob.publish('screen', bob.page.camera());
    await meeting.scheduler.run(bob.join(), { withinMs: 10_000 });
    bob.setMuted('camera', 'video', true);
    await meeting.settle();
    const { sources } = ada.peers.get(bob.self.id);
    assert.deepEqual([...sources.keys()], ['camera', 'screen']);
    assert.deepEqual([sources.get('camera').audio.muted, sources.get('camera').video.muted], [true, true]);
  });

  test('is not made without the permission to signal', async () => {
    const meeting = new Meeting({ server: { authorize: ({ page }) => (page === 'bob' ? { permissions: [] } : {}) } });
    const ada = await meeting.join('ada');
    const bob = await meeting.join('bob');
    await meeting.settle();
    assert.equal(ada.peers.get(bob.self.id).connection, 'none');
    assert.equal(meeting.harness.network.open, 0);
  });
});
