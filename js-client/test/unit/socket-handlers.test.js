// Any call in any handler leads to the same state as a tick later, and no event is about a session that is over.

import '../support/abort-fix.js';

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Scene } from './support/scene.js';

const METHODS = {
  leave: (ada) => void ada.leave(),
  join: (ada) => void ada.join().catch(() => {}),
  'leave and join': (ada) => {
    void ada.leave();
    void ada.join().catch(() => {});
  },
  'leave, join and leave': (ada) => {
    void ada.leave();
    void ada.join().catch(() => {});
    void ada.leave();
  },
  update: (ada) => ada.update('from a handler'),
  send: (ada) => ada.send({ type: 'broadcast', data: 'from a handler' }),
  'update and leave': (ada) => {
    ada.update('from a handler');
    void ada.leave();
  },
};

/** Bob lets Ada in, who has to wait the first time. */
function sceneWithLobby() {
  let isOpen = false;
  const authorize = ({ page }) => ({ permissions: ['broadcast', 'moderate'], lobby: page === 'ada' && !isOpen });
  const scene = new Scene({ server: { authorize } });
  const admit = async (bob) => {
    isOpen = true;
    bob.send({ type: 'admitAll' });
    await scene.clock.advance(100);
  };
  return { scene, admit };
}

const EVENTS = {
  connecting: ['statechange', ({ state }) => state === 'connecting'],
  waits: ['statechange', ({ state }) => state === 'waiting'],
  waiting: ['waiting', () => true],
  joined: ['statechange', ({ state }) => state === 'joined'],
  away: ['statechange', ({ state }) => state === 'away'],
  resuming: ['statechange', ({ state }) => state === 'resuming'],
  closed: ['statechange', ({ state }) => state === 'closed'],
  welcome: ['welcome', () => true],
  resumed: ['welcome', ({ welcome }) => welcome.resumed !== 'no'],
  message: ['message', () => true],
  last: ['message', ({ message }) => message.data === 'last'],
  rejected: ['rejected', () => true],
};

/** A life in which each of the events happens. */
async function live(act, event, deferred) {
  const { scene, admit } = sceneWithLobby();
  const bob = await scene.join('bob');
  const ada = scene.socket('ada');
  const [type, matches] = EVENTS[event];
  let done = false;
  const run = () => {
    try {
      act(ada);
    } catch (error) {
      assert.equal(error.code, 'state', `${error.stack}`);
    }
  };
  ada.on(type, ({ detail }) => {
    if (done || !matches(detail)) return;
    done = true;
    if (deferred) scene.clock.setTimeout(run, 0);
    else run();
  });
  const session = () => scene.server.roster('room').includes('ada') && scene.server.session('ada');

  void ada.join().catch(() => {});
  await scene.clock.advance(200);
  await admit(bob);
  bob.send({ type: 'broadcast', data: 'hello' });
  await scene.clock.advance(100);
  if (session()) session().socket?.cut();
  await scene.clock.advance(3000);
  scene.server.rejectNext('broadcast', { code: 'not-allowed' });
  try { ada.send({ type: 'broadcast', data: 'refused' }); } catch { /* It has left. */ }
  await scene.clock.advance(100);
  scene.server.nextResume('partial');
  if (session()) session().socket?.cut();
  await scene.clock.advance(3000);
  for (let n = 0; n < 40; n += 1) bob.send({ type: 'broadcast', data: n });
  bob.send({ type: 'broadcast', data: 'last' });
  await scene.clock.advance(100);
  scene.server.nextResume('no');
  if (session()) session().socket?.cut();
  await scene.clock.advance(3000);
  if (session()) scene.server.close(session(), 4507);
  await scene.clock.advance(60_000);
  const state = {
    state: ada.state,
    meta: ada.meta,
    roster: scene.server.roster('room'),
    served: session() && session().meta,
    sockets: scene.server.sockets.open,
    left: bob.log.messages.filter(({ type: told }) => told === 'left').length,
    joined: bob.log.messages.filter(({ type: told }) => told === 'joined').length,
  };
  return { done, state };
}

for (const event of Object.keys(EVENTS)) {
  for (const [method, act] of Object.entries(METHODS)) {
    test(`${method} in a handler of ${event}`, async () => {
      const now = await live(act, event, false);
      assert.ok(now.done, 'it happens');
      const later = await live(act, event, true);
      assert.deepEqual(now.state, later.state);
    });
  }
}

for (const event of Object.keys(EVENTS).filter((name) => name !== 'closed')) {
  test(`after leaving in a handler of ${event} nothing is heard of the session`, async () => {
    const { scene, admit } = sceneWithLobby();
    const bob = await scene.join('bob');
    const ada = scene.socket('ada');
    const heard = [];
    for (const type of ['waiting', 'welcome', 'message', 'rejected']) ada.on(type, () => heard.push(`${type} while ${ada.state}`));
    const [type, matches] = EVENTS[event];
    ada.on(type, ({ detail }) => { if (matches(detail)) void ada.leave(); });
    void ada.join().catch(() => {});
    await scene.clock.advance(200);
    await admit(bob);
    bob.send({ type: 'broadcast', data: 'hello' });
    bob.send({ type: 'broadcast', data: 'last' });
    await scene.clock.advance(100);
    if (ada.state === 'joined') {
      scene.server.rejectNext('broadcast', { code: 'not-allowed' });
      ada.send({ type: 'broadcast', data: 'refused' });
      await scene.clock.advance(100);
    }
    if (ada.state === 'joined') scene.server.session('ada').socket.cut();
    await scene.clock.advance(60_000);
    assert.deepEqual(heard.filter((line) => !/joined$|^waiting while waiting$/.test(line)), []);
    assert.equal(ada.state, 'closed');
    assert.deepEqual(scene.server.roster('room'), ['bob']);
    void bob.leave();
    await scene.clock.advance(5000);
    assert.deepEqual(scene.harness.leaks, { connections: 0, sockets: 0, timers: 0, listeners: 0 });
  });
}

for (const event of ['joined', 'welcome', 'message', 'rejected']) {
  test(`each listener hears events in their order, those that a handler of ${event} causes, too`, async () => {
    const scene = new Scene();
    const bob = await scene.join('bob');
    const ada = scene.socket('ada');
    const orders = [[], []];
    const listen = (order) => {
      ada.on('statechange', ({ detail }) => order.push(detail.state));
      for (const type of ['welcome', 'message', 'rejected']) ada.on(type, () => order.push(type));
    };
    listen(orders[0]);
    const [type, matches] = EVENTS[event];
    const stop = ada.on(type, ({ detail }) => {
      if (!matches(detail)) return;
      stop();
      METHODS['leave, join and leave'](ada);
    });
    listen(orders[1]);
    void ada.join().catch(() => {});
    await scene.clock.advance(100);
    bob.send({ type: 'broadcast', data: 1 });
    await scene.clock.advance(100);
    scene.server.rejectNext('broadcast', { code: 'not-allowed' });
    if (ada.state === 'joined') ada.send({ type: 'broadcast', data: 2 });
    await scene.clock.advance(100);
    assert.deepEqual(orders[0].slice(-4), [event, 'closed', 'connecting', 'closed']);
    assert.deepEqual(orders[1], orders[0]);
  });
}
