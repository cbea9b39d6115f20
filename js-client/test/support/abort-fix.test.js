// Without the fix, the second test fails in Node 20.

import './abort-fix.js';

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

test('a signal removes its listeners, and an aborted one adds none', () => {
  const target = new EventTarget();
  const stop = new AbortController();
  const never = () => assert.fail('still heard');
  target.addEventListener('x', never, { signal: stop.signal });
  target.addEventListener('y', never, { signal: stop.signal, capture: true });
  stop.abort();
  target.addEventListener('x', never, { signal: stop.signal });
  for (const type of ['x', 'y']) target.dispatchEvent(new Event(type));
});

test('it does so after garbage was collected', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc');
  const target = new EventTarget();
  const stop = new AbortController();
  /** @type {string[]} */
  const heard = [];
  for (const type of ['x', 'y', 'z']) {
    target.addEventListener(type, () => heard.push(type), { signal: stop.signal });
  }
  for (let round = 0; round < 5; round++) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  stop.abort();
  for (const type of ['x', 'y', 'z']) target.dispatchEvent(new Event(type));
  assert.deepEqual(heard, []);
});
