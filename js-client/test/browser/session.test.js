// Sessions in real browsers: where a room is constructed, what a browser refuses, sizes, sockets that die, and leaving.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { PlainSite } from './support/plain-site.js';
import { Proxy } from './support/proxy.js';
import { Server } from './support/server.js';
import { setUp } from './support/setup.js';

const TIMEOUT = { timeout: 40_000, polling: 20 };

const { browsers, server, newRoom, start } = setUp();
let network;
let site;

before(async () => {
  await start();
  network = await Proxy.start(server.port);
  site = await PlainSite.start(server.port);
});
after(async () => {
  await network?.stop();
  await site?.stop();
});

/** A page of this kind that has the client at hand. */
async function open(kind, url = server.url('/')) {
  const page = await (await browsers.context(kind)).newPage();
  page.setDefaultTimeout(TIMEOUT.timeout);
  page.complaints = [];
  page.on('pageerror', (error) => page.complaints.push(String(error)));
  await page.goto(url);
  await page.evaluate(async () => { window.meet = await import('/meet-signal/index.js'); });
  return page;
}

/** Joins, and keeps what the room tells. */
function join(page, room, options = {}) {
  return page.evaluate(async (url, given) => {
    window.log = [];
    window.room = new window.meet.MeetRoom(url, given);
    window.room.on('statechange', ({ detail }) => window.log.push(detail.state));
    window.room.on('peerleft', ({ detail }) => window.log.push(`left ${detail.reason}`));
    return window.room.join().then(() => 'joined', (error) => `${error.code}: ${error.message}`);
  }, `/signal/${room}`, options);
}

