// Calls survive faults of networks and servers.

import assert from 'node:assert/strict';
import { beforeEach, afterEach, describe, test } from 'node:test';

import { Participant } from './support/participant.js';
import { Proxy } from './support/proxy.js';
import { Server } from './support/server.js';
import { setUp } from './support/setup.js';

const { browsers, server, newRoom } = setUp();

describe('between two people', { concurrency: 1 }, () => {
  /** Each reaches the server over a network of its own. */
  let networks;
  let path;
  let people;

  beforeEach(async () => {
    networks = [await Proxy.start(server.port), await Proxy.start(server.port)];
    path = `/room/${newRoom()}`;
    people = [];
  });

  afterEach(async () => {
    for (const person of people) await person.close();
    for (const network of networks) await network.stop();
  });

  async function join(kind, name, network) {
    const person = await Participant.join(browsers, kind, { url: network.url(path), name });
    await person.keepsLog();
    people.push(person);
    return person;
  }

  async function call() {
    const ada = await join('chromium', 'Ada', networks[0]);
    const bob = await join('firefox', 'Bob', networks[1]);
    await ada.seesPlaying(bob);
    await bob.seesPlaying(ada);
    for (const one of people) await one.log({ clear: true });
    return { ada, bob };
  }

  /** Nobody was announced twice, left, or lost a connection between the browsers. */
  async function assertNobodyNoticed(...whom) {
    for (const one of whom) {
      const log = await one.log();
      assert.deepEqual(log.filter((line) => /peerleft|peerjoined|reconnecting/.test(line)), [], one.name);
      assert.deepEqual(one.complaints, []);
    }
  }

  test('a socket that is cut comes back as the same participant, and the call goes on', async () => {
    const { ada, bob } = await call();
    const id = await ada.id();
    for (let times = 0; times < 3; times += 1) {
      networks[0].cut();
      await ada.until(() => window.log.filter((line) => line === 'state joined').length > 0);
      await ada.log({ clear: true });
    }
    assert.equal(await ada.id(), id);
    await bob.seesState(ada, 'status', 'here');
    await assertNobodyNoticed(ada, bob);
    await ada.seesPlaying(bob);
    await bob.seesPlaying(ada);
  });

  test('while a socket is away the picture stays, and what is said arrives once, in order', async () => {
    const { ada, bob } = await call();
    networks[0].refuse(true);
    networks[0].cut();
    await bob.seesState(ada, 'status', 'away');
    await bob.seesPlaying(ada);
    for (const word of ['one', 'two', 'three']) await ada.says(`ada ${word}`);
    for (const word of ['one', 'two', 'three']) await bob.says(`bob ${word}`);
    networks[0].refuse(false);
    await bob.seesState(ada, 'status', 'here');
    await bob.reads('ada three');
    await ada.reads('bob three');
    const said = (one) => one.page.$$eval('#chat-log p', (lines) => lines.map((line) => line.textContent));
    assert.deepEqual((await said(bob)).filter((line) => line.startsWith('ada')), ['ada one', 'ada two', 'ada three']);
    assert.deepEqual((await said(ada)).filter((line) => line.startsWith('bob')), ['bob one', 'bob two', 'bob three']);
    await ada.seesPlaying(bob);
  });

  test('a network that stalls delays, and loses nothing', async () => {
    const { ada, bob } = await call();
    networks[0].stall();
    await ada.says('through the jam');
    await bob.seesPlaying(ada);
    networks[0].flow();
    await bob.reads('through the jam');
    await assertNobodyNoticed(bob);
  });

  test('a connection that is half open is noticed by its silence', async () => {
    const { ada, bob } = await call();
    const id = await ada.id();
    networks[0].halfOpen();
    await bob.seesState(ada, 'status', 'away');
    // Two and a half heartbeats of ten seconds.
    await ada.until(() => window.log.includes('state resuming'));
    await bob.seesState(ada, 'status', 'here');
    assert.equal(await ada.id(), id);
    await ada.seesPlaying(bob);
  });

  for (const [what, text, deliver] of [
    ['the offer is lost on the way', '"type":"offer"', false],
    ['the socket is cut right after the offer', '"type":"offer"', true],
  ]) {
    test(`${what}, and the call comes about`, async () => {
      const ada = await join('chromium', 'Ada', networks[0]);
      const cut = networks[0].cutAt(text, { deliver });
      const bob = await join('firefox', 'Bob', networks[1]);
      await cut;
      await ada.seesPlaying(bob);
      await bob.seesPlaying(ada);
    });
  }

  for (const [what, text, deliver] of [
    ['the answer is lost on the way', '"type":"answer"', false],
    ['the socket is cut between the answer and its candidates', '"type":"answer"', true],
  ]) {
    test(`${what}, and the call comes about`, async () => {
      const ada = await join('firefox', 'Ada', networks[0]);
      const cut = networks[1].cutAt(text, { deliver });
      const bob = await join('chromium', 'Bob', networks[1]);
      await cut;
      await ada.seesPlaying(bob);
      await bob.seesPlaying(ada);
    });
  }

  test('twenty cuts while both publish and take away', async () => {
    const { ada, bob } = await call();
    for (let round = 0; round < 20; round += 1) {
      // In the midst of what the other side began the round before.
      const [one, network] = round % 2 === 0 ? [ada, networks[0]] : [bob, networks[1]];
      await one.until(() => window.room.state === 'joined');
      await one.page.evaluate((name, odd) => {
        if (odd) window.room.unpublish(name);
        else {
          const canvas = document.createElement('canvas');
          canvas.getContext('2d').fillRect(0, 0, 10, 10);
          window.room.publish(name, canvas.captureStream(5));
        }
      }, `extra ${(round >> 2) % 3}`, (round >> 1) % 2 === 1);
      network.cut();
    }
    for (const one of [ada, bob]) {
      await one.page.evaluate(() => {
        for (const name of ['extra 0', 'extra 1', 'extra 2']) window.room.unpublish(name);
        const canvas = document.createElement('canvas');
        canvas.getContext('2d').fillRect(0, 0, 10, 10);
        window.room.publish('last', canvas.captureStream(5));
      });
    }
    for (const one of [ada, bob]) {
      await one.until(() => {
        const [peer] = window.room.peers.values();
        const names = [...(peer?.sources.keys() ?? [])].sort().join();
        return names === 'camera,last' && peer.sources.get('last').video?.track?.readyState === 'live';
      });
    }
    await ada.seesPlaying(bob);
    await bob.seesPlaying(ada);
    await assertNobodyNoticed(ada, bob);
  });

  test('somebody who reloads never appears twice', async () => {
    const { ada, bob } = await call();
    await ada.page.evaluate(() => {
      window.maxTiles = 0;
      const count = () => {
        window.maxTiles = Math.max(window.maxTiles, document.querySelectorAll('[data-peer]').length);
      };
      new MutationObserver(count).observe(document.querySelector('#stage'), { childList: true });
    });
    await bob.page.reload();
    await bob.page.waitForSelector('#join');
    await bob.joinFromLobby();
    await ada.seesOnly(bob);
    await ada.seesPlaying(bob);
    await bob.seesPlaying(ada);
    assert.equal(await ada.page.evaluate(() => window.maxTiles), 1);
  });

  test('a tab that is duplicated is another participant, and throws nobody out', async () => {
    const { ada, bob } = await call();
    const twin = await ada.duplicateTab();
    await twin.joinFromLobby();
    await bob.seesOnly(ada, twin);
    await bob.seesPlaying(ada, twin);
    // Whatever states the connections between them went through.
    const happened = (await ada.log()).filter((line) => !/^peer \S+ here /.test(line));
    assert.deepEqual(happened, [`peerjoined ${await twin.id()}`]);
  });
});

test('a server that is stopped and continued', async () => {
  const mortal = await Server.start();
  const url = mortal.url('/room/paused');
  const ada = await Participant.join(browsers, 'chromium', { url, name: 'Ada' });
  const bob = await Participant.join(browsers, 'firefox', { url, name: 'Bob' });
  await ada.seesPlaying(bob);
  const id = await ada.id();
  mortal.pause();
  await ada.until(() => window.room.state !== 'joined');
  await ada.seesPlaying(bob);
  mortal.continue();
  for (const one of [ada, bob]) await one.until(() => window.room.state === 'joined');
  assert.equal(await ada.id(), id);
  await ada.says('here again');
  await bob.reads('here again');
  await bob.seesOnly(ada);
  await bob.seesPlaying(ada);
  await ada.close();
  await bob.close();
  await mortal.stop();
});
