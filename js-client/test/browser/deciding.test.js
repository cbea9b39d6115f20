// The application takes 12 s to authorize a join, longer than a page waits without a sign of life.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { setUp } from './support/setup.js';

const TIMEOUT = { timeout: 40_000, polling: 100 };

const { browsers, server } = setUp({ args: ['--login-seconds', '12'] });

/** A page that has begun to join, and keeps in sight its sockets, the signs of life, and what became of `join`. */
async function joining(kind, room) {
  const page = await (await browsers.context(kind)).newPage();
  await page.evaluateOnNewDocument(() => {
    window.sockets = 0;
    window.signs = 0;
    window.WebSocket = class extends window.WebSocket {
      constructor(...options) {
        super(...options);
        window.sockets += 1;
        this.addEventListener('message', ({ data }) => { window.signs += Number(JSON.parse(data).type === 'ping'); });
      }
    };
  });
  await page.goto(server.url('/'));
  await page.evaluate(async (name) => {
    const { MeetRoom } = await import('/meet-signal/index.js');
    window.seen = [];
    window.room = new MeetRoom(`/signal/${name}`, { meta: name });
    window.room.on('peerjoined', ({ detail: { peer } }) => window.seen.push(peer.id));
    window.room.join().then(() => { window.outcome = 'joined'; }, ({ code }) => { window.outcome = code; });
  }, room);
  return page;
}

function outcome(page) {
  return page.waitForFunction(() => window.outcome, TIMEOUT).then((handle) => handle.jsonValue());
}

function hearsASign(page) {
  return page.waitForFunction(() => window.signs > 0, TIMEOUT);
}

for (const kind of ['chromium', 'firefox']) {
  test(`a slow login admits a page that waits, and none that has left: ${kind}`, async () => {
    const ada = await joining(kind, kind);
    assert.equal(await outcome(ada), 'joined');
    assert.equal(await ada.evaluate(() => window.sockets), 1, 'the first try');
    assert.ok(await ada.evaluate(() => window.signs) >= 3);

    const leaving = await joining(kind, kind);
    const closing = await joining(kind, kind);
    await Promise.all([leaving, closing].map(hearsASign));
    await leaving.evaluate(() => window.room.leave());
    assert.equal(await outcome(leaving), 'closed');
    await closing.close();

    // Its join is decided on later than theirs would have been.
    const bob = await joining(kind, kind);
    assert.equal(await outcome(bob), 'joined');
    const id = (page) => page.evaluate(() => window.room.self.id);
    assert.deepEqual(await bob.evaluate(() => window.seen), [await id(ada)]);
    assert.deepEqual(await ada.evaluate(() => window.seen), [await id(bob)]);
  });
}
