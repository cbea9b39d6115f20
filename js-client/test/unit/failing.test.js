// Browsers whose RTCPeerConnection throws, and listeners that call whatever they like.

import '../support/abort-fix.js';

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { LinkedPages } from './support/linked-pages.js';
import { LoneLink } from './support/lone-link.js';

const unhandled = [];
const note = (error) => unhandled.push(error);
before(() => {
  // A listener that throws, or a promise that nobody waits for.
  process.on('unhandledRejection', note);
  process.on('uncaughtException', note);
});
after(() => {
  process.off('unhandledRejection', note);
  process.off('uncaughtException', note);
  assert.deepEqual(unhandled, []);
});

const fault = () => new DOMException('no', 'NotSupportedError');

describe('a browser that makes no connection', () => {
  for (const polite of [true, false]) {
    // The polite end adds no section before there is an offer.
    for (const method of ['RTCPeerConnection', 'createDataChannel', ...(polite ? [] : ['addTransceiver'])]) {
      test(`${method} throws, ${polite ? 'polite' : 'impolite'}: the link has failed, and tries slowly until it does`, async () => {
        const scene = new LoneLink({ polite });
        scene.faults[method] = fault();
        scene.publish('camera', 'video');
        scene.says(await scene.offer());
        await scene.clock.advance(100);
        assert.equal(scene.link.state, 'failed');
        assert.deepEqual(scene.warnings.map(String), ['NotSupportedError: no']);
        assert.ok(!(scene.warnings[0] instanceof DOMException), 'which would keep a closed connection');
        assert.equal(scene.network.open, 0);
        await scene.clock.advance(3_600_000);
        assert.ok(scene.calls.RTCPeerConnection < 20, `${scene.calls.RTCPeerConnection} tries in an hour`);
        assert.equal(scene.link.state, 'failed');
        scene.faults = {};
        const event = new Event('online');
        scene.window.dispatchEvent(event);
        const epoch = 50;
        scene.says(await scene.offer(1, { epoch }));
        await scene.clock.advance(100);
        assert.equal(scene.network.open, 1);
        scene.link.close();
        assert.equal(scene.window.listenerCount, 0);
      });
    }
  }

  test('without WebRTC at all', async () => {
    const scene = new LoneLink({ polite: false });
    scene.options.env.RTCPeerConnection = undefined;
    await scene.clock.advance(100);
    assert.equal(scene.link.state, 'failed');
    assert.throws(() => scene.link.openChannel('x'), { code: 'state' });
    await assert.rejects(scene.link.getStats(), { code: 'state' });
    scene.link.reconfigure();
    scene.link.close();
  });

  test('servers that are none fail a new connection, and not a call', async () => {
    const scene = new LoneLink();
    scene.says(await scene.offer());
    await scene.clock.advance(100);
    scene.faults.setConfiguration = fault();
    scene.link.reconfigure();
    assert.deepEqual(scene.warnings.map(String), ['NotSupportedError: no']);
    assert.equal(scene.network.open, 1);
    scene.options.configuration = () => { throw new TypeError('bad'); };
    scene.says(await scene.offer(1, { epoch: 2 }));
    await scene.clock.advance(100);
    assert.equal(scene.link.state, 'failed');
    assert.deepEqual(scene.warnings.map(String), ['NotSupportedError: no', 'TypeError: bad']);
  });

  test('a section that cannot be added later breaks the connection, which is replaced', async () => {
    const scene = new LoneLink();
    scene.says(await scene.offer());
    await scene.clock.advance(100);
    scene.faults.addTransceiver = fault();
    scene.publish('camera', 'video');
    scene.publish('screen', 'video');
    assert.deepEqual(scene.warnings.map(String), ['NotSupportedError: no']);
    scene.faults = {};
    await scene.clock.advance(100);
    scene.says(await scene.offer(1, { epoch: 2 }));
    await scene.clock.advance(100);
    assert.equal(scene.network.open, 1);
  });
});

test('what is sent and cannot be, is said again, and no exception goes further', async () => {
  const scene = new LoneLink({ polite: false });
  scene.failure = Object.assign(new Error('full'), { code: 'queue-full' });
  await scene.clock.advance(1000);
  assert.deepEqual(scene.sent, []);
  scene.failure = null;
  await scene.clock.advance(5000);
  assert.equal(scene.said('offer').length > 0, true);
});

describe('in a handler of', () => {
  const CALLS = {
    close: ({ link }) => link.close(),
    wake: ({ link }) => link.wake({ lossy: true }),
    refused: ({ link }) => link.refused(),
    receive: ({ link }) => link.receive({ epoch: 9, to: null, negotiation: { request: 'again' }, sources: null }),
    openChannel: ({ link }) => { try { link.openChannel('more'); } catch (error) { assert.equal(error.code, 'state'); } },
    getStats: ({ link }) => void link.getStats().catch(({ code }) => assert.equal(code, 'state')),
    reconfigure: ({ link }) => link.reconfigure(),
    publish: (page) => page.publish('more', 'video', 'audio'),
    unpublish: (page) => page.publications.delete('camera'),
  };
  for (const event of ['state', 'sources', 'channel', 'warning']) {
    for (const [name, call] of Object.entries(CALLS)) {
      test(`${event}, ${name} does what it does a moment later`, async () => {
        let times = 0;
        for (let seed = 0; seed < 20; seed += 1) {
          const scene = new LinkedPages(seed);
          const page = scene.pages[seed % 2];
          let closed = false;
          page.link.on(event, () => {
            assert.equal(closed, false, 'an event of what is gone');
            times += 1;
            // What a handler causes itself would cause it for ever.
            if (times % 50 > 4) return;
            closed = name === 'close';
            call(page);
          });
          for (const type of ['state', 'sources', 'channel', 'warning']) {
            page.link.on(type, () => assert.ok(!closed || type === event, `${type} of what is gone`));
          }
          scene.a.publish('camera', 'audio', 'video');
          await scene.pause();
          scene.b.publish('camera', 'video');
          await scene.scheduler.clock.advance(2000);
          if (event === 'warning') scene.network.failNext('setRemoteDescription');
          scene.b.publish('screen', 'video', 'audio');
          scene.a.publish('screen', 'video', 'audio');
          await scene.scheduler.clock.advance(1000);
          if (event === 'channel' && !closed) {
            for (const { link } of scene.pages) try { link.openChannel('x'); } catch { /* it is being replaced */ }
          }
          await scene.scheduler.clock.advance(100);
          scene.network.cut();
          await scene.scheduler.clock.advance(20_000);
          scene.network.mend();
          await scene.scheduler.clock.advance(3_600_000);
          if (closed) {
            (page === scene.a ? scene.b : scene.a).link.close();
            await scene.settle();
            assert.equal(scene.network.open, 0);
            assert.equal(scene.scheduler.clock.pending, 0);
          } else {
            for (const { link } of scene.pages) assert.equal(link.state, 'connected', `seed ${seed}`);
            assert.equal(scene.network.open, 2);
          }
        }
        assert.ok(times > 0);
      });
    }
  }
});
