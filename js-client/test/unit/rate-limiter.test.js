// The sending rate stays below the server's limits.

import '../support/abort-fix.js';

import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { RateLimiter } from '../../src/rate-limiter.js';
import { Scene } from './support/scene.js';

/** The server's bucket, at its default limits: what it would have refused. */
class Bucket {
  #left;
  #at = 0;

  constructor(perSecond, burst) {
    Object.assign(this, { perSecond, burst });
    this.#left = burst;
  }

  take(now, tokens) {
    this.#left = Math.min(this.burst, this.#left + ((now - this.#at) * this.perSecond) / 1000);
    this.#at = now;
    this.#left -= tokens;
    return this.#left >= 0;
  }
}

test('no sequence of frames is over the rate of frames, nor over that of bytes', () => {
  const frame = fc.record({ bytes: fc.oneof(fc.nat(300), fc.integer({ min: 20_000, max: 65_536 })), idleMs: fc.nat(200) });
  fc.assert(fc.property(fc.array(frame, { maxLength: 600, size: 'max' }), (frames) => {
    const limiter = new RateLimiter();
    const [count, size] = [new Bucket(60, 240), new Bucket(128 * 1024, 1024 * 1024)];
    let now = 0;
    for (const { bytes, idleMs } of frames) {
      now += idleMs;
      for (let wait = limiter.tryTake(now, bytes); wait > 0; wait = limiter.tryTake(now, bytes)) now += wait;
      assert.ok(count.take(now, 1), `frames at ${now}`);
      assert.ok(size.take(now, bytes), `bytes at ${now}`);
    }
  }));
});

test('long frames are slowed down, short ones are not', () => {
  const limiter = new RateLimiter();
  for (let n = 0; n < 12; n += 1) assert.equal(limiter.tryTake(0, 65_536), 0);
  assert.equal(limiter.tryTake(0, 65_536), 640);
  assert.equal(limiter.tryTake(640, 65_536), 0);
  assert.ok(limiter.tryTake(640, 100) > 0 && limiter.tryTake(640, 100) < 2);
});

test('a frame that is longer than the bucket waits until it is full, and goes', () => {
  const limiter = new RateLimiter({ bytesPerSecond: 1000, burstBytes: 1000 });
  assert.equal(limiter.tryTake(0, 500), 0);
  assert.equal(limiter.tryTake(0, 5000), 500);
  assert.equal(limiter.tryTake(500, 5000), 0);
  assert.equal(limiter.tryTake(500, 1), 4001);
});

test('a pause is one for frames of any length', () => {
  const limiter = new RateLimiter();
  limiter.pause(500);
  assert.equal(limiter.tryTake(0, 10), 500);
  assert.equal(limiter.tryTake(500, 10), 0);
});

test('messages are sent below the rate of bytes, which are those of UTF-8', async () => {
  const scene = new Scene();
  const ada = await scene.join('ada', { rateLimit: { bytesPerSecond: 30_000, burstBytes: 90_000 } });
  const bob = await scene.join('bob');
  for (let n = 0; n < 10; n += 1) ada.send({ type: 'broadcast', data: '☃'.repeat(9900) });
  await scene.clock.advance(100);
  assert.equal(scene.heard(bob).length, 3);
  await scene.clock.advance(3000);
  assert.equal(scene.heard(bob).length, 6);
  await scene.clock.advance(5000);
  assert.equal(scene.heard(bob).length, 10);
});
