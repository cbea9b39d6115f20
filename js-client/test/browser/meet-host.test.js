// Who opens a meeting is its host: lets people in or not, removes, blocks, locks, and asks to mute.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Participant } from './support/participant.js';
import { Proxy } from './support/proxy.js';
import { setUp } from './support/setup.js';

const { browsers, server, newRoom, start } = setUp();
let network;

before(async () => {
  await start();
  network = await Proxy.start(server.port);
});
after(() => network?.stop());

/** Opens the page and asks to join. */
async function knock(kind, url, name) {
  const guest = await Participant.inLobby(browsers, kind, { url, name });
  await ask(guest);
  await guest.until(() => window.room?.state === 'waiting');
  return guest;
}

/** Clicks Join in the lobby, whatever comes of it. */
async function ask(guest) {
  await guest.until(() => document.body.dataset.view === 'lobby');
  await guest.page.$eval('input[name=name]', (input) => { input.value = ''; });
  await guest.page.type('input[name=name]', guest.name);
  await guest.page.click('#join');
}

const isJoined = (guest) => guest.until(() => window.room?.state === 'joined' && document.querySelector('[data-self]') !== null);

/** Waits for a text in the live region. */
const hears = (one, text) => one.until((words) => document.querySelector('#notices').textContent.includes(words), text);

const seesRequests = (host, ...names) => host.until(
  (expected) => [...document.querySelectorAll('.request bdi')].map((name) => name.textContent).join() === expected,
  names.join(),
);

const seesRefusal = (guest, text) => guest.until((words) => {
  const note = document.querySelector('#join-error');
  return !note.hidden && note.closest('[role="alert"]') !== null && note.textContent.includes(words);
}, text);

const seesEnd = (guest, title, text) => guest.until((heading, words) => (
  document.body.dataset.view === 'ended' && document.querySelector('#ended-title').textContent === heading
    && document.querySelector('#ended-text').textContent.includes(words)
), title, text);

/** The person's button in the list of people, which is opened for it. */
async function act(host, guest, action) {
  if (await host.page.$eval('#people', (people) => people.hidden || people.closest('[hidden]') !== null)) await host.press('#toggle-people');
  await host.until((name) => [...document.querySelectorAll('.person bdi')].some((one) => one.textContent === name), guest.name);
  const row = await host.page.evaluateHandle((name) => (
    [...document.querySelectorAll('.person')].find((one) => one.querySelector('bdi').textContent === name)
  ), guest.name);
  const more = await row.$('.person-more');
  if (await more.evaluate((button) => button.getAttribute('aria-expanded')) === 'false') await more.click();
  await (await row.$(`[data-action="${action}"]`)).click();
}

/** Confirms in the dialog with a message, by keyboard. */
async function confirm(host, reason) {
  await host.until(() => document.querySelector('#ask').open && document.activeElement.id === 'ask-reason');
  await host.page.keyboard.type(reason);
  await host.page.keyboard.press('Enter');
  await host.until(() => !document.querySelector('#ask').open);
}

async function turnOn(host, id) {
  if (await host.page.$eval('#people', (people) => people.hidden || people.closest('[hidden]') !== null)) await host.press('#toggle-people');
  await host.press(`#${id}`);
}

async function hostWithLobby(kind, url) {
  const host = await Participant.join(browsers, kind, { url, name: 'Ada' });
  assert.equal(await host.page.$eval('#host-tools', (tools) => tools.hidden), false);
  await turnOn(host, 'lobby-switch');
  await host.until(() => window.room.lobby);
  return host;
}

async function end(...participants) {
  for (const one of participants) {
    assert.deepEqual(one.complaints, []);
    await one.close();
  }
}

const scrollsSideways = (one) => one.page.evaluate(() => [...document.querySelectorAll('html, #call, #requests, #panel, #people, dialog[open]')]
  .filter((element) => element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 0)
  .map((element) => `${element.id || element.localName} ${element.scrollWidth} > ${element.clientWidth}`));

