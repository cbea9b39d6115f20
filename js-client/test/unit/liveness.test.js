// Sleep, and other times in which a connection may die unnoticed.

import '../support/abort-fix.js';

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { Scene } from './support/scene.js';

/** Events after which a page wants to know whether its server is there. */
const AWAKE = {
  'is looked at again': (page) => page.setVisibility('visible'),
  'is thawed': (page) => page.document.dispatchEvent(new Event('resume')),
  'is online, without having been offline': (page) => page.fire('online'),
  'has slept': (page) => page.sleep(3_600_000),
  'has slept for a little while': (page) => page.sleep(4000),
};

for (const [how, act] of Object.entries(AWAKE)) {
  describe(`a page that ${how}`, () => {
    test('replaces a dead socket within two seconds', async () => {
      for (let seed = 0; seed < 10; seed += 1) {
        const scene = new Scene({ seed });
        const ada = await scene.join('ada');
        await scene.clock.advance(1000 + 500 * seed);
        scene.server.session('ada').socket.stall();
        act(ada.page);
        // A clock is looked at each second.
        await scene.clock.advance(how.startsWith('has slept') ? 2500 : 1500);
        assert.equal(ada.log.welcomes.length, 2, `seed ${seed}`);
        assert.equal(ada.log.welcomes[1].resumed, 'full');
        assert.equal(ada.log.reasons[2], 'timeout');
      }
    });

    test('keeps a live one, and asks once', async () => {
      const scene = new Scene({ latencyMs: [100, 300] });
      const ada = await scene.join('ada');
      await scene.clock.advance(1000);
      act(ada.page);
      await scene.clock.advance(20_000);
      assert.equal(scene.server.sockets.created, 1);
      assert.equal(scene.sent('ada', 'probe').length, 1);
      assert.deepEqual(ada.log.states, ['connecting', 'joined']);
    });

    test('behaves as before at an older server', async () => {
      const scene = new Scene({ server: { limits: null } });
      const ada = await scene.join('ada');
      scene.server.session('ada').socket.stall();
      act(ada.page);
      await scene.clock.advance(24_900);
      assert.equal(ada.log.welcomes.length, 1);
      await scene.clock.advance(1000);
      assert.equal(ada.log.welcomes.length, 2);
      assert.deepEqual(scene.sent('ada', 'probe'), []);
    });
  });
}

test('a clock on the wall that is set kills nothing', async () => {
  const scene = new Scene();
  const ada = await scene.join('ada');
  for (const ms of [-3_600_000, 86_400_000, -86_400_000, 2_000, -2_000, 30_000, 60_000]) {
    ada.page.sleep(ms);
    await scene.clock.advance(7000);
  }
  assert.equal(scene.server.sockets.created, 1);
  assert.equal(ada.state, 'joined');
});

test('a clock on the wall that was set back notices silence all the same', async () => {
  const scene = new Scene();
  const ada = await scene.join('ada');
  ada.page.sleep(-3_600_000);
  scene.server.session('ada').socket.stall();
  await scene.clock.advance(27_000);
  assert.equal(ada.log.welcomes.length, 2);
});

test('many events make one probe at a time', async () => {
  const scene = new Scene({ latencyMs: [100, 100] });
  const ada = await scene.join('ada');
  await scene.clock.advance(1000);
  for (let n = 0; n < 100; n += 1) ada.page.setVisibility('visible');
  await scene.clock.advance(1000);
  assert.equal(scene.sent('ada', 'probe').length, 1);
});

describe('a probe that was sent before the machine slept', () => {
  const sleeping = async () => {
    const scene = new Scene();
    const ada = await scene.join('ada');
    await scene.clock.advance(1000);
    const { socket } = scene.server.session('ada');
    socket.stall();
    ada.page.setVisibility('visible');
    ada.page.sleep(3_600_000);
    return { scene, ada, socket };
  };

  test('is repeated when it wakes, and a live socket is kept', async () => {
    const { scene, ada, socket } = await sleeping();
    await scene.clock.advance(1800);
    socket.unstall();
    await scene.clock.advance(10_000);
    assert.equal(scene.server.sockets.created, 1);
    assert.deepEqual(ada.log.states, ['connecting', 'joined']);
  });

  test('is repeated once, and a dead socket is replaced', async () => {
    const { scene, ada } = await sleeping();
    await scene.clock.advance(1100);
    ada.page.sleep(3_600_000);
    await scene.clock.advance(1500);
    assert.equal(ada.log.welcomes.length, 2);
  });
});

test('timers that come late, as in the background, kill no live connection', async () => {
  const scene = new Scene();
  const page = scene.harness.page('ada');
  const { setTimeout } = page.environment;
  // Chromium lets a page in the background run its timers once a minute.
  page.environment.setTimeout = (step, ms) => setTimeout(step, Math.ceil((scene.clock.now() + ms) / 60_000) * 60_000 - scene.clock.now());
  const ada = await scene.join('ada', { page });
  await scene.clock.advance(1_800_000);
  assert.equal(scene.server.sockets.created, 1);
  assert.ok(scene.sent('ada', 'probe').length < 40);
  scene.server.session('ada').socket.stall();
  await scene.clock.advance(180_000);
  assert.equal(ada.log.welcomes.length, 2);
});

test('a page that stands still for minutes hears what has come before it judges', async () => {
  const scene = new Scene();
  const ada = await scene.join('ada');
  const { socket } = scene.server.session('ada');
  // As a task of its own that takes 40 s: nothing of the socket is handled, timers are due, and all that came waits.
  socket.stall();
  await scene.clock.advance(24_000);
  const before = scene.server.sockets.created;
  socket.unstall();
  await scene.clock.advance(1100);
  assert.equal(scene.server.sockets.created, before);
  assert.equal(ada.state, 'joined');
});

describe('another network', () => {
  for (const [when, decisionMs, waitMs] of [['joined', 0, 1000], ['joining', 8000, 1000]]) {
    test(`replaces the connection of a page that is ${when} at once`, async () => {
      const scene = new Scene({ server: { decisionMs } });
      const ada = scene.socket('ada');
      const joined = ada.join();
      await scene.clock.advance(waitMs);
      scene.server.decisionMs = 0;
      ada.page.fire('offline');
      ada.page.fire('online');
      await scene.scheduler.run(joined);
      await scene.scheduler.settle();
      assert.equal(scene.server.sockets.created, 2);
      assert.equal(ada.state, 'joined');
      await scene.clock.advance(10_000);
      assert.deepEqual(scene.server.roster('room'), ['ada']);
    });
  }
});
