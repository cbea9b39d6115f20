// The sites with added meetings work as the README shows.

import assert from 'node:assert/strict';
import { after, afterEach, test } from 'node:test';

import { Browsers } from './support/browsers.js';
import { Server, built } from './support/server.js';
import { LOADS_SOURCES } from './support/sources.js';
import { logIn } from './support/team-site.js';

const browsers = new Browsers();
afterEach(() => browsers.closeContexts());
after(() => browsers.close());

/** Sees the picture of somebody of this name move. */
async function seesPlaying(page, name) {
  await page.waitForFunction((caption) => {
    const figures = [...document.querySelectorAll('#meeting figure')];
    const video = figures.find((figure) => figure.textContent.includes(caption))?.querySelector('video');
    if (!video?.videoWidth) return false;
    const before = video.seenTime;
    video.seenTime = video.currentTime;
    return before !== undefined && video.currentTime > before;
  }, { polling: 100 }, name);
}

/** The page has the client from the URL of its version, which a later visit does not request again. */
async function loadsTheClientOnce(page) {
  const loaded = () => page.evaluate(() => performance.getEntriesByType('resource')
    .filter(({ name }) => name.includes('/meet-signal/'))
    .map(({ name, transferSize }) => ({ path: new URL(name).pathname, transferSize })));
  for (const { path } of await loaded()) assert.match(path, /^\/meet-signal\/index-[0-9a-f]{16}\.js$/);
  await page.goto(page.url());
  await page.waitForFunction(() => document.getElementById('status').textContent === '');
  const again = await loaded();
  assert.ok(again.length > 0);
  for (const { path, transferSize } of again) assert.equal(transferSize, 0, path);
}

for (const program of ['existing-app-axum', 'existing-app-actix']) {
  test(`two members of a team meet on ${program}, under the names of their logins`, async () => {
    const server = await Server.start({ program: built(program), args: [], env: { PORT: '0' } });
    try {
      const ada = await logIn(browsers, 'chromium', server, { name: 'ada' });
      const bob = await logIn(browsers, 'firefox', server, { name: 'bob' });
      const team = await ada.$eval('a[href^="/teams/"]', (link) => link.getAttribute('href'));
      for (const page of [ada, bob]) await page.goto(server.url(`${team}/meeting`));
      await seesPlaying(ada, 'Bob');
      await seesPlaying(bob, 'Ada');
      if (!LOADS_SOURCES) await loadsTheClientOnce(bob);
      await bob.goto(server.url('/'));
      await ada.waitForFunction(() => document.querySelectorAll('#meeting figure').length === 1);
      assert.equal(await ada.$eval('#status', (status) => status.textContent), '');
    } finally {
      await server.stop();
    }
  });
}
