// Unloaded pages: the others see them leave soon, unless they come back.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { setUp } from './support/setup.js';

const TIMEOUT = { timeout: 40_000, polling: 50 };
/** It is two seconds (`going_away_grace`). On a busy machine it shows later, but long before the 30 s of a lost page. */
const GONE_MS = 10_000;

const { browsers, server, newRoom } = setUp();

/** Joins a page to a room, and keeps what it is told. A page that was brought back has all that already. */
async function join(page, room) {
  await page.evaluate(async (name) => {
    const { MeetRoom } = await import('/meet-signal/index.js');
    window.log = [];
    window.room = new MeetRoom(`/signal/${name}`, { meta: name });
    for (const type of ['peerjoined', 'peerleft']) {
      window.room.on(type, ({ detail: { peer } }) => window.log.push(`${type} ${peer.id}`));
    }
    await window.room.join();
  }, room);
}

async function open(kind, room) {
  const page = await (await browsers.context(kind)).newPage();
  page.setDefaultTimeout(TIMEOUT.timeout);
  await page.goto(server.url('/?before'));
  await page.goto(server.url('/?here'));
  await join(page, room);
  return page;
}

const id = (page) => page.evaluate(() => window.room.self.id);
const peers = (page, count) => page.waitForFunction((many) => window.room.peers.size === many, TIMEOUT, count);

/** Ada watches, and Bob is in a browser of this kind. */
async function meeting(kind) {
  const room = newRoom();
  const ada = await open('chromium', room);
  const bob = await open(kind, room);
  await peers(ada, 1);
  await peers(bob, 1);
  return { room, ada, bob, id: await id(bob) };
}

/** The drivers wait for a page to load, which one that comes from the cache does not. */
const goBack = (page) => page.evaluate(() => { setTimeout(() => history.back(), 0); });

const WAYS = {
  'by a link': (page) => page.evaluate(() => {
    const link = document.body.appendChild(document.createElement('a'));
    link.href = '/?elsewhere';
    link.click();
  }),
  'by an address': (page) => page.goto(server.url('/?elsewhere')),
  'by an address of another site': (page) => page.goto('about:blank'),
  back: goBack,
  'for good': (page) => page.close(),
};

for (const kind of ['chromium', 'firefox']) {
  describe(kind, { concurrency: 1 }, () => {
    for (const [way, go] of Object.entries(WAYS)) {
      test(`a page that goes ${way} is soon gone`, async () => {
        const { ada, bob, id: gone } = await meeting(kind);
        const began = Date.now();
        await go(bob);
        await peers(ada, 0);
        assert.ok(Date.now() - began < GONE_MS, `after ${Date.now() - began} ms`);
        assert.deepEqual(await ada.evaluate(() => window.log), [`peerjoined ${gone}`, `peerleft ${gone}`]);
        await ada.close();
        if (way !== 'for good') await bob.close();
      });
    }

    for (const [when, isSeen] of [['at once', false], ['when the others have seen it go', true]]) {
      test(`who comes back ${when} is one participant`, async () => {
        const { room, ada, bob, id: before } = await meeting(kind);
        await bob.goto(server.url('/?elsewhere'));
        if (isSeen) await peers(ada, 0);
        await goBack(bob);
        await bob.waitForFunction(() => location.search === '?here' && document.readyState === 'complete', TIMEOUT);
        // A browser may load it anew; then it is for the page to join.
        if (await bob.evaluate(() => window.log === undefined)) await join(bob, room);
        await bob.waitForFunction(() => window.room.state === 'joined', TIMEOUT);
        await peers(ada, 1);
        await peers(bob, 1);
        assert.equal(await ada.evaluate(() => [...window.room.peers.keys()][0]), await id(bob));
        // Never two at a time.
        const log = await ada.evaluate(() => window.log);
        assert.deepEqual(log.map((line) => line.split(' ')[0]), log.map((_, n) => ['peerjoined', 'peerleft'][n % 2]));
        assert.equal(log[0], `peerjoined ${before}`);
        // Nothing is left that a duplicate of this tab could throw it out with.
        assert.deepEqual(await bob.evaluate(() => Object.keys(sessionStorage).filter((key) => key.startsWith('meet-signal'))), []);
        await ada.close();
        await bob.close();
      });
    }

    test('who reloads is one participant', async () => {
      const { room, ada, bob } = await meeting(kind);
      await bob.reload();
      await join(bob, room);
      await peers(bob, 1);
      await ada.waitForFunction((now) => window.room.peers.size === 1 && window.room.peers.has(now), TIMEOUT, await id(bob));
      const log = await ada.evaluate(() => window.log);
      assert.deepEqual(log.map((line) => line.split(' ')[0]), ['peerjoined', 'peerleft', 'peerjoined']);
      await ada.close();
      await bob.close();
    });
  });
}
