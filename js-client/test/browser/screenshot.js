// The picture in the README: `npm run screenshot`.

import { fileURLToPath } from 'node:url';

import { Browsers } from './support/browsers.js';
import { Participant } from './support/participant.js';
import { Server } from './support/server.js';

const PICTURE = fileURLToPath(new URL('../../../docs/images/call.png', import.meta.url));

const browsers = new Browsers();
const server = await Server.start();
try {
  const url = server.url('/room/standup');
  const ada = await Participant.join(browsers, 'chromium', { url, name: 'Ada Lovelace' });
  const grace = await Participant.join(browsers, 'chromium', { url, name: 'Grace Hopper' });
  const alan = await Participant.join(browsers, 'firefox', { url, name: 'Alan Turing' });
  await ada.page.setViewport({ width: 1280, height: 760, deviceScaleFactor: 1 });
  await grace.says('Good morning! Shall we begin?');
  await alan.says('One moment, I am looking for my notes.');
  await alan.press('#mic');
  await ada.seesPlaying(grace, alan);
  await ada.seesState(alan, 'audio', 'off');
  await ada.reads('my notes');
  await ada.page.waitForFunction(() => document.querySelector('#notices').childElementCount === 0);
  await ada.page.screenshot({ path: PICTURE });
} finally {
  await browsers.close();
  await server.stop();
}
