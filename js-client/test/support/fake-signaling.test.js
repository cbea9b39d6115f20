// The signaling fake itself: the order and the faults that it gives.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { fakeSignaling } from './fake-signaling.js';
import { Scheduler } from './scheduler.js';

/** Both ends, and what arrived at `b`. */
function connected(/** @type {number | undefined} */ seed) {
  const scheduler = new Scheduler({ seed });
  const { a, b } = fakeSignaling(scheduler);
  /** @type {any[]} */
  const arrived = [];
  b.onmessage = (message) => arrived.push(message);
  return { scheduler, a, b, arrived };
}

test('messages arrive in the order of sending under every schedule', async () => {
  for (let seed = 0; seed < 50; seed++) {
    const { scheduler, a, arrived } = connected(seed);
    for (let number = 0; number < 5; number++) a.send(number);
    await scheduler.settle();
    assert.deepEqual(arrived, [0, 1, 2, 3, 4]);
  }
});

test('a message is a copy', async () => {
  const { scheduler, a, arrived } = connected(undefined);
  const message = { description: { type: 'offer', toJSON: () => ({ type: 'offer', sdp: 'x' }) } };
  a.send(message);
  message.description.type = 'changed';
  await scheduler.settle();
  assert.deepEqual(arrived, [{ description: { type: 'offer', sdp: 'x' } }]);
});

test('a message is dropped or duplicated once', async () => {
  const { scheduler, a, arrived } = connected(undefined);
  a.next('drop', (message) => message === 2);
  a.next('duplicate');
  for (const message of [1, 2, 3, 2]) a.send(message);
  await scheduler.settle();
  assert.deepEqual(arrived, [1, 1, 3, 2]);
  assert.deepEqual(a.sent, [1, 2, 3, 2]);
});

test('held messages arrive on release, unless they are lost', async () => {
  const { scheduler, a, b, arrived } = connected(undefined);
  /** @type {any[]} */
  const back = [];
  a.onmessage = (message) => back.push(message);
  a.hold();
  a.send(1);
  b.send('the other direction goes on');
  await scheduler.settle();
  assert.deepEqual([arrived, back.length, a.underway], [[], 1, 1]);
  a.release();
  await scheduler.settle();
  assert.deepEqual(arrived, [1]);
  a.hold();
  a.send(2);
  a.lose();
  a.release();
  a.send(3);
  await scheduler.settle();
  assert.deepEqual(arrived, [1, 3]);
});

test('shuffled messages overtake each other', async () => {
  const { scheduler, a, arrived } = connected(1);
  a.shuffle();
  for (let number = 0; number < 20; number++) a.send(number);
  await scheduler.settle();
  assert.notDeepEqual(arrived, [...arrived].sort((x, y) => x - y));
  assert.equal(new Set(arrived).size, 20);
});
