// The host of a meeting of the sites with added meetings, their attendance lists, and one meeting at a time.

import assert from 'node:assert/strict';
import { after, afterEach, beforeEach, describe, test } from 'node:test';

import { Browsers } from './support/browsers.js';
import { Server, built } from './support/server.js';
import { anotherTab, attendance, logIn, reads, seesPeople } from './support/team-site.js';

const browsers = new Browsers();
afterEach(() => browsers.closeContexts());
after(() => browsers.close());

const focused = (page) => page.evaluate(() => document.activeElement.textContent);

/** Opens the host's menu for a person with the keyboard, and chooses with so many Tabs after "Cancel". */
async function choose(page, name, tabs) {
  await page.bringToFront();
  const button = await page.waitForSelector(`::-p-aria([name="Remove ${name} …"][role="button"])`);
  await button.focus();
  await page.keyboard.press('Enter');
  await page.waitForSelector('dialog[open]');
  assert.equal(await page.$eval('#remove-title', ({ textContent }) => textContent), `Remove ${name}?`);
  assert.equal(await focused(page), 'Cancel');
  for (let i = 0; i < tabs; i += 1) await page.keyboard.press('Tab');
}

for (const program of ['existing-app-axum', 'existing-app-actix']) {
  describe(program, { concurrency: 1 }, () => {
    let server;
    beforeEach(async () => {
      server = await Server.start({ program: built(program), args: [], env: { PORT: '0' } });
    });
    afterEach(() => server.stop());

    for (const kind of ['chromium', 'firefox']) {
      const other = kind === 'chromium' ? 'firefox' : 'chromium';
      const meeting = (team) => server.url(`/teams/${team}/meeting`);

      test(`${kind}: a host removes one, and blocks one who cannot return by a reload or in a new tab`, async () => {
        const ada = await logIn(browsers, kind, server, { name: 'ada' });
        const bob = await logIn(browsers, kind, server, { name: 'bob' });
        const dot = await logIn(browsers, other, server, { name: 'dot' });
        for (const page of [ada, bob, dot]) {
          await page.goto(meeting('apollo'));
          await reads(page, '#status', '');
        }
        await seesPeople(ada, ['Bob Kahn', 'Dot Eames']);
        await seesPeople(bob, ['Ada Lovelace', 'Dot Eames']);
        assert.equal(await bob.$('#people button'), null);

        await choose(ada, 'Bob Kahn', 0);
        await ada.keyboard.press('Escape');
        await ada.waitForSelector('dialog:not([open])');
        assert.equal(await focused(ada), 'Remove Bob Kahn …');

        await choose(ada, 'Bob Kahn', 1);
        assert.equal(await focused(ada), 'Remove');
        await ada.keyboard.press('Enter');
        await reads(bob, '#status', 'No meeting: the host has removed you. Join again');
        await reads(ada, '#news', 'Bob Kahn was removed.');
        await seesPeople(ada, ['Dot Eames']);
        assert.equal(await focused(ada), 'Remove Dot Eames …');
        assert.equal(await bob.$('#meeting figure'), null);
        await Promise.all([bob.waitForNavigation(), bob.click('#status a')]);
        await seesPeople(ada, ['Bob Kahn', 'Dot Eames']);

        await choose(ada, 'Dot Eames', 2);
        assert.equal(await focused(ada), 'Remove and block');
        await ada.keyboard.press('Enter');
        await reads(dot, '#status', 'No meeting: the host has blocked you from this meeting. Join again');
        await seesPeople(ada, ['Bob Kahn']);
        await seesPeople(bob, ['Ada Lovelace']);
        await dot.reload();
        const blocked = 'No meeting: the host has blocked you from this meeting.';
        await reads(dot, '#status', blocked);
        await reads(await anotherTab(dot, meeting('apollo')), '#status', blocked);

        const list = await anotherTab(ada, server.url('/'));
        const expected = [
          ['Ada Lovelace', 'in the meeting'], ['Bob Kahn', 'in the meeting'], ['Dot Eames', 'removed by the host'],
        ];
        assert.deepEqual(await attendance(list, `${meeting('apollo')}/attendance`), expected);
        const again = await list.waitForSelector('::-p-aria([name="Let Dot Eames in again"][role="button"])');
        await Promise.all([list.waitForNavigation(), again.click()]);
        assert.equal(await list.$('button[name=login]'), null);
        await dot.reload();
        await seesPeople(bob, ['Ada Lovelace', 'Dot Eames']);
      });

      test(`${kind}: a second meeting ends the first one, which says so`, async () => {
        const bob = await logIn(browsers, kind, server, { name: 'bob' });
        await bob.goto(meeting('apollo'));
        await reads(bob, '#status', '');
        const elsewhere = await logIn(browsers, other, server, { name: 'bob' });
        await elsewhere.goto(meeting('gemini'));
        await reads(bob, '#status', 'No meeting: you have joined another meeting. Join again');
        await reads(elsewhere, '#status', '');
        const apollo = await attendance(bob, `${meeting('apollo')}/attendance`);
        assert.deepEqual(apollo, [['Bob Kahn', 'left for another meeting']]);
        const gemini = await attendance(bob, `${meeting('gemini')}/attendance`);
        assert.deepEqual(gemini, [['Bob Kahn', 'in the meeting']]);
      });
    }
  });
}
