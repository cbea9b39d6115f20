// Limits on what one peer can make this page do.

import '../support/abort-fix.js';

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { MeetError } from '../../src/errors.js';
import { ConcurrencyLimiter } from '../../src/concurrency-limiter.js';
import { ConnectedPages } from './support/connected-pages.js';
import { SingleTransport } from './support/single-transport.js';

/** The transport has ended, the page was told why, once, and nothing of it is left but the next try. */
function assertRefused(scene) {
  assert.equal(scene.transport.state, 'failed');
  assert.deepEqual(scene.codes, ['refused']);
  assert.equal(scene.network.open, 0);
  assert.equal(scene.clock.pending, 1);
}

describe('a peer is refused that', () => {
  test('offers too many sections', async () => {
    const scene = new SingleTransport();
    scene.says(await scene.offer(67));
    await scene.clock.advance(1000);
    assert.equal(scene.calls.setRemoteDescription, undefined, 'the browser does not see it');
    assertRefused(scene);
  });

  test('hides them behind white space', async () => {
    for (const space of [' ', '\t', '\u00a0', '\f']) {
      const scene = new SingleTransport();
      const { description, ...more } = await scene.offer(67);
      scene.says({ ...more, description: { ...description, sdp: description.sdp.replaceAll('\nm=', `\n${space}m=`) } });
      await scene.clock.advance(1000);
      assertRefused(scene);
    }
  });

  test('offers too many candidates, in one description or in many', async () => {
    for (const [each, offers, generation] of [[401, 1, 0], [150, 3, 0], [150, 3, 1]]) {
      const scene = new SingleTransport();
      for (let n = 0; n < offers; n += 1) {
        const { description, ...more } = await scene.offer(1, { offerId: n + 1 });
        const lines = Array.from({ length: each }, (_, m) => `a=candidate:${n * 1000 + m} 1 udp 1 192.0.2.1 9 typ host\r\n`);
        const sdp = description.sdp.replace(/(a=ice-ufrag:\S+)/g, `$1${n * generation}`) + lines.join('');
        scene.says({ ...more, description: { ...description, sdp } });
        await scene.clock.advance(1000);
      }
      assertRefused(scene);
    }
  });

  test('has an answer that does not fit into a frame', async () => {
    const scene = new SingleTransport();
    scene.failure = new MeetError('too-large', 'over the limit');
    scene.says(await scene.offer());
    await scene.clock.advance(1000);
    assertRefused(scene);
  });

  test('says more than is handled', async () => {
    const scene = new SingleTransport();
    scene.says(await scene.offer());
    await scene.clock.advance(0);
    for (let n = 0; n < 5000; n += 1) scene.says({ description: { type: 'answer', sdp: '' }, offerId: 9 });
    await scene.clock.advance(1000);
    assertRefused(scene);
  });

  test('begins too many connections', async () => {
    const scene = new SingleTransport();
    const offer = await scene.offer();
    for (let epoch = 1; epoch <= 520; epoch += 1) {
      scene.says({ ...offer, epoch });
      await scene.clock.advance(18);
    }
    assertRefused(scene);
    assert.ok(scene.calls.RTCPeerConnection <= 8, `${scene.calls.RTCPeerConnection} connections`);
    for (let minute = 0; minute < 60; minute += 1) {
      for (let n = 0; n < 60; n += 1) {
        scene.says({ ...offer, epoch: 521 + minute * 60 + n });
        await scene.clock.advance(1000);
      }
    }
    assert.ok(scene.calls.RTCPeerConnection < 8 * 60, `${scene.calls.RTCPeerConnection} connections in an hour`);
    assert.ok(scene.warnings.length < 8 * 60, `${scene.warnings.length} warnings in an hour`);
    assert.equal(scene.network.open <= 1, true);
  });

  test('opens too many data channels', async () => {
    const pages = new ConnectedPages();
    await pages.settle();
    let channels = 0;
    pages.b.transport.on('datachannel', () => { channels += 1; });
    const codes = [];
    pages.b.transport.on('warning', ({ detail }) => codes.push(detail.error.code));
    for (let n = 0; n < 200; n += 1) pages.a.transport.createDataChannel(`${n}`);
    await pages.scheduler.clock.advance(100);
    assert.ok(channels < 100, `${channels} channels`);
    assert.equal(pages.b.transport.state, 'failed');
    assert.deepEqual(codes, ['refused']);
  });

  test('sends anything else there without end, text or not', async () => {
    for (const data of ['', 'null', 'x'.repeat(1000), new ArrayBuffer(8), new Blob(['x'])]) {
      const scene = new SingleTransport();
      const { prototype } = scene.options.env.RTCPeerConnection;
      const { createDataChannel } = prototype;
      let control;
      prototype.createDataChannel = function kept(...args) { control = createDataChannel.apply(this, args); return control; };
      scene.says(await scene.offer());
      await scene.clock.advance(10);
      for (let n = 0; n < 1000; n += 1) control.dispatchEvent(Object.assign(new Event('message'), { data }));
      await scene.clock.advance(1000);
      assertRefused(scene);
    }
  });

  test('changes its sources without end over the control channel', async () => {
    const scene = new SingleTransport();
    const { createDataChannel } = scene.options.env.RTCPeerConnection.prototype;
    let control;
    scene.options.env.RTCPeerConnection.prototype.createDataChannel = function kept(...args) {
      control = createDataChannel.apply(this, args);
      return control;
    };
    scene.says(await scene.offer());
    await scene.clock.advance(1000);
    let shown = 0;
    scene.transport.on('sources', () => { shown += 1; });
    for (let revision = 1; revision <= 2000; revision += 1) {
      const data = JSON.stringify({ sources: { revision, list: [] } });
      control.dispatchEvent(Object.assign(new Event('message'), { data }));
    }
    assert.ok(shown < 500, `${shown} times`);
    assert.equal(scene.transport.state, 'failed');
  });

  test('changes its sources without end by signaling', async () => {
    const scene = new SingleTransport();
    scene.says(await scene.offer());
    await scene.clock.advance(1000);
    let shown = 0;
    scene.transport.on('sources', () => { shown += 1; });
    for (let revision = 1; revision <= 3600; revision += 1) {
      const list = Array.from({ length: 16 }, (_, n) => ({ name: `${revision} ${n}`, audio: null, video: null }));
      scene.says({ sources: { revision, list } });
    }
    assert.ok(shown < 500, `${shown} times`);
    assert.equal(scene.transport.state, 'failed');
  });

  for (const [how, says] of Object.entries({
    'in descriptions': (scene, offer, lines) => {
      const sdp = offer.description.sdp + lines.map((line) => `a=${line}\r\n`).join('');
      scene.says({ ...offer, description: { ...offer.description, sdp } });
    },
    'after descriptions': (scene, offer, lines) => {
      scene.says(offer);
      const [, usernameFragment] = /a=ice-ufrag:(\S+)/.exec(offer.description.sdp);
      for (let at = 0; at < lines.length; at += 128) {
        const candidates = lines.slice(at, at + 128).map((candidate) => ({ candidate, sdpMid: '0', usernameFragment }));
        scene.says({ candidates });
      }
    },
  })) {
    test(`repeats its candidates for one generation after the other, ${how}`, async () => {
      const scene = new SingleTransport();
      const { prototype } = scene.options.env.RTCPeerConnection;
      const { setRemoteDescription } = prototype;
      let given = 0;
      prototype.setRemoteDescription = function counted(description) {
        given += description.sdp.match(/^a=candidate/gm)?.length ?? 0;
        return setRemoteDescription.call(this, description);
      };
      const lines = Array.from({ length: 250 }, (_, n) => `candidate:${n} 1 udp 1 192.0.2.1 9 typ host`);
      for (let n = 1; n <= 20; n += 1) {
        const { description, ...more } = await scene.offer(1, { offerId: n });
        const sdp = description.sdp.replace(/(a=ice-ufrag:\S+)/g, `$1${n}`);
        says(scene, { ...more, description: { ...description, sdp } }, lines);
        await scene.clock.advance(10);
      }
      given += scene.calls.addIceCandidate ?? 0;
      assert.ok(given <= 500, `${given} were given to the browser`);
    });
  }

  test('repeats one candidate', async () => {
    const scene = new SingleTransport();
    scene.says(await scene.offer());
    const candidate = { candidate: 'candidate:1 1 udp 1 192.0.2.1 9 typ host', sdpMid: '0' };
    for (let n = 0; n < 240; n += 1) scene.says({ candidates: Array(60).fill(candidate) });
    await scene.clock.advance(1000);
    assert.equal(scene.calls.addIceCandidate, 1);
  });

  // Where time grows with the square of the length, these take minutes.
  for (const [what, character] of [['line separators', '\u2028'], ['paragraph separators', '\u2029'], ['spaces', ' '], ['m', 'm']]) {
    test(`fills a description with ${what}`, { timeout: 60_000 }, async () => {
      const scene = new SingleTransport();
      const lines = [character.repeat(19_000), ...Array(25).fill(0)];
      scene.says({ description: { type: 'offer', lines }, offerId: 1 });
      scene.says({ description: { type: 'answer', lines }, offerId: 7 });
      await scene.clock.advance(10);
    });
  }
});

