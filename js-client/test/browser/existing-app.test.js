// The sites with added meetings work as the README shows.

import assert from 'node:assert/strict';
import { after, afterEach, test } from 'node:test';

import { Browsers } from './support/browsers.js';
import { Server, built } from './support/server.js';
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
      await bob.goto(server.url('/'));
      await ada.waitForFunction(() => document.querySelectorAll('#meeting figure').length === 1);
      assert.equal(await ada.$eval('#status', (status) => status.textContent), '');
    } finally {
      await server.stop();
    }
  });
}
