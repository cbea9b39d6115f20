// The Meet page towards people who mean harm, and towards crowds. What is asserted are counts, not times.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Browsers } from './support/browsers.js';
import { countNodes, openFakeCall } from './support/fake-call.js';
import { Participant } from './support/participant.js';
import { Server } from './support/server.js';

const browsers = new Browsers();
let server;
let rooms = 0;

before(async () => { server = await Server.start(); });
after(async () => {
  await browsers.close();
  await server?.stop();
});

for (const kind of ['chromium', 'firefox']) {
  describe(`in ${kind}`, { concurrency: 1 }, () => {
    test('a storm of people who come and go makes few nodes and notices', async () => {
      const ada = await inFakeCall(kind);
      await countNodes(ada.page);
      // In turns of 50, as frames of a WebSocket come: 400 of them, and 1,500.
      for (const people of [400, 1500]) {
        await ada.page.evaluate(async (most) => {
          for (let n = 0; n < most; n += 1) {
            window.room.join(`${most}-${n}`);
            window.room.leave(`${most}-${n}`);
            if (n % 50 === 0) await new Promise((resolve) => { setTimeout(resolve); });
          }
          window.room.join(`${most} stays`);
        }, people);
        await ada.until((id) => document.querySelector(`[data-peer="${id} stays"] bdi`)?.textContent === `Peer ${id} stays`, people);
        await ada.until(() => window.said.some((text) => /\d+ people left/.test(text)));
      }
      const { added, said, shown, tiles, rows, told } = await ada.page.evaluate(() => ({
        added: window.added,
        said: window.said,
        shown: document.querySelector('#notices').childElementCount,
        tiles: document.querySelectorAll('#stage .tile').length,
        rows: document.querySelectorAll('#people-list li').length,
        told: document.querySelector('#people-count').textContent,
      }));
      assert.equal(tiles, 3);
      assert.equal(rows, 3);
      assert.equal(told, '3');
      assert.ok(shown <= 4, `${shown} notices`);
      assert.ok(said.length < 40, `${said.length} announcements: ${said.join('; ')}`);
      // All of them would be 70,000.
      assert.ok(added < 3000, `${added} nodes`);
      await endFakeCall(ada);
    });

    test('people who stay have tiles up to a bound, and the rest is counted', async () => {
      const ada = await inFakeCall(kind);
      await ada.page.evaluate(() => { for (let n = 0; n < 1500; n += 1) window.room.join(`p${n}`); });
      await ada.until(() => document.querySelector('#people-more').textContent === 'and 1452 more');
      const counts = () => ada.page.evaluate(() => [
        document.querySelectorAll('#stage .tile').length, document.querySelectorAll('#people-list li').length,
        document.querySelector('#people-count').textContent,
      ]);
      assert.deepEqual(await counts(), [49, 49, '1501']);
      await ada.page.evaluate(() => { for (let n = 0; n < 1499; n += 1) window.room.leave(`p${n}`); });
      // Who had no tile gets one that is free.
      await ada.until(() => document.querySelector('[data-peer="p1499"]') !== null);
      assert.deepEqual(await counts(), [2, 2, '2']);
      await ada.until(() => document.querySelector('#people-more').hidden);
      await endFakeCall(ada);
    });

    test('a flood of messages makes a bounded log, and few announcements', async () => {
      const ada = await inFakeCall(kind);
      await countNodes(ada.page);
      await ada.page.evaluate(async () => {
        const peer = window.room.join('talker', { name: 'Talker' });
        for (let n = 0; n < 3000; n += 1) {
          window.room.fire('message', { peer, data: { chat: `${n} ${'x'.repeat(1990)}` }, direct: false });
          if (n % 100 === 0) await new Promise((resolve) => { setTimeout(resolve); });
        }
        window.room.fire('message', { peer, data: { chat: 'the last one' }, direct: false });
      });
      await ada.reads('the last one');
      const { messages, characters, first, said, shown } = await ada.page.evaluate(() => ({
        messages: document.querySelectorAll('#chat-log .message').length,
        characters: document.querySelector('#chat-log').textContent.length,
        first: document.querySelector('#chat-log .message strong').textContent,
        said: window.said.length,
        shown: document.querySelector('#notices').childElementCount,
      }));
      assert.ok(messages <= 300 && messages > 10, `${messages} messages`);
      assert.ok(characters < 110_000, `${characters} characters`);
      assert.equal(first, 'Talker', 'the oldest one says from whom it is');
      assert.ok(said < 30 && shown <= 4, `${said} announcements`);
      await endFakeCall(ada);
    });

    test('errors about peers are told in few notices, and as what they are', async () => {
      const ada = await inFakeCall(kind);
      await countNodes(ada.page);
      await ada.page.evaluate(() => {
        for (let n = 0; n < 10; n += 1) {
          const peer = window.room.join(`p${n}`);
          for (let again = 0; again < 100; again += 1) {
            const error = { code: 'too-large', message: 'an offer of too many sections', retryable: false };
            window.room.fire('error', { error, peer });
          }
          window.room.change(`p${n}`, { connection: 'failed' });
          window.room.change(`p${n}`, { connection: 'failed' });
        }
      });
      await ada.until(() => document.querySelectorAll('.tile[data-connection="failed"]').length === 10);
      await ada.until(() => window.said.some((text) => text.includes('No connection to 9 people')));
      const said = await ada.page.evaluate(() => window.said);
      assert.ok(said.length < 12, said.join('; '));
      assert.ok(!said.some((text) => /name is too long/.test(text)));
      const words = await ada.page.$eval('.tile[data-peer="p3"] .tile-state', (state) => `${state.textContent.trim()}: ${state.title}`);
      assert.match(words, /^No connection: .*firewall/);
      await endFakeCall(ada);
    });

    test('a name turns nothing round, is nobody else, and is never blank', async () => {
      const ada = await inFakeCall(kind);
      await ada.page.evaluate(() => {
        document.querySelector('#toggle-people').click();
        window.room.join('turned', { name: '\u202eevil\u2066' });
        window.room.join('you', { name: 'Ada (you)' });
        window.room.join('blank', { name: '\u3164\u200b \u0301' });
        window.room.join('rtl', { name: 'עדה' });
        window.room.join('object', { name: { toString: () => 'x' } });
        window.room.join('array', ['name']);
        window.room.join('number', 7);
        window.room.join('nothing', null);
        window.room.join('long', { name: `${'W'.repeat(4000)}` });
        window.room.join('markup', { name: '<img src=x onerror=alert(1)>' });
      });
      await ada.until(() => document.querySelectorAll('#stage .tile').length === 11);
      const name = (id) => ada.page.$eval(`[data-peer="${id}"] .tile-name bdi`, (element) => element.textContent);
      assert.equal(await name('turned'), 'evil');
      assert.equal(await name('markup'), '<img src=x onerror=alert(1)>');
      assert.equal((await name('long')).length, 60);
      for (const id of ['blank', 'object', 'array', 'number', 'nothing']) assert.equal(await name(id), 'Guest', id);
      // Only the own tile and the own row have the badge.
      const badges = await ada.page.$$eval('.you:not([hidden])', (all) => all.map((badge) => badge.closest('[data-self], [aria-current]') !== null));
      assert.deepEqual(badges, [true, true]);
      assert.match(await ada.page.$eval('[data-self]', (tile) => tile.getAttribute('aria-label')), /^You: /);
      assert.match(await ada.page.$eval('[data-peer="you"]', (tile) => tile.getAttribute('aria-label')), /^Participant: \u2068Ada \(you\)\u2069,/);
      // A name does not reach what is beside it.
      const isolation = await ada.page.$$eval('.tile-name bdi, .person-name bdi', (all) => [...new Set(all.map((one) => getComputedStyle(one).unicodeBidi))]);
      assert.deepEqual(isolation, ['isolate']);
      const anywhere = await ada.page.evaluate(() => {
        const texts = [document.body.textContent];
        for (const element of document.querySelectorAll('[title], [aria-label]')) texts.push(element.title, element.getAttribute('aria-label') ?? '');
        return texts.some((text) => /[\u202a-\u202e]/u.test(text));
      });
      assert.equal(anywhere, false);
      await endFakeCall(ada);
    });

    test('an app message of any shape is passed over, and a text shows as it is', async () => {
      const ada = await inFakeCall(kind);
      await ada.page.evaluate(() => {
        const peer = window.room.join('p', { name: 'You' });
        const say = (data) => window.room.fire('message', { peer, data, direct: true });
        for (const data of [null, 1, true, 'text', [], [1], {}, { chat: null }, { chat: 1 }, { chat: {} }, { chat: ['a'] }, { chat: '' }, { chat: ' \n ' }, { chat: '\u200b\u202e' }]) say(data);
        say({ chat: 'file\u202egpj.exe' });
        say({ chat: `${'line\n\n\n\n'.repeat(200)}end` });
      });
      await ada.reads('end');
      const messages = await ada.page.$$eval('#chat-log .message', (all) => all.map((one) => ({
        text: one.querySelector('p').textContent, from: one.querySelector('header')?.textContent ?? '', height: one.offsetHeight,
      })));
      assert.equal(messages.length, 2);
      assert.equal(messages[0].text, 'filegpj.exe');
      assert.match(messages[0].from, /^From You /);
      assert.ok(messages[1].height < 500, `${messages[1].height}px`);
      await endFakeCall(ada);
    });

    test('what is muted while the browser asks arrives muted', async () => {
      const { ada, bob, answer } = await withPendingDevices(kind);
      // Nothing is granted, so nothing is on; a click says that it is to stay so.
      assert.deepEqual(await buttons(ada), { mic: ['false', true], camera: ['false', true] });
      await ada.press('#mic');
      assert.deepEqual(await buttons(ada), { mic: ['false', false], camera: ['false', true] });
      await answer();
      await ada.until(() => document.querySelector('#camera').getAttribute('aria-pressed') === 'true');
      assert.deepEqual(await ada.page.evaluate(() => window.tracks.map(({ kind: one, enabled, readyState }) => [one, enabled, readyState]).sort()), [
        ['audio', false, 'live'], ['video', true, 'live'],
      ]);
      assert.deepEqual(await buttons(ada), { mic: ['false', false], camera: ['true', false] });
      await bob.seesState(ada, 'video', 'on');
      await bob.seesState(ada, 'audio', 'off');
      await ada.press('#mic');
      await bob.seesState(ada, 'audio', 'on');
      await endCall(ada, bob);
    });

    test('a microphone is muted at once while the camera is waited for', async () => {
      const { ada, bob, answer } = await withPendingDevices(kind, { first: 'audio' });
      await bob.seesState(ada, 'audio', 'on');
      await ada.press('#camera');
      assert.deepEqual(await buttons(ada), { mic: ['true', false], camera: ['false', true] });
      await ada.press('#mic');
      assert.deepEqual(await buttons(ada), { mic: ['false', false], camera: ['false', true] });
      assert.equal(await ada.page.evaluate(() => window.tracks[0].enabled), false);
      await bob.seesState(ada, 'audio', 'off');
      // And the camera was not wanted after all.
      await ada.press('#camera');
      assert.deepEqual(await buttons(ada), { mic: ['false', false], camera: ['false', false] });
      await answer();
      await ada.until(() => window.tracks.some((track) => track.kind === 'video' && track.readyState === 'ended'));
      assert.deepEqual(await buttons(ada), { mic: ['false', false], camera: ['false', false] });
      await endCall(ada, bob);
    });

    test('a microphone that is exchanged for another one while it is muted stays muted', async () => {
      const { ada, bob, answer } = await withPendingDevices(kind, { first: 'audio' });
      await bob.seesState(ada, 'audio', 'on');
      await ada.page.evaluate(() => {
        const select = document.querySelector('#settings-audio');
        select.append(new Option('Another', ''));
        select.value = '';
        select.dispatchEvent(new Event('change'));
      });
      await ada.until(() => window.tracks[0].readyState === 'ended' && window.asked.length === 2);
      assert.deepEqual((await buttons(ada)).mic, ['false', true]);
      await ada.press('#mic');
      assert.deepEqual((await buttons(ada)).mic, ['false', false]);
      await answer();
      await ada.until(() => window.tracks.length === 2);
      assert.equal(await ada.page.evaluate(() => window.tracks[1].enabled), false);
      await bob.seesState(ada, 'audio', 'off');
      await ada.press('#mic');
      await bob.seesState(ada, 'audio', 'on');
      assert.equal(await ada.page.evaluate(() => window.tracks[1].enabled), true);
      await endCall(ada, bob);
    });

    test('devices that are granted after the end of the call are given back', async () => {
      const { ada, bob, answer } = await withPendingDevices(kind);
      await ada.press('#leave');
      await ada.until(() => document.body.dataset.view === 'ended');
      await answer();
      await ada.until(() => window.tracks.length === 2 && window.tracks.every(({ readyState }) => readyState === 'ended'));
      await endCall(ada, bob);
    });

    test('a camera that is unplugged and a screen that is not shared any more are off for everybody', async () => {
      const { ada, bob, answer } = await withPendingDevices(kind);
      await answer();
      await bob.seesPlaying(ada);
      // As the browser's own button does; a fake device cannot be unplugged.
      const endLast = (which) => ada.page.evaluate((kindOfTrack) => {
        const track = window.tracks.filter((one) => one.kind === kindOfTrack && one.readyState === 'live').at(-1);
        track.stop();
        window.fire(track, 'ended');
      }, which);
      await ada.page.evaluate(() => {
        navigator.mediaDevices.getDisplayMedia = async () => {
          const stream = window.picture();
          window.remember(stream);
          return stream;
        };
      });
      await ada.press('#screen');
      await bob.seesState(ada, 'screen', 'on');
      await endLast('video');
      await bob.seesState(ada, 'screen', 'off');
      await bob.seesState(ada, 'video', 'on');
      assert.equal(await ada.page.$eval('#screen', (button) => button.getAttribute('aria-pressed')), 'false');
      await endLast('video');
      await bob.seesState(ada, 'video', 'off');
      assert.deepEqual((await buttons(ada)).camera, ['false', false]);
      await endCall(ada, bob);
    });

    test('a device that the system silences is off for everybody until it is back', async () => {
      const { ada, bob, answer } = await withPendingDevices(kind);
      await answer();
      for (const device of ['audio', 'video']) {
        const [field, button] = { audio: ['audio', 'mic'], video: ['video', 'camera'] }[device];
        const silence = (silenced) => ada.page.evaluate((kindOfTrack, muted) => {
          const track = window.tracks.find((one) => one.kind === kindOfTrack);
          Object.defineProperty(track, 'muted', { configurable: true, value: muted });
          window.fire(track, muted ? 'mute' : 'unmute');
        }, device, silenced);
        await bob.seesState(ada, field, 'on');
        await silence(true);
        await bob.seesState(ada, field, 'off');
        assert.deepEqual((await buttons(ada))[button], ['false', true]);
        assert.match(await ada.page.$eval(`#${button}`, ({ title }) => title), /^The system or the browser has switched/);
        await silence(false);
        await bob.seesState(ada, field, 'on');
        assert.deepEqual((await buttons(ada))[button], ['true', false]);
      }
      // What is muted meanwhile stays so.
      await ada.press('#mic');
      await bob.seesState(ada, 'audio', 'off');
      await ada.page.evaluate(() => { for (const track of window.tracks) window.fire(track, 'unmute'); });
      assert.deepEqual((await buttons(ada)).mic, ['false', false]);
      assert.deepEqual(await ada.page.evaluate(() => window.tracks.map(({ kind: one, enabled }) => [one, enabled]).sort()), [['audio', false], ['video', true]]);
      await endCall(ada, bob);
    });

    for (const [address, problem] of [
      [`/room/${'x'.repeat(65)}`, /65 characters long/],
      ['/room/a/b', /cannot be part of a meeting name/],
      ['/room/a%2Fb', /cannot be part of a meeting name/],
      ['/room/%zz', /“%”/],
      ['/room/%E0%A4%A', /“%”/],
      ['/room/%ff', /“%”/],
      ['/room/', /without the name/],
      ['/room/.', /without the name/],
      ['/room/caf%C3%A9', /é/],
      ['/room/%E2%80%AEabc', /U\+202E/],
      ['/room/a b', /A space/],
      ['/room/%00', /U\+0000/],
    ]) {
      test(`an address that names no room says so: ${address.slice(0, 30)}`, async () => {
        const ada = await Participant.inLobby(browsers, kind, { url: server.url('/'), name: 'Ada' });
        const response = await ada.page.goto(server.url().replace(/\/$/, '') + address);
        assert.equal(response.status(), 404);
        await ada.until(() => document.body.dataset.view === 'ended');
        const [title, text] = await Promise.all(['#ended-title', '#ended-text'].map((id) => ada.page.$eval(id, (element) => element.textContent)));
        assert.equal(title, 'This is not the address of a meeting');
        assert.match(text, problem);
        assert.equal(await ada.page.$eval('#rejoin', (button) => button.hidden), true);
        await ada.press('#go-home');
        await ada.until(() => location.pathname === '/');
        assert.deepEqual(ada.complaints, []);
        await ada.close();
      });
    }

    test('the policy lets the page do what it does, and no more', async () => {
      const ada = await Participant.inLobby(browsers, kind, { url: server.url('/room/policy'), name: 'Ada' });
      const opened = await ada.page.evaluate((elsewhere) => {
        window.violations = new Set();
        document.addEventListener('securitypolicyviolation', ({ effectiveDirective }) => window.violations.add(effectiveDirective));
        const form = document.createElement('form');
        form.action = 'http://localhost:9/';
        document.body.append(form);
        for (const attempt of [() => { new WebSocket(elsewhere).onerror = () => {}; }, () => form.submit()]) {
          try {
            attempt();
          } catch {
            // Firefox throws.
          }
        }
        return new Promise((resolve) => {
          const socket = new WebSocket(`${location.origin.replace('http', 'ws')}/signal/policy`, 'meet-signal.v1');
          socket.onopen = () => { socket.close(); resolve(true); };
          socket.onerror = () => resolve(false);
        });
      }, 'ws://localhost:9/');
      assert.equal(opened, true);
      await ada.until(() => window.violations.has('connect-src') && window.violations.has('form-action'));
      await ada.close();
    });
  });
}