describe('a peer that goes on, costs no more:', () => {
  test('one try to reach it, less and less often', async () => {
    const scene = new SingleTransport();
    scene.says(await scene.offer(67));
    await scene.clock.advance(3_600_000);
    assert.ok(scene.sent.length < 30, `${scene.sent.length} messages in an hour`);
  });

  test('an innocent offer of its next connection is answered', async () => {
    const scene = new SingleTransport();
    scene.says(await scene.offer(67));
    await scene.clock.advance(1000);
    scene.says(await scene.offer(1, { epoch: 2 }));
    await scene.clock.advance(1000);
    assert.equal(scene.said('answer').length, 1);
  });

  test('candidates beyond some hundreds are not given to the browser', async () => {
    const scene = new SingleTransport();
    const offer = await scene.offer();
    const ufrag = /a=ice-ufrag:(\S+)/.exec(offer.description.sdp)[1];
    scene.says(offer);
    for (let batch = 0; batch < 24; batch += 1) {
      await scene.clock.advance(10);
      scene.says({ candidates: Array.from({ length: 125 }, (_, n) => ({
        candidate: `candidate:${batch * 125 + n} 1 udp 1 192.0.2.1 9 typ host`, sdpMid: '0', usernameFragment: ufrag,
      })) });
    }
    await scene.clock.advance(1000);
    assert.ok(scene.calls.addIceCandidate <= 420, `${scene.calls.addIceCandidate} candidates`);
  });

  test('a candidate that does not work is told once', async () => {
    const scene = new SingleTransport();
    scene.says(await scene.offer());
    for (let n = 0; n < 50; n += 1) {
      scene.says({ candidates: [{ candidate: `candidate:${n} 1 udp 1 192.0.2.1 9 typ host`, sdpMid: 'none' }] });
      await scene.clock.advance(1);
    }
    assert.equal(scene.warnings.length, 1);
  });

  test('what is asked for is said some dozen times, then every few seconds', async () => {
    for (const [polite, message] of [[true, 'offer'], [false, { request: 'again' }], [false, { request: 'restart' }], [false, { request: 'offer' }]]) {
      const scene = new SingleTransport({ polite });
      const first = await scene.offer();
      if (polite) scene.says(first);
      await scene.clock.advance(100);
      for (let n = 0; n < 600; n += 1) {
        scene.says(message === 'offer' ? first : message);
        await scene.clock.advance(16);
      }
      const { length } = scene.sent.filter(({ description }) => description !== undefined);
      assert.ok(length <= 160, `${length} descriptions`);
      assert.ok((scene.calls.restartIce ?? 0) <= 80);
    }
  });

  test('new offers are answered some dozen times, then every few seconds, all of them', async () => {
    const scene = new SingleTransport();
    for (let offerId = 1; offerId <= 80; offerId += 1) scene.says(await scene.offer(1, { offerId }));
    await scene.clock.advance(100);
    assert.ok(scene.said('answer').length <= 66, `${scene.said('answer').length} answers`);
    await scene.clock.advance(120_000);
    assert.equal(scene.said('answer').length, 80);
    assert.ok(!scene.codes.includes('refused'));
  });

  test('mids that do not exist, answers to nothing and candidates of nothing change nothing', async () => {
    const scene = new SingleTransport();
    scene.says({ description: { type: 'answer', sdp: 'v=0' }, offerId: 7 });
    for (let n = 0; n < 100; n += 1) scene.says({ candidates: [{ candidate: `candidate:${n}`, sdpMid: '0' }] });
    scene.says(await scene.offer());
    scene.says({ sources: { revision: 1, list: [{ name: 'camera', audio: { mid: 'none' }, video: null }] } });
    await scene.clock.advance(1000);
    assert.equal(scene.said('answer').length, 1);
  });
});

