// The Meet page with hostile peers and with crowds. The tests assert counts, not times.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { countNodes, openFakeCall } from './support/fake-call.js';
import { Participant } from './support/participant.js';
import { setUp } from './support/setup.js';

const { browsers, server, newRoom } = setUp();

for (const kind of ['chromium', 'firefox']) {
  describe(`in ${kind}`, { concurrency: 1 }, () => {
    test('a storm of people who come and go makes few nodes and notices', async () => {
      const ada = await inFakeCall(kind);
      await countNodes(ada.page);
      // In turns of 50, as frames of a WebSocket come: 400 of them, and 1,500.
      for (const people of [400, 1500]) {
        await ada.page.evaluate(async (count) => {
          for (let n = 0; n < count; n += 1) {
            window.room.join(`${count}-${n}`);
            window.room.leave(`${count}-${n}`);
            if (n % 50 === 0) await new Promise((resolve) => { setTimeout(resolve); });
          }
          window.room.join(`${count} stays`);
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
      assert.ok(said.some((text) => /^No connection to 9 people.*firewall.*needs a TURN server/.test(text)), said.join('; '));
      assert.ok(!said.some((text) => /name is too long/.test(text)));
      const words = await ada.page.$eval('.tile[data-peer="p3"] .tile-state', (state) => `${state.textContent.trim()}: ${state.title}`);
      assert.match(words, /^No connection: .*firewall/);
      await ada.page.evaluate(() => {
        window.said.length = 0;
        window.room.iceServers = [{ urls: ['stun:relay.example', 'turn:relay.example'] }];
        window.room.join('t0');
        window.room.change('t0', { connection: 'failed' });
      });
      await ada.until(() => window.said.some((text) => text.includes('firewall')));
      assert.ok(!(await ada.page.evaluate(() => window.said)).some((text) => text.includes('TURN')));
      // In the order in which a room tells it.
      await ada.page.evaluate(() => {
        window.said.length = 0;
        for (let again = 0; again < 3; again += 1) {
          const peer = window.room.peers.get('r0') ?? window.room.join('r0', { name: 'Rude' });
          window.room.change('r0', { connection: 'failed' });
          window.room.fire('error', { error: { code: 'refused', message: 'more than one peer may', retryable: true }, peer });
        }
      });
      await ada.until(() => window.said.some((text) => /Rude.* sent something/.test(text)));
      assert.ok(!(await ada.page.evaluate(() => window.said)).some((text) => text.includes('firewall')));
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

    for (const [address, problem] of [
      [`/room/${'x'.repeat(129)}`, /129 characters long/],
      ['/room/a/b', /cannot be part of a meeting name/],
      ['/room/a%2Fb', /cannot be part of a meeting name/],
      ['/room/%zz', /“%”/],
      ['/room/%E0%A4%A', /“%”/],
      ['/room/%ff', /“%”/],
      ['/room/', /without the name/],
      ['/room/.', /without the name/],
      ['/room/%E2%80%AEabc', /U\+202E/],
      ['/room/%EF%BF%BD', /U\+FFFD/],
      ['/room/a%E2%80%8Db', /invisible character U\+200D/],
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
  const rounds = async (count) => {
    for (let round = 0; round < count; round += 1) {
      await ada.page.evaluate(() => {
        const camera = () => ({ stream: new MediaStream(), audio: { track: null, muted: false }, video: { track: null, muted: false }, audioLevel: 0 });
        for (let n = 0; n < 20; n += 1) window.room.join(`p${n}`, { name: `Peer ${n}` }, { sources: new Map([['camera', camera()]]) });
      });
      await ada.until(() => document.querySelectorAll('#stage .tile').length === 21);
      await ada.page.evaluate(() => { for (let n = 0; n < 20; n += 1) window.room.leave(`p${n}`); });
      await ada.until(() => document.querySelectorAll('#stage .tile').length === 1);
    }
    await ada.until(() => document.querySelector('#notices').childElementCount === 0);
  };
  const nodes = async () => {
    await devtools.send('HeapProfiler.collectGarbage');
    return (await ada.page.metrics()).Nodes;
  };
  await rounds(2);
  const before = await nodes();
  await rounds(10);
  // 200 tiles and rows are more than 5,000 nodes. Media elements are let go of some collections late.
  let later;
  for (let tries = 0; tries < 50 && !((later = await nodes()) < before + 300); tries += 1) {
    await ada.page.evaluate(() => new Promise((resolve) => { requestAnimationFrame(resolve); }));
  }
  assert.ok(later < before + 300, `${before} nodes, then ${later}`);
  await endFakeCall(ada);
});

async function inFakeCall(kind) {
  const ada = await Participant.inLobby(browsers, kind, { url: server.url(`/room/${newRoom()}`), name: 'Ada' });
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
