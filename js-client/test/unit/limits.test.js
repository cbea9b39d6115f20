// The client checks sizes before it sends.

import '../support/abort-fix.js';

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { Meeting } from './support/meeting.js';
import { Scene } from './support/scene.js';

/** The longest data of a broadcast with a one-digit `ref` that fits into a frame of so many bytes. */
const longest = (frameBytes) => frameBytes - '{"type":"broadcast","data":"","ref":1}'.length;

describe('a frame', () => {
  for (const [server, frameBytes] of [[{}, 65_536], [{ limits: { frameBytes: 1200 } }, 1200], [{ limits: null }, 65_536]]) {
    test(`of ${frameBytes} bytes is sent, and of one more throws and ends nothing (${JSON.stringify(server)})`, async () => {
      const scene = new Scene({ server });
      const ada = await scene.join('ada');
      const bob = await scene.join('bob');
      const max = 'x'.repeat(longest(frameBytes));
      assert.throws(() => ada.send({ type: 'broadcast', data: `${max}x` }), { code: 'too-large', retryable: false });
      assert.throws(() => ada.send({ type: 'broadcast', data: '☃'.repeat(frameBytes / 3) }), { code: 'too-large' });
      assert.throws(() => ada.send({ type: 'broadcast', data: '\n'.repeat(frameBytes / 2) }), { code: 'too-large' });
      ada.send({ type: 'broadcast', data: max });
      // The number of the message is a part of the frame.
      for (let n = 2; n < 10; n += 1) ada.send({ type: 'broadcast', data: n });
      assert.throws(() => ada.send({ type: 'broadcast', data: max }), { code: 'too-large' });
      await scene.clock.advance(2000);
      assert.deepEqual(scene.heard(bob), [max, 2, 3, 4, 5, 6, 7, 8, 9]);
      assert.deepEqual([ada.state, ada.log.welcomes.length, ada.log.rejected.length], ['joined', 1, 0]);
    });
  }

  test('that a room is to send likewise', async () => {
    const meeting = new Meeting();
    const ada = await meeting.join('ada', { camera: false });
    const bob = await meeting.join('bob', { camera: false });
    await meeting.scheduler.settle();
    assert.throws(() => ada.broadcast('x'.repeat(70_000)), { code: 'too-large' });
    assert.throws(() => ada.send(bob.self.id, 'x'.repeat(70_000)), { code: 'too-large' });
    assert.throws(() => ada.update('x'.repeat(5000)), { code: 'too-large' });
    await meeting.clock.advance(1000);
    assert.deepEqual([ada.state, ada.self.meta], ['joined', 'ada']);
  });

  for (const outcome of ['full', 'partial', 'no']) {
    test(`that waits when the server comes back with smaller limits is told, and ends nothing (${outcome})`, async () => {
      const scene = new Scene();
      const ada = await scene.join('ada');
      const bob = await scene.join('bob');
      await scene.clock.advance(100);
      const { socket } = scene.server.session('ada');
      socket.stall();
      // These were sent, and have not arrived.
      ada.send({ type: 'broadcast', data: 'sent' });
      ada.send({ type: 'broadcast', data: 'x'.repeat(2000) });
      await scene.clock.advance(10);
      socket.cut();
      await scene.scheduler.settle();
      ada.send({ type: 'broadcast', data: 'y'.repeat(2000) });
      ada.send({ type: 'broadcast', data: 'waited' });
      scene.server.overrides.limits = { frameBytes: 1000, metaBytes: 10 };
      if (outcome !== 'full') scene.server.nextResume(outcome);
      const order = [];
      ada.on('welcome', () => order.push('welcome'));
      ada.on('rejected', ({ detail }) => order.push(`${detail.error.code} ${detail.message.data[0]}`));
      await scene.clock.advance(15_000);
      assert.deepEqual(order, outcome === 'full' ? ['welcome', 'too-large x', 'too-large y'] : ['welcome', 'too-large y']);
      assert.deepEqual(scene.heard(bob), outcome === 'full' ? ['sent', 'waited'] : ['waited']);
      // Both still count alike.
      scene.server.session('ada').socket.cut();
      ada.send({ type: 'broadcast', data: 'last' });
      await scene.clock.advance(5000);
      assert.equal(scene.heard(bob).at(-1), 'last');
      assert.equal(scene.heard(bob).filter((data) => data === 'waited').length, 1);
      assert.equal(ada.log.welcomes.at(-1).resumed, 'full');
    });
  }
});

describe('the limiter', () => {
  const burst = async (server, options) => {
    const scene = new Scene({ server });
    const ada = await scene.join('ada', options);
    for (let n = 0; n < 400; n += 1) ada.send({ type: 'broadcast', data: n });
    await scene.scheduler.settle();
    const first = scene.sent('ada', 'broadcast').length;
    await scene.clock.advance(1000);
    return [first, scene.sent('ada', 'broadcast').length - first];
  };

  for (const [what, expected, server, options] of [
    ['follows the server’s limits, below them', [20, 5], { limits: { ratePerSecond: 6, rateBurst: 24 } }],
    ['is faster for a server that takes more', [300, 100], { limits: { ratePerSecond: 120, rateBurst: 360 } }],
    ['is the page’s own where it gives one', [7, 4], { limits: { ratePerSecond: 6, rateBurst: 24 } }, { rateLimit: { perSecond: 4, burst: 7 } }],
    ['is that of the defaults for a server that tells none', [200, 50], { limits: null }],
  ]) {
    test(what, async () => assert.deepEqual(await burst(server, options), expected));
  }

  test('follows the bytes, too', async () => {
    const scene = new Scene({ server: { limits: { frameBytes: 1024, rateBytesPerSecond: 3200, rateBurstBytes: 8000 } } });
    const ada = await scene.join('ada');
    for (let n = 0; n < 20; n += 1) ada.send({ type: 'broadcast', data: 'x'.repeat(950) });
    await scene.scheduler.settle();
    assert.equal(scene.sent('ada', 'broadcast').length, 6);
    await scene.clock.advance(4000);
    assert.equal(scene.sent('ada', 'broadcast').length, 16);
  });

  test('changes with a server that comes back with other limits', async () => {
    const scene = new Scene();
    const ada = await scene.join('ada');
    scene.server.overrides.limits = { ratePerSecond: 6, rateBurst: 24 };
    scene.server.session('ada').socket.cut();
    await scene.clock.advance(60_000);
    for (let n = 0; n < 100; n += 1) ada.send({ type: 'broadcast', data: n });
    await scene.scheduler.settle();
    assert.equal(scene.sent('ada', 'broadcast').length, 20);
  });
});