describe('connections begin', () => {
  test('at the polite end when there is an offer, or the page asks for one', async () => {
    const scene = new SingleTransport();
    await scene.clock.advance(60_000);
    assert.equal(scene.network.created, 0);
    assert.ok(scene.sent.some(({ request }) => request === 'offer'));
    const channel = new SingleTransport();
    assert.equal(channel.transport.createDataChannel('early').label, 'early');
    const stats = new SingleTransport({ polite: false });
    assert.ok((await stats.scheduler.run(() => stats.transport.getStats())).size >= 0);
    await stats.clock.advance(1000);
    assert.equal(stats.network.created, 1);
  });

  test('a few at a time, in order; those that left do not count', async () => {
    const scene = new SingleTransport();
    const limiter = new ConcurrencyLimiter(scene.options.env);
    const began = [];
    const turns = Array.from({ length: 20 }, (_, n) => limiter.enqueue(() => began.push(n)));
    assert.deepEqual(began, [], 'not in the middle of what is being done');
    for (const n of [1, 4, 5, 6]) turns[n]();
    await scene.clock.advance(0);
    assert.deepEqual(began, [0, 2, 3, 7]);
    await scene.clock.advance(249);
    assert.equal(began.length, 4);
    await scene.clock.advance(1);
    assert.deepEqual(began.slice(4), [8, 9, 10, 11]);
    await scene.clock.advance(5000);
    assert.deepEqual(began.slice(8), [12, 13, 14, 15, 16, 17, 18, 19]);
    assert.equal(scene.clock.pending, 1, 'that of the transport');
  });

  test('next to never in a storm of joins and leaves', async () => {
    for (const polite of [true, false]) {
      const scene = new SingleTransport({ polite });
      scene.options.limiter = new ConcurrencyLimiter(scene.options.env);
      const offer = await scene.offer();
      const transports = [];
      for (let n = 0; n < 400; n += 1) {
        scene.transport = scene.make();
        transports.push(scene.transport);
        scene.says(offer);
        if (n % 4 === 3) await scene.clock.advance(5);
        if (n >= 4) transports[n - 4].close();
      }
      assert.ok(scene.network.created < 20, `${scene.network.created} connections`);
    }
  });
});

