// Rooms whose names are any text, typed in the form of the home page and in links.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { Participant } from './support/participant.js';
import { setUp } from './support/setup.js';

const { browsers, server } = setUp();

const NAME = 'Équipe – 朝会 🎉';
const PATH = '/room/%C3%89quipe%20%E2%80%93%20%E6%9C%9D%E4%BC%9A%20%F0%9F%8E%89';

/** Types the name of a meeting on the home page, and goes to its room. */
async function fromHome(kind, { typed, name }) {
  const participant = await Participant.inLobby(browsers, kind, { url: server.url('/'), name });
  await participant.page.type('#room', typed);
  // Until then the text stays as it is typed.
  assert.equal(await participant.page.$eval('#room', (input) => input.value), typed);
  await participant.page.keyboard.press('Enter');
  await isInLobby(participant);
  return participant;
}

const isInLobby = (participant) => participant.until(() => document.body.dataset.view === 'lobby');

async function reads(participant, text) {
  const titles = await participant.page.$$eval('[data-room-name]', (all) => all.map((one) => one.textContent));
  assert.deepEqual(titles, [text, text]);
}

const path = (participant) => participant.page.evaluate(() => location.pathname);

async function meet(first, second) {
  await first.joinFromLobby();
  await second.joinFromLobby();
  await first.seesOnly(second);
  await second.seesOnly(first);
}

async function end(...participants) {
  for (const participant of participants) {
    assert.deepEqual(participant.complaints, []);
    await participant.close();
  }
}

for (const [first, second] of [['chromium', 'firefox'], ['firefox', 'chromium']]) {
  describe(`${second} follows ${first}`, { concurrency: 1 }, () => {
    test('a name in several scripts is typed, shown, and reached by its link', async () => {
      const ada = await fromHome(first, { typed: `  ${NAME} `, name: 'Ada' });
      assert.equal(await path(ada), PATH);
      await reads(ada, NAME);
      const bob = await Participant.inLobby(browsers, second, { url: await ada.page.evaluate(() => location.href), name: 'Bob' });
      assert.equal(await path(bob), PATH);
      await reads(bob, NAME);
      await meet(ada, bob);
      // A reload goes to the same room.
      await bob.page.reload();
      await isInLobby(bob);
      assert.equal(await path(bob), PATH);
      await bob.joinFromLobby();
      await ada.seesOnly(bob);
      await end(ada, bob);
    });

    test('who types another normalization form of a name meets in the same room', async () => {
      const ada = await fromHome(first, { typed: 'Cafe\u0301 re\u0301union', name: 'Ada' });
      const bob = await fromHome(second, { typed: 'Caf\u00e9 r\u00e9union', name: 'Bob' });
      await reads(ada, 'Caf\u00e9 r\u00e9union');
      assert.equal(await path(ada), await path(bob));
      await meet(ada, bob);
      // An address in that form, as some systems write it.
      const cleo = await Participant.inLobby(browsers, second, { url: server.url('/room/Cafe%CC%81%20re%CC%81union'), name: 'Cleo' });
      assert.equal(await path(cleo), await path(ada));
      await cleo.joinFromLobby();
      await ada.seesOnly(bob, cleo);
      await end(ada, bob, cleo);
    });
  });
}

for (const kind of ['chromium', 'firefox']) {
  test(`in ${kind}, a link that is pasted becomes the name in it`, async () => {
    const ada = await Participant.inLobby(browsers, kind, { url: server.url('/'), name: 'Ada' });
    await ada.page.focus('#room');
    await ada.page.evaluate((link) => document.execCommand('insertText', false, link), server.url(`${PATH}?from=mail`));
    assert.equal(await ada.page.$eval('#room', (input) => input.value), NAME);
    await end(ada);
  });

  test(`in ${kind}, the form says why a name is impossible`, async () => {
    const ada = await Participant.inLobby(browsers, kind, { url: server.url('/'), name: 'Ada' });
    for (const [typed, problem] of [
      ['a/b', /^“\u2068\/\u2069” cannot be part of a meeting name/],
      ['a\u202eb', /^The invisible character U\+202E cannot/],
      ['..', /dots/],
      ['é'.repeat(65), /^That name is 65 characters long; about 64 of them are possible/],
      [' ', /^Type a name/],
    ]) {
      await ada.page.$eval('#room', (input) => { input.value = ''; });
      await ada.page.type('#room', typed);
      await ada.page.keyboard.press('Enter');
      await ada.until(() => document.querySelector('#room').getAttribute('aria-invalid') === 'true');
      assert.match(await ada.page.$eval('#room-error', (message) => message.textContent), problem);
      assert.equal(await path(ada), '/');
    }
    await end(ada);
  });
}
