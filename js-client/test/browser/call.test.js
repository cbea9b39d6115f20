// Calls of two and of three participants.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { Participant } from './support/participant.js';
import { setUp } from './support/setup.js';

const { browsers, server, newRoom } = setUp({ keepsPages: true });

const roomUrl = () => server.url(`/room/${newRoom()}`);

describe('two people see and hear each other', { concurrency: 1 }, () => {
  for (const [first, second] of [
    ['chromium', 'chromium'],
    ['chromium', 'firefox'],
    ['firefox', 'chromium'],
    ['firefox', 'firefox'],
  ]) {
    test(`${second} joins ${first}`, async () => {
      const url = roomUrl();
      const ada = await Participant.join(browsers, first, { url, name: 'Ada' });
      const bob = await Participant.join(browsers, second, { url, name: 'Bob' });
      await ada.seesPlaying(bob);
      await bob.seesPlaying(ada);
      await ada.seesState(bob, 'connection', 'connected');
      await bob.seesState(ada, 'audio', 'on');

      await bob.closeTab();
      await ada.seesOnly();
      assert.deepEqual([...ada.complaints, ...bob.complaints], []);
      await ada.close();
      await bob.close();
    });
  }
});

test('three people, a late fourth, and goodbyes', async (t) => {
  const url = roomUrl();
  const ada = await Participant.join(browsers, 'chromium', { url, name: 'Ada' });
  const bob = await Participant.join(browsers, 'firefox', { url, name: 'Bob' });
  const cleo = await Participant.join(browsers, 'chromium', { url, name: 'Cleo' });
  const everybody = [ada, bob, cleo];
  const others = (one) => everybody.filter((other) => other !== one);

  await t.test('everybody sees everybody', async () => {
    for (const one of everybody) {
      await one.seesOnly(...others(one));
      await one.seesPlaying(...others(one));
      await one.seesSelfPlaying();
    }
  });

  await t.test('the microphone is switched, and the others see it', async () => {
    await bob.press('#mic');
    for (const one of others(bob)) await one.seesState(bob, 'audio', 'off');
    await bob.press('#mic');
    for (const one of others(bob)) await one.seesState(bob, 'audio', 'on');
  });

  await t.test('the camera is switched, and the others see it', async () => {
    for (const one of [ada, bob]) {
      await one.press('#camera');
      for (const other of others(one)) await other.seesState(one, 'video', 'off');
      await one.press('#camera');
      for (const other of others(one)) {
        await other.seesState(one, 'video', 'on');
        await other.seesPlaying(one);
      }
    }
  });

  await t.test('the screen takes the place of the camera, and gives it back', async () => {
    await ada.press('#screen');
    for (const one of others(ada)) {
      await one.seesState(ada, 'screen', 'on');
      await one.seesPlaying(ada);
    }
    await ada.press('#screen');
    for (const one of others(ada)) {
      await one.seesState(ada, 'screen', 'off');
      await one.seesState(ada, 'video', 'on');
      await one.seesPlaying(ada);
    }
  });

  await t.test('chat arrives', async () => {
    await cleo.says('hello <b>everybody</b>');
    for (const one of everybody) await one.reads('hello <b>everybody</b>');
  });

  await t.test('a late fourth gets everything', async () => {
    const dan = await Participant.join(browsers, 'firefox', { url, name: 'Dan' });
    await dan.seesPlaying(...everybody);
    for (const one of everybody) await one.seesPlaying(dan);
    everybody.push(dan);
  });

  await t.test('one leaves by the button', async () => {
    const dan = everybody.pop();
    await dan.leave();
    for (const one of everybody) await one.seesOnly(...others(one));
    await dan.close();
  });

  await t.test('one leaves by closing the tab', async () => {
    everybody.splice(everybody.indexOf(bob), 1);
    await bob.closeTab();
    for (const one of everybody) await one.seesOnly(...others(one));
  });

  await t.test('the rest go on', async () => {
    for (const one of everybody) await one.seesPlaying(...others(one));
    assert.deepEqual(everybody.flatMap((one) => one.complaints), []);
    for (const one of [ada, bob, cleo]) await one.close();
  });
});
