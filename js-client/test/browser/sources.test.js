// Real browsers: the others see and hear the sources as a page announces them.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { Participant } from './support/participant.js';
import { setUp } from './support/setup.js';

const { browsers, server, newRoom } = setUp();

/** Two people, of whom the first one has ways to make tracks at hand. */
async function meet(first, second) {
  const url = server.url(`/room/${newRoom()}`);
  const ada = await Participant.join(browsers, first, { url, name: 'Ada' });
  const bob = await Participant.join(browsers, second, { url, name: 'Bob' });
  await bob.seesState(ada, 'connection', 'connected');
  await ada.page.evaluate(provideTracks);
  return { ada, bob, id: await ada.id() };
}

async function close(...people) {
  for (const one of people) {
    assert.deepEqual(one.complaints, []);
    await one.close();
  }
}

/** Runs in the page. */
function provideTracks() {
  // The browsers' fake microphones are not silent. Processing might take them for noise.
  window.tone = async () => {
    const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    return (await navigator.mediaDevices.getUserMedia({ audio })).getAudioTracks()[0];
  };
  window.picture = () => {
    const canvas = document.createElement('canvas');
    const context = canvas.getContext('2d');
    let shade = 0;
    // A picture that does not change is not sent.
    setInterval(() => {
      context.fillStyle = `hsl(${shade++ * 10} 90% 50%)`;
      context.fillRect(0, 0, canvas.width, canvas.height);
    }, 50);
    return canvas.captureStream(20).getVideoTracks()[0];
  };
  // A track that the page does not stop itself: it comes in over a connection whose other end stops it.
  window.track = async () => {
    const [near, far] = [new RTCPeerConnection(), new RTCPeerConnection()];
    const negotiate = async () => {
      await near.setLocalDescription();
      await far.setRemoteDescription(near.localDescription);
      await far.setLocalDescription();
      await near.setRemoteDescription(far.localDescription);
    };
    near.onicecandidate = ({ candidate }) => far.addIceCandidate(candidate);
    far.onicecandidate = ({ candidate }) => near.addIceCandidate(candidate);
    const transceiver = near.addTransceiver(window.picture());
    const arrived = new Promise((resolve) => { far.ontrack = ({ track }) => resolve(track); });
    await negotiate();
    return {
      track: await arrived,
      end: () => {
        transceiver.stop();
        return negotiate();
      },
    };
  };
}

/** Waits until Bob has got a second of Ada's sound, and it was of this kind. */
async function hears(bob, id, expected) {
  await bob.page.evaluate((peer) => {
    window.before = null;
    // Chromium counts what is played.
    window.player ??= new Audio();
    const { stream } = window.room.peers.get(peer).sources.get('voice');
    if (window.player.srcObject !== stream) window.player.srcObject = stream;
    void window.player.play();
  }, id);
  await bob.until(async (peerId, heard) => {
    const peer = window.room.peers.get(peerId);
    const track = peer?.sources.get('voice')?.audio?.track;
    const stats = [...(await peer?.getStats() ?? new Map()).values()]
      .find(({ type, trackIdentifier }) => type === 'inbound-rtp' && trackIdentifier === track?.id);
    if (!(stats?.totalSamplesReceived > 0)) return false;
    const now = { samples: stats.totalSamplesReceived, energy: stats.totalAudioEnergy };
    const { before } = window;
    if (before !== null && now.samples < before.samples + 48_000) return false;
    window.before = now;
    if (before === null) return false;
    return (now.energy - before.energy > 0.01) === (heard === 'a tone');
  }, id, expected);
}

