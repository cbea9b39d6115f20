// The ways to a first connection: with offers in the join or without, prepared or not.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { keepConnections } from './support/connections.js';
import { showsFrames } from './support/frames.js';
import { setUp } from './support/setup.js';

const { browsers, server, newRoom } = setUp({ keepsPages: true });

/** How a page joins, and how many offers may be in its `join`. */
const WAYS = {
  // On loopback a page joins before it has made all.
  'with offers in the join': { options: {}, inJoin: [0, 1, 2] },
  'with offers in the join, prepared': { options: {}, prepares: true, inJoin: [2] },
  'without offers in the join': { options: { joinOffers: 0 }, inJoin: [0] },
  'without offers in the join, prepared': { options: { joinOffers: 0 }, prepares: true, inJoin: [0] },
};

/** A page in the room, with a camera. */
async function join(kind, room, { options = {}, prepares = false } = {}) {
  const page = await (await browsers.context(kind)).newPage();
  await page.evaluateOnNewDocument(keepConnections);
  await page.evaluateOnNewDocument(watch);
  await page.goto(server.url('/'));
  await page.evaluate(async (url, more, isPrepared) => {
    const { MeetRoom, attach } = await import('/meet-signal/index.js');
    window.room = new MeetRoom(url, more);
    window.room.on('error', ({ detail: { error } }) => window.errors.push(String(error)));
    window.room.on('peerjoined', ({ detail: { peer } }) => { window.peer = peer; });
    window.room.on('sourceadded', ({ detail: { source } }) => {
      const figure = document.body.appendChild(document.createElement('figure'));
      const video = figure.appendChild(Object.assign(document.createElement('video'), { autoplay: true, muted: true }));
      attach(video, source.stream);
    });
    window.room.on('sourceremoved', () => document.querySelector('figure')?.remove());
    window.room.publish('camera', await navigator.mediaDevices.getUserMedia({ audio: true, video: true }));
    if (isPrepared) await window.room.prepare();
    await window.room.join();
  }, `/signal/${room}`, options, prepares);
  return page;
}

/** Runs in a page before its scripts: what it sends. */
function watch() {
  window.errors = [];
  window.sent = [];
  window.WebSocket = class extends window.WebSocket {
    send(text) {
      window.sent.push(JSON.parse(text));
      super.send(text);
    }
  };
}

const open = () => window.connections.filter(({ signalingState }) => signalingState !== 'closed').length;
const sent = () => ({
  inJoin: window.sent.find(({ type }) => type === 'join').offers?.length ?? 0,
  later: window.sent.filter(({ type, data }) => type === 'signal' && data.description?.type === 'offer').length,
});

for (const [first, second] of [['chromium', 'firefox'], ['firefox', 'chromium'], ['chromium', 'chromium'], ['firefox', 'firefox']]) {
  describe(`${second} joins ${first}`, { concurrency: 1 }, () => {
    let room;
    let ada;

    for (const [way, { inJoin, ...options }] of Object.entries(WAYS)) {
      test(way, async () => {
        room ??= newRoom();
        ada ??= await join(first, room);
        const bob = await join(second, room, options);
        for (const page of [ada, bob]) await page.waitForFunction(showsFrames, { polling: 100 }, 'figure');
        const said = await bob.evaluate(sent);
        assert.ok(inJoin.includes(said.inJoin), `${said.inJoin} offers in the join`);
        assert.equal(said.later, said.inJoin > 0 ? 0 : 1, 'the first offer is made once');
        for (const page of [ada, bob]) {
          await page.waitForFunction(() => window.peer.connection === 'connected');
          assert.equal(await page.evaluate(open), 1, 'what was not needed is closed');
          assert.deepEqual(await page.evaluate(() => window.errors), []);
        }
        await bob.evaluate(() => window.room.leave());
        await bob.close();
        await ada.waitForFunction(() => window.room.peers.size === 0);
      });
    }

    test('and nothing is left of those who have gone', async () => {
      assert.equal(await ada.evaluate(open), 0);
      await ada.close();
    });
  });
}
