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

for (const kinds of [['chromium', 'firefox'], ['firefox', 'chromium'], ['chromium', 'chromium'], ['firefox', 'firefox']]) {
  for (const loser of [0, 1]) {
    test(`${kinds[1]} joins ${kinds[0]}: the media go on when the ${['first', 'second'][loser]} notices a loss that is over already`, async () => {
      const url = server.url(`/room/${newRoom()}`);
      const people = [];
      for (const [index, name] of ['Ada', 'Bob'].entries()) {
        people.push(await Participant.join(browsers, kinds[index], { url, name, prepare }));
      }
      const [ada, bob] = people;
      const seeEachOther = () => Promise.all([ada.seesPlaying(bob), bob.seesPlaying(ada)]);
      await seeEachOther();
      const before = await Promise.all(people.map(({ page }) => page.evaluate(generation)));
      await people[loser].page.evaluate(() => window.loseForAMoment());
      for (const [index, person] of people.entries()) await person.until(hasAnother, before[1 - index]);
      await seeEachOther();
      // What changes later uses the new route.
      for (const { page } of people) {
        await page.evaluate(async () => {
          window.room.publish('screen', await navigator.mediaDevices.getUserMedia({ video: true }));
        });
      }
      for (const person of people) await person.until(() => [...window.room.peers.values()][0].sources.size === 2);
      await seeEachOther();
      for (const { page, complaints } of people) {
        assert.deepEqual(complaints, []);
        assert.equal(await page.evaluate(() => window.connections.filter(({ signalingState }) => signalingState !== 'closed').length), 1);
        assert.deepEqual(await page.evaluate(() => [...window.room.peers.values()].map(({ connection }) => connection)), ['connected']);
      }
    });
  }
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