for (const [first, second] of [['chromium', 'firefox'], ['firefox', 'chromium']]) {
  describe(`${first} publishes, and ${second} sees and hears`, { concurrency: 1 }, () => {
    test('a muted microphone that is exchanged is silent, and shown as muted', async () => {
      const { ada, bob, id } = await meet(first, second);
      const showsMuted = (expected) => bob.until(
        (peer, muted) => window.room.peers.get(peer).sources.get('voice')?.audio?.muted === muted,
        id, expected,
      );
      await ada.page.evaluate(async () => window.room.publish('voice', [await window.tone()]));
      await showsMuted(false);
      await hears(bob, id, 'a tone');

      assert.deepEqual(await ada.page.evaluate(async () => {
        const next = await window.tone();
        window.room.setMuted('voice', 'audio', true);
        window.room.replaceTrack('voice', 'audio', null);
        window.room.replaceTrack('voice', 'audio', next);
        return [next.enabled, window.room.isMuted('voice', 'audio')];
      }), [false, true]);
      await showsMuted(true);
      await hears(bob, id, 'silence');

      await ada.page.evaluate(() => window.room.setMuted('voice', 'audio', false));
      await showsMuted(false);
      await hears(bob, id, 'a tone');
      await close(ada, bob);
    });

    test('a track that ends takes its source along, and another one takes its place', async () => {
      const { ada, bob, id } = await meet(first, second);
      const sources = (...names) => bob.until(
        (peer, expected) => [...window.room.peers.get(peer).sources.keys()].sort().join() === expected,
        id, names.sort().join(),
      );
      await ada.page.evaluate(async () => {
        window.told = [];
        window.room.on('trackended', ({ detail: { name, kind, track } }) => {
          window.told.push(`${name} ${kind} ${track.readyState}`);
          if (window.told.length === 2) window.room.publish(name, [window.picture()]);
        });
        window.shared = await window.track();
        window.room.publish('window', [window.shared.track]);
      });
      await sources('camera', 'window');
      await ada.page.evaluate(() => window.shared.end());
      await ada.until(() => window.told.join() === 'window video ended');
      await sources('camera');

      await ada.page.evaluate(async () => {
        window.shared = await window.track();
        window.room.replaceTrack('window', 'video', window.shared.track);
      });
      await sources('camera', 'window');
      await ada.page.evaluate(() => window.shared.end());
      await ada.until(() => window.told.length === 2);
      await sources('camera', 'window');
      await bob.until((peer) => window.room.peers.get(peer).sources.get('window')?.video?.track?.readyState === 'live', id);
      await close(ada, bob);
    });
  });
}

for (const kind of ['chromium', 'firefox']) {
  describe(`in ${kind}`, { concurrency: 1 }, () => {
    test('a stream without tracks is waited for, and plays when one comes', async () => {
      const { ada } = await alone(kind);
      const first = await ada.page.evaluate(async () => {
        const { attach } = await import('/meet-signal/index.js');
        window.stream = new MediaStream();
        window.video = document.body.appendChild(document.createElement('video'));
        return attach(window.video, window.stream, { muted: true });
      });
      assert.equal(first, 'waiting');
      await ada.page.evaluate(() => window.stream.addTrack(window.picture()));
      await ada.until(() => window.video.currentTime > 0 && window.video.videoWidth > 0);
      assert.equal(await ada.page.evaluate(async () => {
        const { attach } = await import('/meet-signal/index.js');
        return attach(window.video, window.stream, { muted: true });
      }), 'playing');
      await close(ada);
    });

    test('a room works through a proxy', async () => {
      const { ada } = await alone(kind);
      assert.deepEqual(await ada.page.evaluate(async () => {
        const room = new Proxy(window.room, {});
        const heard = [];
        const { on, addEventListener } = room;
        on('statechange', ({ detail }) => heard.push(detail.state));
        addEventListener('statechange', ({ detail }) => heard.push(detail.state), { once: true });
        const seen = [room.state, typeof room.self.id, room.peers.size, room.isMuted('camera', 'video')];
        await room.leave();
        return [...seen, room.state, ...heard];
      }), ['joined', 'string', 0, false, 'closed', 'closed', 'closed']);
      await close(ada);
    });
  });
}

async function alone(kind) {
  const ada = await Participant.join(browsers, kind, { url: server.url(`/room/${newRoom()}`), name: 'Ada' });
  await ada.page.evaluate(provideTracks);
  return { ada };
}