for (const [first, second] of [['chromium', 'firefox'], ['firefox', 'chromium']]) {
  describe(`a host in ${first}, guests in ${second}`, { concurrency: 1 }, () => {
    test('admits one by keyboard and denies one, who sees why', async () => {
      const url = server.url(`/room/${newRoom()}`);
      const ada = await hostWithLobby(first, url);
      await ada.press('#toggle-chat');
      await ada.page.focus('#chat-input');
      const bob = await knock(second, url, 'Bob');
      const words = await bob.page.$eval('#join-status', (status) => `${status.getAttribute('role')}: ${status.textContent}`);
      assert.match(words, /^status: Waiting for the host to let you in/);
      await seesRequests(ada, 'Bob');
      await hears(ada, 'Asking to join: Bob');
      const cleo = await knock(second, url, 'Cleo');
      await seesRequests(ada, 'Bob', 'Cleo');
      assert.equal(await ada.page.evaluate(() => document.activeElement.id), 'chat-input', 'the focus stays');

      await ada.page.focus('#call-title');
      const reach = async (label) => {
        for (let presses = 0; presses < 8; presses += 1) {
          await ada.page.keyboard.press('Tab');
          if (await ada.page.evaluate(() => document.activeElement.getAttribute('aria-label')) === label) return;
        }
        assert.fail(`${label} is not reached`);
      };
      await reach('Admit \u2068Bob\u2069');
      await ada.page.keyboard.press('Enter');
      await isJoined(bob);
      await ada.seesOnly(bob);
      await bob.seesPlaying(ada);
      await seesRequests(ada, 'Cleo');
      // Not on a button, which a second key press would use.
      await ada.until(() => document.activeElement.matches('.request'));

      await reach('Deny \u2068Cleo\u2069');
      await ada.page.keyboard.press('Enter');
      await confirm(ada, 'Not <b>today</b>.');
      await seesRefusal(cleo, 'The reason given: “\u2068Not <b>today</b>.\u2069”');
      await seesRequests(ada);
      await ada.until(() => document.querySelector('#requests').hidden && document.activeElement.id === 'call-title');
      assert.equal(await bob.page.$eval('#host-tools', (tools) => tools.hidden), true);
      assert.equal(await bob.page.$eval('#requests', (requests) => requests.hidden), true);
      await end(ada, bob, cleo);
    });

    test('sees a guest wait over a reload, one leave, and admits all others', async () => {
      const url = server.url(`/room/${newRoom()}`);
      const ada = await hostWithLobby(first, url);
      const bob = await knock(second, url, 'Bob');
      await seesRequests(ada, 'Bob');
      const before = await ada.page.evaluate(() => [...window.room.knocking.keys()][0]);
      await bob.page.reload();
      // By itself: nobody clicks.
      await bob.until(() => window.room?.state === 'waiting');
      await ada.until((id) => window.room.knocking.size === 1 && !window.room.knocking.has(id), before);
      await seesRequests(ada, 'Bob');
      const cleo = await knock(second, url, 'Cleo');
      const dan = await knock(second, url, 'Dan');
      await seesRequests(ada, 'Bob', 'Cleo', 'Dan');
      await cleo.press('#join-cancel');
      await cleo.until(() => !document.querySelector('#join').hidden && !document.querySelector('#join').disabled);
      await seesRequests(ada, 'Bob', 'Dan');
      // A reload later is not a wait.
      await cleo.page.reload();
      await cleo.until(() => document.body.dataset.view === 'lobby' && window.room === undefined);
      await ada.page.focus('#requests-all');
      await ada.page.keyboard.press('Enter');
      await isJoined(bob);
      await isJoined(dan);
      await ada.seesOnly(bob, dan);
      await ada.until(() => document.activeElement.id === 'call-title');
      await end(ada, bob, cleo, dan);
    });

    test('removes one, who sees why and may come back', async () => {
      const url = server.url(`/room/${newRoom()}`);
      const ada = await Participant.join(browsers, first, { url, name: 'Ada' });
      const bob = await Participant.join(browsers, second, { url, name: 'Bob' });
      await ada.seesOnly(bob);
      await act(ada, bob, 'remove');
      await ada.until(() => document.querySelector('#ask').open);
      await ada.page.keyboard.press('Escape');
      await ada.until(() => !document.querySelector('#ask').open && document.activeElement.dataset.action === 'remove');
      assert.equal(await bob.page.evaluate(() => window.room.state), 'joined');
      await act(ada, bob, 'remove');
      await confirm(ada, 'Too loud.');
      await seesEnd(bob, 'You were removed from the meeting', 'The reason given: “\u2068Too loud.\u2069”');
      await ada.seesOnly();
      await ada.until(() => document.activeElement.id === 'people-list');
      await bob.page.reload();
      await ask(bob);
      await isJoined(bob);
      await end(ada, bob);
    });

    test('blocks one, who cannot return by resume, reload or another tab', async () => {
      const path = `/room/${newRoom()}`;
      const ada = await Participant.join(browsers, first, { url: server.url(path), name: 'Ada' });
      const context = await browsers.context(second);
      const bob = await Participant.in(context, { url: network.url(path), name: 'Bob' });
      await bob.joinFromLobby();
      assert.equal(await bob.page.evaluate(() => document.cookie), '', 'no script reads the identity');
      await ada.seesOnly(bob);
      // While it is away, so that its page has to find it out by the resume.
      network.refuse(true);
      network.cut();
      await bob.until(() => window.room.state === 'away');
      await ada.seesState(bob, 'status', 'away');
      await act(ada, bob, 'block');
      await confirm(ada, 'Go away.');
      await ada.seesOnly();
      network.refuse(false);
      await seesEnd(bob, 'You were removed from the meeting', 'Go away.');

      await bob.page.reload();
      await ask(bob);
      await seesRefusal(bob, 'A host has blocked this browser');
      const tab = await Participant.in(context, { url: server.url(path), name: 'Robert' });
      await ask(tab);
      await seesRefusal(tab, 'A host has blocked this browser');
      await ada.seesOnly();
      // Another browser may.
      const cleo = await Participant.join(browsers, second, { url: server.url(path), name: 'Cleo' });
      await ada.seesOnly(cleo);
      await end(ada, bob, tab, cleo);
    });

    test('cannot block itself in another tab', async () => {
      const url = server.url(`/room/${newRoom()}`);
      const context = await browsers.context(first);
      const ada = await Participant.in(context, { url, name: 'Ada' });
      await ada.joinFromLobby();
      const again = await Participant.in(context, { url, name: 'Tablet' });
      // Not the name that the browser remembers.
      await ask(again);
      await isJoined(again);
      await ada.seesOnly(again);
      // A tab in the background takes no clicks.
      await ada.page.bringToFront();
      await act(ada, again, 'block');
      await hears(ada, 'your own browser');
      assert.equal(await ada.page.$eval('#ask', (dialog) => dialog.open), false);
      await end(ada, again);
    });

    test('leaves, and the other one is host and can admit', async () => {
      const url = server.url(`/room/${newRoom()}`);
      const ada = await hostWithLobby(first, url);
      const bob = await knock(second, url, 'Bob');
      await seesRequests(ada, 'Bob');
      await ada.press('.request button');
      await isJoined(bob);
      const cleo = await knock(first, url, 'Cleo');
      await seesRequests(ada, 'Cleo');
      await bob.press('#toggle-people');
      await bob.until(() => [...document.querySelectorAll('.person')].some((one) => one.querySelector('bdi').textContent === 'Ada' && !one.querySelector('.host').hidden));
      assert.equal(await bob.page.$$eval('.person-more:not([hidden])', (all) => all.length), 0);
      // A host that reloads is host again, however long it takes to join, and does not wait itself.
      await ada.page.reload();
      await ada.joinFromLobby();
      await seesRequests(ada, 'Cleo');
      assert.equal(await ada.page.evaluate(() => window.room.can('moderate')), true);

      await ada.leave();
      await hears(bob, 'You are the host of this meeting now');
      await seesRequests(bob, 'Cleo');
      await bob.until(() => !document.querySelector('#host-tools').hidden && document.querySelector('#lobby-switch').checked);
      await bob.press('.request button');
      await isJoined(cleo);
      await bob.seesOnly(cleo);

      // And makes another one host.
      await act(bob, cleo, 'host');
      await hears(cleo, 'You are the host of this meeting now');
      await hears(bob, 'Cleo is host now');
      await cleo.until(() => window.room.can('moderate'));
      await end(ada, bob, cleo);
    });

    test('locks, and nobody new gets in until the lock is open', async () => {
      const url = server.url(`/room/${newRoom()}`);
      const ada = await Participant.join(browsers, first, { url, name: 'Ada' });
      const bob = await Participant.join(browsers, second, { url, name: 'Bob' });
      await turnOn(ada, 'lock-switch');
      await hears(bob, 'The meeting is locked');
      const cleo = await Participant.inLobby(browsers, second, { url, name: 'Cleo' });
      await ask(cleo);
      await seesRefusal(cleo, 'This meeting is locked');
      await ada.press('#lock-switch');
      await hears(bob, 'The meeting is open again');
      await cleo.press('#join');
      await isJoined(cleo);
      await end(ada, bob, cleo);
    });

    test('asks to mute, which the other one can undo', async () => {
      const url = server.url(`/room/${newRoom()}`);
      const ada = await Participant.join(browsers, first, { url, name: 'Ada' });
      const bob = await Participant.join(browsers, second, { url, name: 'Bob' });
      await ada.seesState(bob, 'audio', 'on');
      await act(ada, bob, 'mute');
      await hears(ada, 'You asked Bob to mute');
      await ada.seesState(bob, 'audio', 'off');
      await hears(bob, 'Ada asked you to mute. Your microphone is off now.');
      assert.equal(await bob.page.$eval('#mic', (mic) => mic.getAttribute('aria-pressed')), 'false');
      await bob.press('.notice-button');
      await ada.seesState(bob, 'audio', 'on');
      await bob.until(() => document.activeElement.id === 'mic');
      // Of somebody who is no host, it is ignored.
      await bob.page.evaluate((id) => {
        window.room.send(id, { request: 'mute' });
        window.room.send(id, { chat: 'after it' });
      }, await ada.id());
      await ada.press('#toggle-chat');
      await ada.reads('after it');
      assert.equal(await ada.page.$eval('#mic', (mic) => mic.getAttribute('aria-pressed')), 'true');
      await end(ada, bob);
    });

    test('has all of it on a phone, without scrolling sideways', async () => {
      const url = server.url(`/room/${newRoom()}`);
      const ada = await hostWithLobby(first, url);
      await ada.press('#panel-close');
      await ada.page.setViewport({ width: 360, height: 640 });
      const name = `Wolfeschlegelsteinhausenbergerdorff${'w'.repeat(25)}`;
      const bob = await knock(second, url, name);
      await bob.page.setViewport({ width: 360, height: 640 });
      const cleo = await knock(second, url, 'Cleo');
      await seesRequests(ada, name, 'Cleo');
      assert.deepEqual([await scrollsSideways(ada), await scrollsSideways(bob)], [[], []]);
      await ada.press('.request button');
      await isJoined(bob);
      await act(ada, bob, 'block');
      await ada.until(() => document.querySelector('#ask').open);
      assert.deepEqual(await scrollsSideways(ada), []);
      await ada.page.keyboard.press('Escape');
      assert.deepEqual(await scrollsSideways(ada), []);
      await end(ada, bob, cleo);
    });
  });
}