test('of a tile that is removed nothing is left', async () => {
  const ada = await inFakeCall('chromium');
  const devtools = await ada.page.createCDPSession();
  const nodesAfter = async (rounds) => {
    for (let round = 0; round < rounds; round += 1) {
      await ada.page.evaluate(() => {
        const camera = () => ({ stream: new MediaStream(), audio: { track: null, muted: false }, video: { track: null, muted: false }, audioLevel: 0 });
        for (let n = 0; n < 20; n += 1) window.room.join(`p${n}`, { name: `Peer ${n}` }, { sources: new Map([['camera', camera()]]) });
      });
      await ada.until(() => document.querySelectorAll('#stage .tile').length === 21);
      await ada.page.evaluate(() => { for (let n = 0; n < 20; n += 1) window.room.leave(`p${n}`); });
      await ada.until(() => document.querySelectorAll('#stage .tile').length === 1);
    }
    await ada.until(() => document.querySelector('#notices').childElementCount === 0);
    await devtools.send('HeapProfiler.collectGarbage');
    return (await ada.page.metrics()).Nodes;
  };
  const before = await nodesAfter(2);
  const later = await nodesAfter(10);
  // 200 tiles and rows are more than 5,000 nodes.
  assert.ok(later < before + 300, `${before} nodes, then ${later}`);
  await endFakeCall(ada);
});

