// Messages of a session: acknowledged, rejected, retransmitted, and within the rate limit.

import '../support/abort-fix.js';

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { Scene } from './support/scene.js';

describe('messages', () => {
  test('are acknowledged after 32 of them, and with each pong', async () => {
    const scene = new Scene();
    await scene.join('ada');
    const bob = await scene.join('bob');
    for (let n = 0; n < 31; n += 1) bob.send({ type: 'broadcast', data: n });
    await scene.clock.advance(100);
    // With that of the join of Bob it is 32.
    assert.deepEqual(scene.sent('ada', 'ack').slice(1), [{ type: 'ack', received: 32 }]);
    await scene.clock.advance(11_000);
    assert.deepEqual(scene.sent('ada', 'pong').at(-1), { type: 'pong', received: 32 });
  });

  test('that are long are acknowledged before 32 KiB', async () => {
    const scene = new Scene();
    await scene.join('ada');
    const bob = await scene.join('bob');
    for (let n = 0; n < 3; n += 1) bob.send({ type: 'broadcast', data: '☃'.repeat(5000) });
    await scene.clock.advance(100);
    assert.equal(scene.sent('ada', 'ack').length, 2);
  });

  test('that the server refuses are told, with what they were', async () => {
    const scene = new Scene();
    const ada = await scene.join('ada');
    scene.server.rejectNext('broadcast', { code: 'not-allowed' });
    ada.send({ type: 'broadcast', data: 'first' });
    ada.send({ type: 'broadcast', data: 'second' });
    await scene.clock.advance(100);
    assert.deepEqual(ada.log.rejected, [['not-allowed', 'first']]);
  });

  test('over the rate are sent again, in order, after the pause that was asked for', async () => {
    const scene = new Scene();
    const ada = await scene.join('ada');
    const bob = await scene.join('bob');
    for (let n = 0; n < 3; n += 1) scene.server.rejectNext('broadcast', { code: 'rate-limited', retryAfterMs: 500 });
    for (let n = 0; n < 6; n += 1) ada.send({ type: 'broadcast', data: n });
    await scene.clock.advance(100);
    assert.deepEqual(scene.heard(bob), [3, 4, 5]);
    await scene.clock.advance(5000);
    assert.deepEqual(scene.heard(bob), [3, 4, 5, 0, 1, 2]);
    assert.deepEqual(ada.log.rejected, []);
  });

  test('are sent below the rate of the server', async () => {
    const scene = new Scene();
    const ada = await scene.join('ada');
    for (let n = 0; n < 400; n += 1) ada.send({ type: 'broadcast', data: n });
    await scene.scheduler.settle();
    assert.equal(scene.sent('ada', 'broadcast').length, 200);
    await scene.clock.advance(1000);
    assert.equal(scene.sent('ada', 'broadcast').length, 250);
    await scene.clock.advance(10_000);
    assert.equal(scene.sent('ada', 'broadcast').length, 400);
  });

  test('cannot be sent before joining, nor after leaving', async () => {
    const scene = new Scene();
    const ada = scene.socket('ada');
    const send = () => ada.send({ type: 'broadcast', data: 1 });
    assert.throws(send, ({ code }) => code === 'state');
    await scene.scheduler.run(ada.join(), { withinMs: 1000 });
    send();
    await scene.scheduler.run(ada.leave(), { withinMs: 5000 });
    assert.throws(send, ({ code }) => code === 'state');
  });
});