describe('an honest page is not refused that', () => {
  for (const count of [1, 4, 16]) {
    test(`mutes all of ${count} sources, and unmutes them`, async () => {
      const pages = new ConnectedPages();
      for (let n = 0; n < count; n += 1) pages.a.publish(`source ${n}`, 'audio', 'video');
      await pages.settle();
      for (let round = 0; round < 20; round += 1) {
        for (let n = 0; n < count; n += 1) {
          for (const kind of ['audio', 'video']) pages.a.publications.setMuted(`source ${n}`, kind, round % 2 === 0);
        }
        await pages.scheduler.clock.advance(100);
      }
      await pages.scheduler.clock.advance(10_000);
      pages.assertInCall('in the end');
      assert.equal(pages.b.warnings, 0);
    });
  }

  test('mutes four times a second, for five minutes', async () => {
    const pages = new ConnectedPages();
    for (let n = 0; n < 16; n += 1) pages.a.publish(`source ${n}`, 'audio', 'video');
    await pages.settle();
    for (let n = 0; n < 1200; n += 1) {
      pages.a.publications.setMuted('source 1', 'audio', n % 2 === 0);
      await pages.scheduler.clock.advance(250);
    }
    assert.equal(pages.b.warnings, 0);
    assert.equal(pages.b.transport.state, 'connected');
    await pages.scheduler.clock.advance(10_000);
    assert.equal(pages.b.peer.sources.get('source 1').audio.muted, false);
  });
});
