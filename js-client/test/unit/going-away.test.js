// Pages that are unloaded, and may return from the back/forward cache.

import '../support/abort-fix.js';

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { Scene } from './support/scene.js';

const GONE_MS = 2600;

const pause = (page) => {
  page.fire('pagehide', { persisted: true });
  page.setVisibility('hidden');
};

/** Whichever of the events comes first. */
const ORDERS = {
  'pageshow, then visible': (page) => {
    page.fire('pageshow', { persisted: true });
    page.setVisibility('visible');
  },
  'visible, then pageshow': (page) => {
    page.setVisibility('visible');
    page.fire('pageshow', { persisted: true });
  },
  'thawed, visible, pageshow': (page) => {
    page.document.dispatchEvent(new Event('resume'));
    page.setVisibility('visible');
    page.fire('pageshow', { persisted: true });
  },
};

test('a page that is paused is gone soon, and that is all that it says', async () => {
  const scene = new Scene();
  const bob = await scene.join('bob');
  const ada = await scene.join('ada');
  pause(ada.page);
  await scene.clock.advance(100);
  assert.equal(bob.log.messages.at(-1).status, 'away');
  assert.equal(scene.sent('ada', 'leave').length, 0);
  await scene.clock.advance(GONE_MS);
  assert.equal(bob.log.messages.at(-1).reason, 'timeout');
});

for (const [order, show] of Object.entries(ORDERS)) {
  describe(`brought back (${order})`, () => {
    test('in time, it goes on as the same participant', async () => {
      const scene = new Scene();
      const bob = await scene.join('bob');
      const ada = await scene.join('ada');
      pause(ada.page);
      await scene.clock.advance(1500);
      show(ada.page);
      await scene.scheduler.settle();
      assert.equal(ada.log.welcomes.at(-1).resumed, 'full');
      assert.ok(!bob.log.messages.some(({ type }) => type === 'left'));
      assert.equal(ada.page.storage.getItem('meet-signal wss://host/signal/room'), null);
    });

    test('later, it is cleanly somebody else', async () => {
      const scene = new Scene();
      const bob = await scene.join('bob');
      const page = scene.harness.page('ada');
      const ada = await scene.join('ada', { page });
      pause(page);
      await scene.clock.advance(4000);
      show(page);
      await scene.clock.advance(1000);
      assert.equal(ada.log.welcomes.at(-1).resumed, 'no');
      assert.deepEqual(scene.server.roster('room'), ['bob', 'ada']);
      assert.equal(bob.log.messages.filter(({ type }) => type === 'left').length, 1);
    });

    test('it leaves nothing in the storage, so that a duplicate of its tab throws nobody out', async () => {
      const scene = new Scene();
      const ada = await scene.join('ada');
      pause(ada.page);
      await scene.clock.advance(1000);
      show(ada.page);
      await scene.clock.advance(1000);
      const twin = scene.harness.page('twin', { storage: ada.page.storage });
      await scene.join('twin', { page: twin });
      assert.deepEqual(scene.server.roster('room'), ['ada', 'twin']);
      assert.equal(ada.state, 'joined');
    });

    test('while it joins, or comes back, it ends as one participant', async () => {
      for (const began of ['joins', 'comes back']) {
        for (let ms = 0; ms < 120; ms += 4) {
          const scene = new Scene({ latencyMs: [5, 15], server: { decisionMs: 20 } });
          const ada = scene.socket('ada');
          const joined = ada.join();
          if (began === 'comes back') {
            await scene.scheduler.run(joined, { withinMs: 1000 });
            scene.server.session('ada').socket.cut();
          }
          await scene.clock.advance(ms);
          pause(ada.page);
          await scene.clock.advance(ms % 3 === 0 ? 100 : 3000);
          show(ada.page);
          await scene.scheduler.run(joined, { withinMs: 10_000 });
          await scene.clock.advance(5000);
          assert.deepEqual(scene.server.roster('room'), ['ada'], `${began}, ${ms} ms`);
          assert.equal(ada.state, 'joined');
        }
      }
    });
  });
}

test('a socket that the browser closes before the page is hidden, as Firefox does', async () => {
  for (const persisted of [true, false]) {
    const scene = new Scene();
    const bob = await scene.join('bob');
    const page = scene.harness.page('ada');
    const { WebSocket } = page.environment;
    let last;
    page.environment.WebSocket = class extends WebSocket {
      constructor(...given) {
        super(...given);
        last = this;
      }
    };
    await scene.join('ada', { page });
    last.disappear();
    last.dispatchEvent(Object.assign(new Event('close'), { code: 1001, reason: '' }));
    page.fire('pagehide', { persisted });
    page.crash();
    await scene.clock.advance(3000);
    assert.ok(bob.log.messages.some(({ type }) => type === 'left'), `${persisted}`);
    assert.deepEqual(scene.server.roster('room'), ['bob']);
  }
});

test('another page of the same tab and room, and back: one participant each time', async () => {
  const scene = new Scene();
  const bob = await scene.join('bob');
  const first = await scene.join('ada');
  pause(first.page);
  await scene.clock.advance(200);
  // Another page in the tab, which takes the place of the first one.
  const page = scene.harness.page('ada', { storage: first.page.storage });
  const second = await scene.join('ada', { page });
  assert.deepEqual(scene.server.roster('room'), ['bob', 'ada']);
  pause(page);
  await scene.clock.advance(200);
  first.page.fire('pageshow', { persisted: true });
  await scene.clock.advance(200);
  assert.equal(first.state, 'joined');
  assert.deepEqual(scene.server.roster('room'), ['bob', 'ada'], 'the second one is replaced');
  pause(first.page);
  await scene.clock.advance(200);
  page.fire('pageshow', { persisted: true });
  await scene.clock.advance(200);
  assert.equal(second.state, 'joined');
  assert.deepEqual(scene.server.roster('room'), ['bob', 'ada']);
  assert.equal(bob.state, 'joined');
});

test('a reload while the page joins again does not show the session before it', async () => {
  const scene = new Scene();
  const ada = await scene.join('ada');
  scene.server.session('ada').socket.stall();
  void ada.leave();
  scene.server.ignoreNext(5);
  void ada.join().catch(() => {});
  await scene.clock.advance(100);
  scene.server.ignoreNext(0);
  const page = ada.page.reload();
  const again = scene.socket('ada', { page, openTimeoutMs: 500 });
  await scene.scheduler.run(again.join(), { withinMs: 10_000 });
  assert.deepEqual(scene.server.roster('room'), ['ada']);
});

test('a page that is paused and never comes back leaves no timer that matters', async () => {
  const scene = new Scene();
  const ada = await scene.join('ada');
  pause(ada.page);
  await scene.clock.advance(60_000);
  // Where the page was not frozen after all, it is back.
  assert.equal(ada.state, 'joined');
  void ada.leave();
  await scene.clock.advance(5000);
  assert.deepEqual(scene.harness.leaks, { connections: 0, sockets: 0, timers: 0, listeners: 0 });
});

test('a page that has left says and stores nothing when it goes', async () => {
  const scene = new Scene();
  const ada = await scene.join('ada');
  await scene.scheduler.run(ada.leave());
  pause(ada.page);
  ada.page.fire('pageshow', { persisted: true });
  await scene.clock.advance(1000);
  assert.equal(ada.page.storage.getItem('meet-signal wss://host/signal/room'), null);
  assert.deepEqual(ada.log.states, ['connecting', 'joined', 'closed']);
});
