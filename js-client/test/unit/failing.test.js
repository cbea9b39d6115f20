// Browsers whose RTCPeerConnection throws, and listeners that call any method.

import '../support/abort-fix.js';

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { ConnectedPages } from './support/connected-pages.js';
import { SingleTransport } from './support/single-transport.js';

const unhandled = [];
const note = (error) => unhandled.push(error);
before(() => {
  // A listener that throws, or an unhandled rejection.
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
      test(`${method} throws, ${polite ? 'polite' : 'impolite'}: the transport has failed, and tries slowly until it does`, async () => {
        const scene = new SingleTransport({ polite });
        scene.faults[method] = fault();
        scene.publish('camera', 'video');
        scene.says(await scene.offer());
        await scene.clock.advance(100);
        assert.equal(scene.transport.state, 'failed');
        assert.deepEqual(scene.warnings.map(String), ['NotSupportedError: no']);
        assert.ok(!(scene.warnings[0] instanceof DOMException), 'which would keep a closed connection');
        assert.equal(scene.network.open, 0);
        await scene.clock.advance(3_600_000);
        assert.ok(scene.calls.RTCPeerConnection < 20, `${scene.calls.RTCPeerConnection} tries in an hour`);
        assert.equal(scene.transport.state, 'failed');
        scene.faults = {};
        const event = new Event('online');
        scene.window.dispatchEvent(event);
        const epoch = 50;
        scene.says(await scene.offer(1, { epoch }));
        await scene.clock.advance(100);
        assert.equal(scene.network.open, 1);
        scene.transport.close();
        assert.equal(scene.window.listenerCount, 0);
      });
    }
  }

  test('without WebRTC at all', async () => {
    const scene = new SingleTransport({ polite: false });
    scene.options.env.RTCPeerConnection = undefined;
    await scene.clock.advance(100);
    assert.equal(scene.transport.state, 'failed');
    assert.throws(() => scene.transport.createDataChannel('x'), { code: 'state' });
    await assert.rejects(scene.transport.getStats(), { code: 'state' });
    scene.transport.reconfigure();
    scene.transport.close();
  });

  test('servers that are none fail a new connection, and not a call', async () => {
    const scene = new SingleTransport();
    scene.says(await scene.offer());
    await scene.clock.advance(100);
    scene.faults.setConfiguration = fault();
    scene.transport.reconfigure();
    assert.deepEqual(scene.warnings, []);
    // Another ICE generation.
    scene.says(await scene.offer(1, { offerId: 2 }));
    await scene.clock.advance(100);
    assert.deepEqual(scene.warnings.map(String), ['NotSupportedError: no']);
    assert.equal(scene.network.open, 1);
    scene.options.configuration = () => { throw new TypeError('bad'); };
    scene.says(await scene.offer(1, { epoch: 2 }));
    await scene.clock.advance(100);
    assert.equal(scene.transport.state, 'failed');
    assert.deepEqual(scene.warnings.map(String), ['NotSupportedError: no', 'TypeError: bad']);
  });

  test('a section that cannot be added later breaks the connection, which is replaced', async () => {
    const scene = new SingleTransport();
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
  const scene = new SingleTransport({ polite: false });
  scene.failure = Object.assign(new Error('full'), { code: 'queue-full' });
  await scene.clock.advance(1000);
  assert.deepEqual(scene.sent, []);
  scene.failure = null;
  await scene.clock.advance(5000);
  assert.equal(scene.said('offer').length > 0, true);
});

describe('in a handler of', () => {
  const CALLS = {
    close: ({ transport }) => transport.close(),
    wake: ({ transport }) => transport.wake({ lossy: true }),
    refused: ({ transport }) => transport.refused(),
    receive: ({ transport }) => transport.receive({ generation: 9, to: null, negotiation: { request: 'again' }, sources: null }),
    createDataChannel: ({ transport }) => { try { transport.createDataChannel('more'); } catch (error) { assert.equal(error.code, 'state'); } },
    getStats: ({ transport }) => void transport.getStats().catch(({ code }) => assert.equal(code, 'state')),
    reconfigure: ({ transport }) => transport.reconfigure(),
    publish: (page) => page.publish('more', 'video', 'audio'),
    unpublish: (page) => page.publications.delete('camera'),
  };
  for (const event of ['state', 'sources', 'datachannel', 'warning']) {
    for (const [name, call] of Object.entries(CALLS)) {
      test(`${event}, ${name} does what it does a moment later`, async () => {
        let times = 0;
        for (let seed = 0; seed < 20; seed += 1) {
          const scene = new ConnectedPages(seed);
          const page = scene.pages[seed % 2];
          let closed = false;
          page.transport.on(event, () => {
            assert.equal(closed, false, 'an event of what is gone');
            times += 1;
            // What a handler causes itself would cause it for ever.
            if (times % 50 > 4) return;
            closed = name === 'close';
            call(page);
          });
          for (const type of ['state', 'sources', 'datachannel', 'warning']) {
            page.transport.on(type, () => assert.ok(!closed || type === event, `${type} of what is gone`));
          }
          scene.a.publish('camera', 'audio', 'video');
          await scene.pause();
          scene.b.publish('camera', 'video');
          await scene.scheduler.clock.advance(2000);
          if (event === 'warning') scene.network.failNext('setRemoteDescription');
          scene.b.publish('screen', 'video', 'audio');
          scene.a.publish('screen', 'video', 'audio');
          await scene.scheduler.clock.advance(1000);
          if (event === 'datachannel' && !closed) {
            for (const { transport } of scene.pages) try { transport.createDataChannel('x'); } catch { /* it is being replaced */ }
          }
          await scene.scheduler.clock.advance(100);
          scene.network.cut();
          await scene.scheduler.clock.advance(20_000);
          scene.network.mend();
          await scene.scheduler.clock.advance(3_600_000);
          if (closed) {
            (page === scene.a ? scene.b : scene.a).transport.close();
            await scene.settle();
            assert.equal(scene.network.open, 0);
            assert.equal(scene.scheduler.clock.pending, 0);
          } else {
            for (const { transport } of scene.pages) assert.equal(transport.state, 'connected', `seed ${seed}`);
            assert.equal(scene.network.open, 2);
          }
        }
        assert.ok(times > 0);
      });
    }
  }
});
