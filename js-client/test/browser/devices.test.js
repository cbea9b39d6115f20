// The Meet page while the browser asks for devices, and when devices are unplugged.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { Participant } from './support/participant.js';
import { setUp } from './support/setup.js';

const { browsers, server, newRoom } = setUp();

for (const kind of ['chromium', 'firefox']) {
  describe(`in ${kind}`, { concurrency: 1 }, () => {
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
  });
}

/**
 * Two in a call, of whom the first one's browser asks for its devices until `answer` is called. `first`: this device is
 * granted without a question, the other one is off.
 */
async function withPendingDevices(kind, { first = null } = {}) {
  const url = server.url(`/room/${newRoom()}`);
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
