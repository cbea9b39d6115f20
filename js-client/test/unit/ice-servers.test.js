// ICE servers that are renewed during a call.

import '../support/abort-fix.js';

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { Meeting } from './support/meeting.js';

const turn = (username, ...more) => [{ urls: 'turn:turn.example', username, credential: `for ${username}` }, ...more];

/** Two pages in a call, the first one polite. Counts the ICE restarts of their connections. */
async function call({ seed, rtc }) {
  // The welcome is the first to tell the servers.
  const meeting = new Meeting({ seed, server: { decidesEarly: false } });
  meeting.server.overrides.iceServers = turn('first');
  const rooms = [await meeting.join('ada', { rtc }), await meeting.join('bob', { rtc })];
  await meeting.settle();
  meeting.assertCalls();
  const restarts = [0, 0];
  const states = [];
  rooms.forEach((room, index) => {
    const pc = connection(room);
    const { restartIce } = pc;
    pc.restartIce = () => { restarts[index] += 1; restartIce.call(pc); };
    pc.onconnectionstatechange = () => states.push(pc.connectionState);
  });
  return { meeting, rooms, restarts, states };
}

const connection = ({ page }) => page.connections.find(({ signalingState }) => signalingState !== 'closed');
const fragment = (room) => /a=ice-ufrag:(\S+)/.exec(connection(room).currentLocalDescription.sdp)[1];
const username = (room) => connection(room).getConfiguration().iceServers[0].username;
const renew = ({ meeting }, name, iceServers) => {
  meeting.server.session(name).send({ type: 'iceServers', iceServers });
};

describe('renewed ICE servers', () => {
  for (const [index, name, role] of [[0, 'ada', 'polite'], [1, 'bob', 'impolite']]) {
    test(`whose relay the ${role} page uses restart ICE, and the call goes on`, async () => {
      for (let seed = 0; seed < 10; seed += 1) {
        const scene = await call({ seed, rtc: { iceTransportPolicy: 'relay' } });
        const { meeting, rooms, restarts, states } = scene;
        const before = rooms.map((room) => [connection(room), fragment(room)]);
        renew(scene, name, turn('second'));
        await meeting.settle();
        assert.equal(username(rooms[index]), 'second');
        // The impolite page makes the offer.
        assert.deepEqual(restarts, [0, 1]);
        rooms.forEach((room, n) => {
          assert.equal(connection(room), before[n][0]);
          assert.notEqual(fragment(room), before[n][1]);
        });
        assert.deepEqual(states, []);
        meeting.assertCalls(`seed ${seed}`);
      }
    });
  }

  test('that come to both pages at the same time disturb nothing', async () => {
    for (let seed = 0; seed < 20; seed += 1) {
      const { meeting, rooms, states } = await call({ seed, rtc: { iceTransportPolicy: 'relay' } });
      meeting.server.renew(turn('second'));
      await meeting.settle();
      assert.deepEqual(rooms.map(username), ['second', 'second']);
      assert.deepEqual(states, []);
      meeting.assertCalls(`seed ${seed}`);
    }
  });

  test('are used from the next ICE restart on where the media flow directly', async () => {
    for (let seed = 0; seed < 10; seed += 1) {
      const { meeting, rooms, restarts, states } = await call({ seed });
      meeting.server.renew(turn('second'));
      await meeting.settle();
      const before = rooms.map(fragment);
      for (const [index, name] of ['screen', 'whiteboard'].entries()) {
        rooms[index].publish(name, rooms[index].page.camera());
        await meeting.settle();
      }
      assert.deepEqual(rooms.map((room) => [...room.peers.values()][0].sources.size), [2, 2]);
      assert.deepEqual(rooms.map(fragment), before);
      assert.deepEqual(rooms.map(username), ['first', 'first']);
      assert.deepEqual([restarts, states], [[0, 0], []]);

      meeting.harness.network.cut('ada', 'bob');
      await meeting.settle(8_000);
      meeting.harness.network.mend('ada', 'bob');
      await meeting.settle();
      assert.deepEqual(rooms.map(username), ['second', 'second']);
      assert.ok(rooms.every((room, index) => fragment(room) !== before[index]));
    }
  });

  test('do not restart ICE where the relay keeps its credentials', async () => {
    const { meeting, rooms, restarts } = await call({ rtc: { iceTransportPolicy: 'relay' } });
    meeting.server.renew(turn('first', { urls: 'stun:other.example' }));
    await meeting.settle();
    assert.deepEqual(rooms.map(({ iceServers }) => iceServers.length), [2, 2]);
    assert.deepEqual(restarts, [0, 0]);
  });

  test('restart ICE also if a page has missed the request', async () => {
    for (let seed = 0; seed < 10; seed += 1) {
      const scene = await call({ seed, rtc: { iceTransportPolicy: 'relay' } });
      const { meeting, rooms, restarts, states } = scene;
      const before = fragment(rooms[1]);
      meeting.server.nextResume('partial');
      meeting.server.session('bob').socket.cut();
      renew(scene, 'ada', turn('second'));
      await meeting.settle();
      assert.deepEqual(restarts, [0, 1], `seed ${seed}`);
      assert.notEqual(fragment(rooms[1]), before);
      assert.deepEqual(states, []);
      meeting.assertCalls(`seed ${seed}`);
    }
  });

  test('that come with the welcome of a resume restart ICE in the same way', async () => {
    const { meeting, rooms, restarts, states } = await call({ rtc: { iceTransportPolicy: 'relay' } });
    meeting.server.overrides.iceServers = turn('second');
    meeting.server.session('bob').socket.cut();
    await meeting.settle();
    assert.equal(username(rooms[1]), 'second');
    assert.deepEqual(restarts, [0, 1]);
    assert.deepEqual(states, []);
    meeting.assertCalls();
  });

  test('do not wait for the next attempt where no route was found', async () => {
    const meeting = new Meeting();
    const rtc = { iceTransportPolicy: 'relay' };
    const rooms = [await meeting.join('ada', { rtc }), await meeting.join('bob', { rtc })];
    const shown = () => rooms.map((room) => [...room.peers.values()][0].connection);
    await meeting.settle(1_800_000);
    assert.deepEqual(shown(), ['failed', 'failed']);
    meeting.server.renew(turn('first'));
    await meeting.settle(5000);
    assert.deepEqual(shown(), ['connected', 'connected']);
  });
});

test('a room tells which servers its connections use now', async () => {
  const meeting = new Meeting();
  meeting.server.overrides.iceServers = turn('first');
  const [ada, bob] = [await meeting.join('ada'), await meeting.join('bob', { rtc: { iceServers: [] } })];
  assert.deepEqual([ada.iceServers, bob.iceServers], [turn('first'), []]);
  meeting.server.renew(turn('second'));
  await meeting.settle();
  assert.deepEqual([ada.iceServers, bob.iceServers], [turn('second'), []]);
});

test('statistics that fail do not matter to a renewal', async () => {
  const { meeting, rooms, restarts } = await call({ rtc: { iceTransportPolicy: 'relay' } });
  const errors = [];
  for (const room of rooms) {
    room.on('error', ({ detail }) => errors.push(detail.error));
    connection(room).getStats = () => Promise.reject(new DOMException('none', 'InvalidStateError'));
  }
  meeting.server.renew(turn('second'));
  await meeting.settle();
  assert.deepEqual([restarts, errors], [[0, 0], []]);
});
