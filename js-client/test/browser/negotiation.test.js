// Negotiation between real browsers, including their known faults.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { keepConnections } from './support/connections.js';
import { Participant } from './support/participant.js';
import { setUp } from './support/setup.js';

const { browsers, server, newRoom } = setUp();

async function meet(kinds, options = {}) {
  const url = server.url(`/room/${newRoom()}`);
  const people = [];
  for (const [index, kind] of kinds.entries()) {
    const person = await Participant.join(browsers, kind, { ...options, url, name: `Person ${index}` });
    await person.keepsLog();
    people.push(person);
  }
  return people;
}

/** Publishes a picture under each of these names, one after the other, without waiting for anything. */
function publish(person, names, fps = 2) {
  return person.page.evaluate((all, rate) => {
    for (const name of all) {
      // Small and slow: many of them are encoded at once, by one machine for both sides.
      const canvas = Object.assign(document.createElement('canvas'), { width: 64, height: 36 });
      const picture = canvas.getContext('2d');
      // A picture that does not change is not sent.
      let shade = 0;
      setInterval(() => {
        picture.fillStyle = `hsl(${shade++ * 10} 90% 50%)`;
        picture.fillRect(0, 0, canvas.width, canvas.height);
      }, 1000 / rate);
      window.room.publish(name, canvas.captureStream(rate));
    }
  }, names, fps);
}

/** Sees exactly these sources of each other person, and gets media of these kinds from all of them. */
async function sees(person, others, names, kinds = ['video']) {
  for (const other of others) {
    await person.page.evaluate(() => { window.before = null; });
    await person.until(async (id, expected, all) => {
      const peer = window.room.peers.get(id);
      const sources = [...peer?.sources.values() ?? []];
      if (sources.map(({ name }) => name).sort().join() !== expected) return false;
      const tracks = sources.flatMap((source) => all.map((kind) => source[kind]?.track));
      if (tracks.some((track) => track?.readyState !== 'live')) return false;
      // Not `muted`: Chromium never resets it if an offer is rolled back while the first packet arrives.
      const now = new Map();
      for (const { type, trackIdentifier, framesDecoded, packetsReceived } of (await peer.getStats()).values()) {
        if (type === 'inbound-rtp') now.set(trackIdentifier, framesDecoded ?? packetsReceived);
      }
      window.before ??= now;
      return tracks.every(({ id: track }) => now.get(track) > (window.before.get(track) ?? 0));
    }, await other.id(), [...names].sort().join(), kinds);
  }
}

async function end(people) {
  for (const person of people) {
    // A connection that had to be replaced would say so.
    assert.deepEqual((await person.log()).filter((line) => /error|reconnecting/.test(line)), [], person.name);
    assert.deepEqual(person.complaints, []);
    await person.close();
  }
}

const EXTRA = ['one', 'two', 'three', 'four', 'five'];

describe('both sides offer at once, again and again', { concurrency: 1 }, () => {
  for (const kinds of [
    ['chromium', 'chromium'],
    // Chromium, polite, and Firefox: where rolling back the first media would break Chromium for good.
    ['chromium', 'firefox'],
    ['firefox', 'chromium'],
    ['firefox', 'firefox'],
    ['chromium', 'firefox', 'chromium', 'firefox'],
  ]) {
    test(kinds.join(', then '), async () => {
      const people = await meet(kinds);
      // Each of four encodes three times as much.
      const extra = kinds.length > 2 ? EXTRA.slice(0, 2) : EXTRA;
      await Promise.all(people.map((person) => publish(person, extra)));
      for (const person of people) {
        await sees(person, people.filter((other) => other !== person), ['camera', ...extra]);
      }
      await end(people);
    });
  }
});

test('both publish while the first connection is being made', async () => {
  const url = server.url(`/room/${newRoom()}`);
  const ada = await Participant.join(browsers, 'chromium', { url, name: 'Ada' });
  const bob = await Participant.join(browsers, 'firefox', { url, name: 'Bob' });
  for (const one of [ada, bob]) await one.keepsLog();
  await Promise.all([publish(ada, ['early']), publish(bob, ['early'])]);
  await sees(ada, [bob], ['camera', 'early']);
  await sees(bob, [ada], ['camera', 'early']);
  await end([ada, bob]);
});

