// ICE restarts while the old route works, which is when browsers confuse the two.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { keepConnections } from './support/connections.js';
import { Participant } from './support/participant.js';
import { setUp } from './support/setup.js';

const { browsers, server, newRoom } = setUp();

/** As long as over a network: on loopback, the answer comes before the first check of a route. */
const SIGNALING_DELAY_MS = 300;

async function prepare(page) {
  await page.evaluateOnNewDocument(keepConnections);
  await page.evaluateOnNewDocument(delaySignaling, SIGNALING_DELAY_MS);
}

for (const [first, second] of [['chromium', 'firefox'], ['firefox', 'chromium'], ['chromium', 'chromium'], ['firefox', 'firefox']]) {
  test(`${second} joins ${first}: the media go on, whoever notices a loss that is over already`, async () => {
    const url = server.url(`/room/${newRoom()}`);
    const people = [];
    for (const [kind, name] of [[first, 'Ada'], [second, 'Bob']]) {
      people.push(await Participant.join(browsers, kind, { url, name, prepare }));
    }
    const [ada, bob] = people;
    const seeEachOther = () => Promise.all([ada.seesPlaying(bob), bob.seesPlaying(ada)]);
    await seeEachOther();
    for (const person of people) {
      const before = await Promise.all(people.map(({ page }) => page.evaluate(generation)));
      await person.page.evaluate(() => window.loseForAMoment());
      for (const [index, each] of people.entries()) await each.until(hasAnother, before[1 - index]);
      await seeEachOther();
      // What changes later uses the new route.
      await person.page.evaluate(async () => {
        window.room.publish('screen', await navigator.mediaDevices.getUserMedia({ video: true }));
      });
      await seeEachOther();
      await person.page.evaluate(() => window.room.unpublish('screen'));
    }
    for (const { page, complaints } of people) {
      assert.deepEqual(complaints, []);
      assert.equal(await page.evaluate(() => window.connections.filter(({ signalingState }) => signalingState !== 'closed').length), 1);
      assert.deepEqual(await page.evaluate(() => [...window.room.peers.values()].map(({ connection }) => connection)), ['connected']);
    }
  });
}

/** Runs in a page before its scripts. */
function delaySignaling(ms) {
  window.WebSocket = class extends window.WebSocket {
    send(data) {
      setTimeout(() => super.send(data), ms);
    }
  };
}

/** Runs in a page: the ICE generation of its connection, as its user name fragment. */
function generation() {
  return /a=ice-ufrag:(\S+)/.exec(window.connection().currentLocalDescription.sdp)[1];
}

/** Runs in a page: whether its connection has another generation of the other side. */
function hasAnother(before) {
  return window.connection()?.currentRemoteDescription.sdp.includes(`a=ice-ufrag:${before}`) === false;
}