async function inFakeCall(kind) {
  const ada = await Participant.inLobby(browsers, kind, { url: server.url(`/room/page-${rooms++}`), name: 'Ada' });
  await ada.page.waitForSelector('#lobby:not([hidden])');
  await openFakeCall(ada.page);
  return ada;
}

async function endFakeCall(ada) {
  await ada.page.evaluate(() => {
    window.room.state = 'closed';
    window.room.fire('statechange', { state: 'closed', reason: null });
  });
  await ada.until(() => document.querySelectorAll('#stage .tile').length === 0);
  assert.deepEqual(ada.complaints, []);
  await ada.close();
}

/**
 * Two in a call, of whom the first one's browser asks for its devices until `answer` is called. `first`: this device is
 * granted without a question, the other one is off.
 */
async function withPendingDevices(kind, { first = null } = {}) {
  const url = server.url(`/room/page-${rooms++}`);
  const bob = await Participant.join(browsers, 'chromium', { url, name: 'Bob' });
  const context = await browsers.context(kind);
  const ada = await Participant.in(context, { url, name: 'Ada', prepare: (page) => page.evaluateOnNewDocument(holdDevices, first) });
  await ada.joinFromLobby();
  await bob.seesOnly(ada);
  return { ada, bob, answer: () => ada.page.evaluate(() => window.grant()) };
}