for (const kinds of [['chromium', 'firefox'], ['firefox', 'chromium']]) {
  test(`a source that is published and taken away again makes no media sections: ${kinds.join(', then ')}`, async () => {
    const people = await meet(kinds, { prepare: (page) => page.evaluateOnNewDocument(keepConnections) });
    const sections = () => Promise.all(people.map(({ page }) => page.evaluate(
      // That which was made to try the configuration is closed.
      () => window.connections.filter(({ signalingState }) => signalingState !== 'closed')
        .map((connection) => connection.getTransceivers().length),
    )));
    await publish(people[0], ['again']);
    await sees(people[1], [people[0]], ['camera', 'again']);
    // Sound and picture of the camera, and the other picture: on one connection, on both sides.
    const once = [[3], [3]];
    assert.deepEqual(await sections(), once);
    for (let round = 0; round < 5; round += 1) {
      await people[0].page.evaluate(() => window.room.unpublish('again'));
      await sees(people[1], [people[0]], ['camera']);
      await publish(people[0], ['again']);
      await sees(people[1], [people[0]], ['camera', 'again']);
    }
    assert.deepEqual(await sections(), once);
    await end(people);
  });

  test(`a data channel that its page does not hold stays open: ${kinds.join(', then ')}`, async () => {
    const people = await meet(kinds);
    const [opener, other] = people;
    await other.page.evaluate(() => {
      window.got = [];
      // Only a listener. Firefox collects a channel without a reference.
      window.room.on('datachannel', ({ detail: { channel } }) => {
        channel.addEventListener('message', ({ data }) => window.got.push(data));
        channel.addEventListener('close', () => window.got.push('closed'));
      });
    });
    await opener.until(() => [...window.room.peers.values()][0]?.connection === 'connected');
    await opener.page.evaluate(() => {
      const [peer] = window.room.peers.values();
      window.channel = peer.createDataChannel('whiteboard');
      window.channel.addEventListener('open', () => window.channel.send('first'));
    });
    await other.until(() => window.got.includes('first'));
    // Garbage enough that both browsers collect.
    await other.page.evaluate(async () => {
      for (let round = 0; round < 200; round += 1) {
        window.garbage = Array.from({ length: 20_000 }, (_, index) => ({ index, more: new Array(16) }));
        await new Promise((resolve) => { requestAnimationFrame(resolve); });
      }
      delete window.garbage;
    });
    await opener.page.evaluate(() => window.channel.send('last'));
    await other.until(() => window.got.includes('last'));
    assert.deepEqual(await other.page.evaluate(() => window.got), ['first', 'last']);
    await end(people);
  });
}

/** Publishes a picture and a sound under each of these names. */
async function publishWithSound(person, names) {
  await publish(person, names, 1);
  await person.page.evaluate(async (all) => {
    const [microphone] = (await navigator.mediaDevices.getUserMedia({ audio: true })).getAudioTracks();
    // One track for all: each clone would have its echo cancelled, too.
    for (const name of all) window.room.replaceTrack(name, 'audio', microphone);
  }, names);
}

function measureFrames() {
  window.longest = 0;
  const { send } = WebSocket.prototype;
  WebSocket.prototype.send = function measured(text) {
    window.longest = Math.max(window.longest, new TextEncoder().encode(text).length);
    send.call(this, text);
  };
}

for (const kinds of [['chromium', 'chromium'], ['firefox', 'firefox'], ['chromium', 'firefox'], ['firefox', 'chromium']]) {
  // Chromium's descriptions are the longest.
  const times = kinds.includes('firefox') ? [false] : [false, true];
  for (const waits of times) {
    test(`sixteen sources of each side, with sound and picture, ${waits ? 'one after the other' : 'when they meet'}: ${kinds.join(', then ')}`, async () => {
      const names = Array.from({ length: 15 }, (_, index) => `source ${index}`);
      const people = await meet(kinds, { prepare: (page) => page.evaluateOnNewDocument(measureFrames) });
      if (waits) await sees(people[1], [people[0]], ['camera']);
      for (const one of people) {
        const published = publishWithSound(one, names);
        if (waits) await published;
      }
      for (const [one, other] of [people, [...people].reverse()]) {
        await sees(one, [other], ['camera', ...names], ['video', 'audio']);
      }
      const longest = await Promise.all(people.map(({ page }) => page.evaluate(() => window.longest)));
      if (process.env.VERBOSE) console.log(...kinds, longest);
      assert.ok(longest.every((bytes) => bytes < 64 * 1024), `frames of up to ${longest} bytes`);
      await end(people);
    });
  }
}