for (const kind of ['chromium', 'firefox']) {
  describe(kind, { concurrency: 1 }, () => {
    for (const [where, html, url] of [
      ['a srcdoc frame', 'srcdoc="<!doctype html>"', '/signal/'],
      ['a blank frame', '', '/signal/'],
      ['a srcdoc frame with a base', 'srcdoc="<!doctype html><base href=/elsewhere/>"', '../signal/'],
    ]) {
      test(`a room in ${where} joins`, async () => {
        const page = await open(kind, site.url('/deep/in/it'));
        await page.evaluate((attributes) => new Promise((resolve) => {
          document.body.insertAdjacentHTML('beforeend', `<iframe ${attributes}></iframe>`);
          document.querySelector('iframe').onload = resolve;
          if (attributes === '') resolve();
        }), html);
        const frame = await (await page.$('iframe')).contentFrame();
        const outcome = await frame.evaluate(async (client, address) => {
          const { MeetRoom } = await import(client);
          const room = new MeetRoom(address);
          return room.join().then(() => room.state, String);
        }, site.url('/meet-signal/index.js'), `${url}${newRoom()}`);
        assert.equal(outcome, 'joined');
        await page.close();
      });
    }

    test('a room in a page with a base that is set after it was constructed joins', async () => {
      const page = await open(kind, site.url('/deep/in/it'));
      const outcome = await page.evaluate(async (address) => {
        const room = new window.meet.MeetRoom(address);
        document.head.append(Object.assign(document.createElement('base'), { href: '/other/' }));
        return room.join().then(() => room.state, String);
      }, `../signal/${newRoom()}`);
      assert.equal(outcome, 'joined');
      await page.close();
    });

    test('what the browser refuses is told by a code', async () => {
      const page = await open(kind);
      const room = newRoom();
      const bad = { rtc: { iceServers: [{ urls: 'nonsense:x' }] } };
      assert.match(await join(page, room, bad), /^rtc: \w+/);
      assert.deepEqual(await page.evaluate(() => window.log), ['connecting', 'closed']);
      assert.match(await join(page, room, { rtc: { iceServers: [{ urls: 'turn:turn.example' }] } }), /^rtc: /);
      const outcomes = await page.evaluate(async () => {
        const { SignalingSocket, MeetRoom } = window.meet;
        const outcome = (one) => one.join().then(() => 'joined', ({ code }) => code);
        const got = [await outcome(new SignalingSocket('mailto:ada')), await outcome(new SignalingSocket('http://['))];
        const { RTCPeerConnection: real } = window;
        delete window.RTCPeerConnection;
        window.RTCPeerConnection = undefined;
        got.push(await outcome(new MeetRoom('/signal/none')));
        window.RTCPeerConnection = real;
        return got;
      });
      assert.deepEqual(outcomes, ['url', 'url', 'unsupported']);
      assert.equal(await join(page, room), 'joined');
      assert.deepEqual(page.complaints, []);
      await page.close();
    });

    test('a broadcast of 70 kB throws and ends nothing', async () => {
      const page = await open(kind);
      const observer = await open('chromium');
      const room = newRoom();
      await join(observer, room);
      await observer.evaluate(() => {
        window.heard = [];
        window.room.on('message', ({ detail }) => window.heard.push(detail.data));
      });
      await join(page, room);
      const thrown = await page.evaluate(() => {
        const codes = [];
        for (const act of [
          () => window.room.broadcast('x'.repeat(70_000)),
          () => window.room.broadcast('☃'.repeat(25_000)),
          () => window.room.update('x'.repeat(5000)),
          () => window.room.broadcast(1n),
        ]) {
          try { act(); } catch ({ code }) { codes.push(code); }
        }
        window.room.broadcast('x'.repeat(65_000));
        window.room.broadcast('still here');
        return codes;
      });
      assert.deepEqual(thrown, ['too-large', 'too-large', 'too-large', 'not-json']);
      await observer.waitForFunction(() => window.heard.at(-1) === 'still here', TIMEOUT);
      assert.deepEqual(await page.evaluate(() => window.log), ['connecting', 'joined']);
      await Promise.all([page, observer].map((each) => each.close()));
    });

    test('a dead socket is replaced within two seconds of a page being looked at, and a live one is kept', async () => {
      const page = await open(kind, network.url('/'));
      await join(page, newRoom());
      const look = () => page.evaluate(() => {
        window.began = performance.now();
        document.dispatchEvent(new Event('visibilitychange'));
      });
      await look();
      await page.evaluate(() => new Promise((resolve) => { setTimeout(resolve, 1600); }));
      assert.deepEqual(await page.evaluate(() => window.log), ['connecting', 'joined']);
      network.halfOpen();
      await page.evaluate(() => {
        window.room.on('statechange', ({ detail }) => { if (detail.state === 'joined') window.took = performance.now() - window.began; });
      });
      await look();
      await page.waitForFunction(() => window.took !== undefined, TIMEOUT);
      const took = await page.evaluate(() => window.took);
      assert.ok(took < 2000, `after ${took} ms`);
      await page.close();
    });

    test('leaving while the connection is away is told as soon as there is one', async () => {
      const page = await open(kind, network.url('/'));
      const observer = await open('chromium');
      const room = newRoom();
      await join(observer, room);
      await join(page, room);
      await observer.waitForFunction(() => window.room.peers.size === 1, TIMEOUT);
      network.refuse(true);
      network.cut();
      await page.waitForFunction(() => window.room.state === 'away', TIMEOUT);
      await page.evaluate(() => { void window.room.leave(); });
      network.refuse(false);
      await observer.waitForFunction(() => window.log.some((line) => line.startsWith('left')), { ...TIMEOUT, timeout: 10_000 });
      assert.equal((await observer.evaluate(() => window.log)).at(-1), 'left left');
      await Promise.all([page, observer].map((each) => each.close()));
    });

    test('a signal of AbortSignal.timeout limits joining alone', async () => {
      const page = await open(kind);
      const outcome = await page.evaluate(async (url) => {
        const { MeetRoom, SignalingSocket } = window.meet;
        const room = new MeetRoom(url);
        const signal = AbortSignal.timeout(1000);
        await room.join({ signal });
        const expired = new Promise((resolve) => { signal.onabort = resolve; });
        await expired;
        const never = new SignalingSocket(url, { token: () => new Promise(() => {}) });
        return [room.state, await never.join({ signal: AbortSignal.timeout(100) }).catch(({ name }) => name), never.state];
      }, `/signal/${newRoom()}`);
      assert.deepEqual(outcome, ['joined', 'TimeoutError', 'closed']);
      await page.close();
    });
  });
}

test('an unencrypted socket from an https page is blocked', async () => {
  const secure = await Server.start({ args: ['--tls'] });
  const page = await (await browsers.incautious()).newPage();
  // That of the Meet pages forbids it, too, which a page is told later.
  await page.setBypassCSP(true);
  await page.goto(secure.url('/'));
  const outcome = await page.evaluate(async () => {
    const { SignalingSocket } = await import('/meet-signal/index.js');
    return new SignalingSocket('ws://signal.example/room').join().then(() => 'joined', ({ code, cause }) => `${code} ${cause.name}`);
  });
  assert.equal(outcome, 'blocked SecurityError');
  await page.close();
  await secure.stop();
});
