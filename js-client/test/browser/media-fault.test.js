// The route between two browsers is lost, and found again.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';

import { Participant } from './support/participant.js';
import { Proxy } from './support/proxy.js';
import { setUp } from './support/setup.js';
import { UdpRelay } from './support/udp-relay.js';

const { browsers, server, newRoom } = setUp();

for (const [first, second] of [['chromium', 'firefox'], ['firefox', 'chromium'], ['chromium', 'chromium']]) {
  describe(`${second} joins ${first}`, { concurrency: 1 }, () => {
    let relay;
    let network;
    let ada;
    let bob;

    beforeEach(async () => {
      relay = await UdpRelay.start();
      network = await Proxy.start(server.port);
      const path = `/room/${newRoom()}`;
      ada = await join(first, { url: network.url(path), name: 'Ada' });
      bob = await join(second, { url: server.url(path), name: 'Bob' });
      await seeEachOther();
    });

    afterEach(async () => {
      await ada?.close();
      await bob?.close();
      await network.stop();
      await relay.stop();
    });

    async function join(kind, options) {
      const person = await Participant.join(browsers, kind, { ...options, prepare: (page) => relay.standBetween(page) });
      await person.keepsLog();
      return person;
    }

    async function seeEachOther() {
      for (const [one, other] of [[ada, bob], [bob, ada]]) {
        await one.seesState(other, 'connection', 'connected');
        await one.seesPlaying(other);
      }
    }

    async function assertNobodyLeft() {
      for (const one of [ada, bob]) {
        assert.deepEqual((await one.log()).filter((line) => line.startsWith('peerleft')), []);
        assert.deepEqual(one.complaints, []);
      }
    }

    test('a short loss', async () => {
      relay.break();
      await ada.seesState(bob, 'connection', 'reconnecting');
      relay.mend();
      await seeEachOther();
      await assertNobodyLeft();
    });

    test('a loss that outlasts the restart of ICE', async () => {
      relay.break();
      await Promise.race([ada, bob].map((one) => one.until(
        () => window.log.some((line) => line.includes('no route to the peer in time')),
      )));
      relay.mend();
      await seeEachOther();
      await assertNobodyLeft();
    });

    test('a loss of both networks', async () => {
      network.refuse(true);
      network.cut();
      relay.break();
      await ada.seesState(bob, 'connection', 'reconnecting');
      relay.mend();
      network.refuse(false);
      await seeEachOther();
      await assertNobodyLeft();
    });
  });
}