/** Runs in the page. The tracks are made of a canvas and an oscillator. */
function holdDevices(first) {
  if (first !== null) localStorage.setItem('meet.video', 'off');
  window.tracks = [];
  window.asked = [];
  window.picture = () => {
    const canvas = document.createElement('canvas');
    const context = canvas.getContext('2d');
    setInterval(() => {
      context.fillStyle = `hsl(${performance.now() % 360} 80% 50%)`;
      context.fillRect(0, 0, canvas.width, canvas.height);
    }, 50);
    return canvas.captureStream(20);
  };
  // Firefox tells the listeners of a track nothing that a script has fired.
  window.remember = (stream) => {
    for (const track of stream.getTracks()) {
      track.listeners = [];
      track.addEventListener = (type, listener, options) => {
        track.listeners.push([type, listener]);
        EventTarget.prototype.addEventListener.call(track, type, listener, options);
      };
      window.tracks.push(track);
    }
  };
  window.fire = (track, fired) => {
    for (const [type, listener] of track.listeners) if (type === fired) listener(new Event(type));
  };
  const make = ({ audio, video }) => {
    const stream = video ? window.picture() : new MediaStream();
    if (audio) {
      const sound = new AudioContext();
      const tone = sound.createMediaStreamDestination();
      const oscillator = sound.createOscillator();
      oscillator.connect(tone);
      oscillator.start();
      stream.addTrack(tone.stream.getAudioTracks()[0]);
    }
    window.remember(stream);
    return stream;
  };
  const granted = new Promise((resolve) => { window.grant = resolve; });
  navigator.mediaDevices.getUserMedia = async (wishes) => {
    window.asked.push(wishes);
    const isFirst = window.asked.length === 1 && first !== null && first in wishes;
    if (!isFirst) await granted;
    return make(wishes);
  };
}

/** `[aria-pressed, whether it is waited for]` of both. */
async function buttons(one) {
  return one.page.evaluate(() => Object.fromEntries(['mic', 'camera'].map((id) => {
    const button = document.getElementById(id);
    return [id, [button.getAttribute('aria-pressed'), button.hasAttribute('data-starting')]];
  })));
}

async function endCall(...all) {
  assert.deepEqual(all.flatMap(({ complaints }) => complaints), []);
  for (const one of all) await one.close();
}
