// The event loop of the fakes: order, time, and that a seed means a schedule.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Scheduler } from './scheduler.js';

/** Three queues of three tasks, and what ran. */
async function nineTasks(/** @type {number | undefined} */ seed) {
  const scheduler = new Scheduler({ seed });
  /** @type {string[]} */
  const ran = [];
  const queues = ['a', 'b', 'c'].map((name) => scheduler.queue(name));
  for (const number of [1, 2, 3]) {
    for (const queue of queues) queue.post('task', () => ran.push(`${queue.name}${number}`));
  }
  await scheduler.settle();
  return ran;
}

test('without a seed tasks run in the order of posting', async () => {
  assert.deepEqual(await nineTasks(undefined), ['a1', 'b1', 'c1', 'a2', 'b2', 'c2', 'a3', 'b3', 'c3']);
});

test('with a seed queues interleave freely, but each keeps its order', async () => {
  const schedules = new Set();
  for (let seed = 0; seed < 200; seed++) {
    const ran = await nineTasks(seed);
    schedules.add(ran.join());
    for (const name of ['a', 'b', 'c']) {
      const own = ran.filter((task) => task.startsWith(name));
      assert.deepEqual(own, [`${name}1`, `${name}2`, `${name}3`]);
    }
  }
  assert.ok(schedules.size > 100, `${schedules.size} different schedules`);
  assert.ok([...schedules].some((ran) => ran.startsWith('c1,c2,c3')), 'a queue can be far ahead');
});

test('a seed gives the same schedule again', async () => {
  for (let seed = 0; seed < 20; seed++) assert.deepEqual(await nineTasks(seed), await nineTasks(seed));
});

test('all microtasks of a task run before the next task', async () => {
  const scheduler = new Scheduler();
  /** @type {string[]} */
  const ran = [];
  const queue = scheduler.queue('page');
  queue.post('first', () => {
    (async () => {
      for (let hop = 0; hop < 50; hop++) await undefined;
      ran.push('microtask');
    })();
    ran.push('first');
  });
  queue.post('second', () => ran.push('second'));
  await scheduler.settle();
  assert.deepEqual(ran, ['first', 'microtask', 'second']);
});

test('timers fire in the order of their times, each at its time', async () => {
  const { clock } = new Scheduler();
  /** @type {string[]} */
  const fired = [];
  const at = (/** @type {string} */ name) => fired.push(`${name} at ${clock.now()}`);
  clock.setTimeout(at, 300, 'late');
  clock.setTimeout(at, 100, 'early');
  clock.setTimeout(at, 100, 'early too');
  clock.setTimeout(at, 0, 'now');
  clock.clearTimeout(clock.setTimeout(at, 150, 'cleared'));
  clock.setTimeout(() => clock.setTimeout(at, 50, 'nested'), 100);

  await clock.advance(299);
  assert.deepEqual(fired, ['now at 0', 'early at 100', 'early too at 100', 'nested at 150']);
  assert.equal(clock.now(), 299);
  assert.equal(clock.pending, 1);
  await clock.advance(1);
  assert.equal(fired.at(-1), 'late at 300');
  assert.equal(clock.pending, 0);
});

test('a timer that was cleared while it waited for its turn does not fire', async () => {
  const { clock } = new Scheduler();
  let fired = false;
  clock.setTimeout(() => clock.clearTimeout(second), 10);
  const second = clock.setTimeout(() => { fired = true; }, 10);
  await clock.advance(10);
  assert.equal(fired, false);
});

test('settling lets no time pass', async () => {
  const scheduler = new Scheduler();
  scheduler.clock.setTimeout(() => assert.fail('not due'), 1);
  await scheduler.settle();
  assert.equal(scheduler.clock.now(), 0);
});

test('running a promise lets no more time pass than it needs', async () => {
  const scheduler = new Scheduler();
  const { clock } = scheduler;
  const sleep = (/** @type {number} */ ms) => new Promise((resolve) => { clock.setTimeout(resolve, ms); });
  clock.setTimeout(() => assert.fail('later'), 5_000);
  await scheduler.run(sleep(2_000), { withinMs: 10_000 });
  assert.equal(clock.now(), 2_000);
});

test('a promise that stays pending is reported, with what happened before', async () => {
  const scheduler = new Scheduler();
  scheduler.queue('page').post('the last thing', () => {});
  await assert.rejects(scheduler.run(new Promise(() => {})), /not so within 0 ms[^]*page: the last thing/);
});

test('an endless loop of tasks is reported', async () => {
  const scheduler = new Scheduler();
  const queue = scheduler.queue('page');
  const again = () => queue.post('again', again);
  again();
  await assert.rejects(scheduler.settle({ limit: 1_000 }), /still busy after 1000 tasks/);
});

test('a held queue waits while others go on', async () => {
  const scheduler = new Scheduler();
  /** @type {string[]} */
  const ran = [];
  const held = scheduler.queue('held');
  held.held = true;
  held.post('task', () => ran.push('held'));
  scheduler.inParallel('task', () => ran.push('other'));
  await scheduler.settle();
  assert.deepEqual(ran, ['other']);
  held.held = false;
  await scheduler.settle();
  assert.deepEqual(ran, ['other', 'held']);
});

test('what goes over a network takes its time, and keeps its order', async () => {
  for (let seed = 0; seed < 20; seed++) {
    const scheduler = new Scheduler({ seed, latencyMs: [10, 40] });
    const { clock } = scheduler;
    const wire = scheduler.wire('wire');
    /** @type {string[]} */
    const ran = [];
    for (const name of ['a', 'b', 'c']) wire.post('task', () => ran.push(name));
    clock.setTimeout(() => ran.push('timer'), 100);
    await scheduler.settle();
    assert.deepEqual(ran, []);
    await clock.advance(9);
    assert.deepEqual(ran, []);
    await scheduler.until(() => ran.length === 3, { withinMs: 100 });
    assert.ok(clock.now() >= 10 && clock.now() <= 40);
    assert.deepEqual(ran, ['a', 'b', 'c']);
    await clock.advance(100);
    assert.equal(ran.at(-1), 'timer');
  }
});

test('a task that fails fails the one who drives', async () => {
  const scheduler = new Scheduler();
  scheduler.inParallel('broken', () => { throw new RangeError('broken'); });
  await assert.rejects(scheduler.settle(), RangeError);
  await scheduler.settle();
});

test('there is one driver at a time', async () => {
  const scheduler = new Scheduler();
  scheduler.inParallel('drives again', () => scheduler.settle());
  scheduler.inParallel('another task', () => {});
  await assert.rejects(scheduler.settle(), /already running a task/);
});
