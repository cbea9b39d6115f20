// Calls whose TURN credentials expire and are renewed.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Browsers } from './support/browsers.js';
import { keepConnections } from './support/connections.js';
import { Coturn } from './support/coturn.js';
import { showsFrames } from './support/frames.js';
import { Server } from './support/server.js';

const TIMEOUT = { timeout: 60_000, polling: 100 };
const LIFETIME_SECONDS = 20;

const browsers = new Browsers();
let coturn;
let server;
let rooms = 0;

before(async () => {
  coturn = await Coturn.start();
  const args = ['--turn', coturn.url, '--turn-secret-file', coturn.secretFile, '--turn-lifetime', String(LIFETIME_SECONDS)];
  server = await Server.start({ args });
});
after(async () => {
  await browsers.close();
  await server?.stop();
  await coturn?.stop();
});

/** A page that has joined with a camera, by default one that uses relays only. */
async function join(kind, room, rtc = { iceTransportPolicy: 'relay' }) {
  const page = await (await browsers.context(kind)).newPage();
  page.setDefaultTimeout(TIMEOUT.timeout);
  await page.evaluateOnNewDocument(keepConnections);
  await page.evaluateOnNewDocument(watchRelay);
  await page.goto(server.url('/'));
  await page.evaluate(async (url, options) => {
    const { MeetRoom, attach } = await import('/meet-signal/index.js');
    window.states = [];
    window.room = new MeetRoom(url, { rtc: options });
    window.room.on('peerchanged', ({ detail }) => window.states.push(detail.peer.connection));
    window.room.on('error', ({ detail }) => window.states.push(String(detail.error)));
    window.room.on('sourceadded', ({ detail: { source } }) => {
      const figure = document.body.appendChild(document.createElement('figure'));
      const video = Object.assign(document.createElement('video'), { autoplay: true, muted: true });
      figure.append(video, source.name);
      attach(video, source.stream);
    });
    window.room.publish('camera', await navigator.mediaDevices.getUserMedia({ audio: true, video: true }));
    await window.room.join();
  }, `/signal/${room}`, rtc);
  return page;
}

/** Runs in the page: says over which relay its connection sends. */
function watchRelay() {
  window.turn = () => window.connection().getConfiguration().iceServers[0];
  window.relay = async () => {
    const stats = [...(await window.connection().getStats()).values()];
    const byId = new Map(stats.map((entry) => [entry.id, entry]));
    const isSelected = (pair) => pair.selected === true || byId.get(pair.transportId)?.selectedCandidatePairId === pair.id;
    const pair = stats.find((entry) => entry.type === 'candidate-pair' && isSelected(entry));
    const local = byId.get(pair?.localCandidateId);
    return local?.candidateType === 'relay' ? local.port : null;
  };
  /** How many relays a TURN server allocates for these credentials. */
  window.allocate = async (iceServer) => {
    const pc = new RTCPeerConnection({ iceServers: [iceServer], iceTransportPolicy: 'relay' });
    pc.createDataChannel('any');
    let relays = 0;
    const gathered = new Promise((resolve) => {
      pc.onicecandidate = ({ candidate }) => {
        if (candidate === null) resolve();
        else if (candidate.candidate.includes(' typ relay')) relays += 1;
      };
    });
    await pc.setLocalDescription();
    await gathered;
    pc.close();
    return relays;
  };
}

async function plays(page, names = ['camera']) {
  for (const name of names) await page.waitForFunction(showsFrames, TIMEOUT, 'figure', name);
}

/** Waits until the page sends over another relay, and returns that. */
async function changedRelay(page, before = null) {
  const changed = await page.waitForFunction(async (old) => {
    const relay = await window.relay();
    return relay !== null && relay !== old && relay;
  }, TIMEOUT, before);
  return changed.jsonValue();
}

for (const [first, second] of [
  ['chromium', 'chromium'],
  ['firefox', 'firefox'],
  ['chromium', 'firefox'],
  ['firefox', 'chromium'],
]) {
  test(`${second} joins ${first}: the call goes on when its credentials are refused, and after an ICE restart`, async () => {
    const room = `room-${rooms++}`;
    const pages = [await join(first, room), await join(second, room)];
    const all = (step) => Promise.all(pages.map((page, index) => step(page, index)));
    await all((page) => plays(page));
    const relays = await all((page) => changedRelay(page));
    const old = await all((page) => page.evaluate(() => window.turn()));
    await all((page) => page.evaluate(() => { window.states.length = 0; }));
    for (const { username } of old) assert.match(username, /^\d+:[\w-]{12}$/);
    assert.notEqual(old[0].username, old[1].username);

    // Each page gets others and leaves the old relay.
    await all((page, index) => page.waitForFunction((before) => window.turn().username !== before, TIMEOUT, old[index].username));
    const newer = await all((page, index) => changedRelay(page, relays[index]));

    await all((page, index) => page.waitForFunction(
      (expires) => Date.now() > (expires + 1) * 1000, TIMEOUT, Number.parseInt(old[index].username, 10),
    ));
    for (const [index, page] of pages.entries()) {
      assert.equal(await page.evaluate((server) => window.allocate(server), old[index]), 0);
      assert.ok(coturn.log.some((line) => line.includes(old[index].username) && line.includes('401')), 'coturn has refused them');
      assert.ok(await page.evaluate(() => window.allocate(window.turn())) > 0);
    }
    await all((page) => plays(page));

    await pages[1].evaluate(() => window.loseForAMoment());
    await all((page, index) => changedRelay(page, newer[index]));
    await all((page) => plays(page));
    assert.deepEqual(await all((page) => page.evaluate(() => window.states)), [[], ['connected', 'connected']]);
    await all((page) => page.close());
  });
}

for (const [first, second] of [['chromium', 'firefox'], ['firefox', 'chromium']]) {
  test(`${second} joins ${first}: renewed credentials change nothing in a direct call, which goes on to take sources`, async () => {
    const room = `room-${rooms++}`;
    const pages = [await join(first, room, {}), await join(second, room, {})];
    const all = (step) => Promise.all(pages.map((page, index) => step(page, index)));
    await all((page) => plays(page));
    const fragments = () => all((page) => page.evaluate(() => /a=ice-ufrag:(\S+)/.exec(window.connection().localDescription.sdp)[1]));
    const before = await fragments();
    await all((page) => page.evaluate(() => { window.states.length = 0; }));
    const old = await all((page) => page.evaluate(() => window.room.iceServers[0].username));
    await all((page, index) => page.waitForFunction((name) => window.room.iceServers[0].username !== name, TIMEOUT, old[index]));
    assert.deepEqual(await all((page) => page.evaluate(() => window.relay())), [null, null]);

    for (const page of pages) {
      await page.evaluate(async () => {
        window.room.publish('screen', await navigator.mediaDevices.getUserMedia({ video: true }));
      });
      for (const each of pages) await plays(each, each !== page || page === pages[1] ? ['camera', 'screen'] : ['camera']);
    }
    assert.deepEqual(await fragments(), before);
    assert.deepEqual(await all((page) => page.evaluate(() => window.states)), [[], []]);
    await all((page) => page.close());
  });
}
