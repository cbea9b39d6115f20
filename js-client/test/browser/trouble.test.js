// Failures that people see, and their messages.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Participant } from './support/participant.js';
import { Server } from './support/server.js';
import { setUp } from './support/setup.js';

const { browsers, server } = setUp();

test('home leads to the room', async () => {
  const ada = await Participant.inLobby(browsers, 'chromium', { url: server.url('/'), name: 'Ada' });
  await ada.page.$eval('input[name=room]', (input) => { input.value = ''; });
  await ada.page.type('input[name=room]', 'team-standup');
  await ada.page.keyboard.press('Enter');
  await ada.until(() => location.pathname === '/room/team-standup');
  await ada.page.waitForSelector('#join');
  await ada.close();
});

test('without scripts, the form of the home page leads to the room too', async () => {
  const ada = await Participant.inLobby(browsers, 'chromium', { url: server.url('/room?room=standup'), name: 'Ada' });
  await ada.until(() => location.pathname === '/room/standup');
  await ada.page.goto(server.url('/room?room=%2F%2Fevil.example'));
  await ada.until(() => location.pathname === '/');
  await ada.close();
});

for (const [error, says] of [
  ['NotAllowedError', /allow|permission|refused|blocked/i],
  ['NotFoundError', /no camera|not found|missing|no microphone|found/i],
  ['NotReadableError', /another|busy|in use/i],
]) {
  test(`one joins without a camera: ${error}`, async () => {
    const url = server.url(`/room/${error}`);
    const ada = await Participant.join(browsers, 'chromium', { url, name: 'Ada' });
    const bob = await Participant.inLobby(browsers, 'chromium', { url: 'about:blank', name: 'Bob' });
    await bob.page.evaluateOnNewDocument((name) => {
      navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('none for you', name));
    }, error);
    await bob.page.goto(url);
    await bob.until((pattern) => {
      const problem = document.querySelector('#media-problem');
      return !problem.hidden && new RegExp(pattern, 'i').test(problem.textContent);
    }, says.source);
    await bob.joinFromLobby();
    await bob.seesPlaying(ada);
    await ada.seesOnly(bob);
    await ada.seesState(bob, 'video', 'off');
    assert.deepEqual([...ada.complaints, ...bob.complaints], []);
    await ada.close();
    await bob.close();
  });
}

test('a full room says so', async () => {
  const url = server.url('/room/full');
  const crowd = await Participant.inLobby(browsers, 'chromium', { url: server.url('/'), name: 'Crowd' });
  await crowd.page.evaluate(async (signal) => {
    const join = () => new Promise((resolve) => {
      const socket = new WebSocket(signal, 'meet-signal.v1');
      socket.onopen = () => socket.send('{"type":"join"}');
      socket.onmessage = resolve;
    });
    await Promise.all(Array.from({ length: 16 }, join));
  }, server.url('/signal/full').replace('http', 'ws'));
  const ada = await Participant.inLobby(browsers, 'chromium', { url, name: 'Ada' });
  await ada.page.type('input[name=name]', 'Ada');
  await ada.page.click('#join');
  await ada.until(() => /full/i.test(document.querySelector('main:not([hidden])').textContent));
  await ada.close();
  await crowd.close();
});

test('a server that stops and comes back', async () => {
  const mortal = await Server.start();
  const url = mortal.url('/room/mortal');
  const ada = await Participant.join(browsers, 'chromium', { url, name: 'Ada' });
  const bob = await Participant.join(browsers, 'firefox', { url, name: 'Bob' });
  await ada.seesPlaying(bob);

  await mortal.kill();
  for (const one of [ada, bob]) {
    await one.until(() => !document.querySelector('#banner').hidden);
  }

  const next = await Server.start({ port: mortal.port });
  for (const one of [ada, bob]) {
    await one.until(() => window.room.state === 'joined' && document.querySelector('#banner').hidden);
  }
  await ada.seesOnly(bob);
  await ada.seesPlaying(bob);
  await bob.seesPlaying(ada);
  assert.deepEqual([...ada.complaints, ...bob.complaints], []);
  await ada.close();
  await bob.close();
  await next.stop();
});

test('https with a certificate made at start', async () => {
  const secure = await Server.start({ args: ['--tls'] });
  assert.match(secure.url(), /^https:/);
  const ada = await Participant.in(await browsers.incautious(), { url: secure.url('/room/secure'), name: 'Ada' });
  await ada.joinFromLobby();
  assert.equal(await ada.page.evaluate(() => window.isSecureContext), true);
  await ada.close();
  await secure.stop();
});
