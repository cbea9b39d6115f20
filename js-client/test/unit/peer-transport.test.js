// Two transports connect in the end, under failures of connections and messages.

import '../support/abort-fix.js';

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { RESYNC } from '../../src/negotiator.js';
import { FakeTrack } from '../support/fake-media.js';
import { ConnectedPages } from './support/connected-pages.js';
import { SingleTransport } from './support/single-transport.js';

async function forManySeeds(scenario, seeds = 100) {
  for (let seed = 0; seed < seeds; seed += 1) {
    const scene = new ConnectedPages(seed);
    await scenario(scene);
    await scene.settle();
    scene.assertInCall(`seed ${seed}`);
  }
}

describe('media', () => {
  test('what is published before, during and after connecting is seen', () => forManySeeds(async (scene) => {
    scene.a.publish('camera', 'audio', 'video');
    await scene.pause();
    scene.b.publish('camera', 'video');
    await scene.pause();
    scene.b.publish('screen', 'video', 'audio');
    await scene.pause();
    scene.a.publish('screen', 'video');
  }));

  test('one camera on each side needs one exchange, ever', async () => {
    const scene = new ConnectedPages();
    scene.a.publish('camera', 'audio', 'video');
    await scene.settle();
    scene.b.publish('camera', 'audio', 'video');
    await scene.settle();
    scene.a.publications.replaceTrack('camera', 'video', null);
    scene.a.publications.replaceTrack('camera', 'video', new FakeTrack('video'));
    scene.b.publications.delete('camera');
    scene.b.publish('screen', 'video');
    await scene.settle();
    scene.assertInCall();
    const offers = scene.pages.flatMap(({ end }) => end.sent.filter(({ description }) => description?.type === 'offer'));
    assert.equal(offers.length, 1);
  });

  test('publishing and taking away again makes no media sections', async () => {
    const scene = new ConnectedPages();
    await scene.settle();
    for (let round = 0; round < 20; round += 1) {
      for (const page of scene.pages) page.publish('screen', 'video');
      await scene.settle();
      for (const page of scene.pages) page.publications.delete('screen');
      await scene.settle();
    }
    assert.equal(scene.a.transport.receiver('2'), null);
  });

  test('anything that is done to sources is seen in the end', () => forManySeeds(async (scene) => {
    const { random } = scene.scheduler;
    for (let act = 0; act < 25; act += 1) {
      const page = scene.pages[random.below(2)];
      const name = ['camera', 'screen', 'third'][random.below(3)];
      const kind = ['audio', 'video'][random.below(2)];
      const known = page.publications.get(name) !== undefined;
      [
        () => page.publish(name, 'audio', 'video'),
        () => page.publish(name, 'video'),
        () => page.publish(name),
        () => page.publications.delete(name),
        () => known && page.publications.setMuted(name, kind, random.below(2) === 0),
        () => known && page.publications.replaceTrack(name, kind, random.below(2) === 0 ? null : new FakeTrack(kind)),
      ][random.below(6)]();
      await scene.pause();
    }
  }));

  test('the stream of a source stays the same object over new connections', async () => {
    const scene = new ConnectedPages();
    scene.a.publish('camera', 'video');
    await scene.settle();
    const { stream } = scene.b.peer.sources.get('camera');
    const [track] = stream.getTracks();
    scene.network.cut();
    await scene.scheduler.clock.advance(40_000);
    scene.network.mend();
    await scene.settle();
    scene.assertInCall();
    assert.equal(scene.b.peer.sources.get('camera').stream, stream);
    assert.notEqual(stream.getTracks()[0], track, 'the connection was replaced');
    assert.deepEqual(scene.b.sourceEvents.filter((event) => !event.startsWith('sourcechanged')), ['sourceadded camera']);
  });
});

describe('recovery', () => {
  for (const method of ['setLocalDescription', 'setRemoteDescription']) {
    test(`from a ${method} that the browser rejects, whenever and wherever`, () => forManySeeds(async (scene) => {
      const { random } = scene.scheduler;
      for (const page of scene.pages) page.publish('camera', 'audio', 'video');
      for (let fault = 0; fault < 3; fault += 1) {
        scene.network.failNext(method);
        await scene.pause();
        scene.pages[random.below(2)].publish(`more ${fault}`, 'video', 'audio');
        await scene.pause();
      }
      // A fault that nothing has met yet is met by what follows.
      scene.a.publish('last', 'video');
      await scene.settle();
      scene.b.publish('last', 'video', 'audio');
    }));
  }

  for (const seconds of [4, 9, 20, 60]) {
    test(`from a loss of the network of ${seconds} s`, () => forManySeeds(async (scene) => {
      scene.a.publish('camera', 'audio', 'video');
      await scene.scheduler.clock.advance(5000);
      scene.network.cut();
      await scene.scheduler.clock.advance(seconds * 1000);
      scene.b.publish('camera', 'video');
      await scene.pause();
      scene.network.mend();
    }, 25));
  }

  test('from losses of messages of which both sides learn', () => forManySeeds(async (scene) => {
    const { random } = scene.scheduler;
    for (let loss = 0; loss < 4; loss += 1) {
      await scene.pause();
      scene.pages[random.below(2)].publish(`source ${loss}`, 'video', 'audio');
      await scene.pause();
      const [loses, other] = random.below(2) === 0 ? [scene.a, scene.b] : [scene.b, scene.a];
      loses.end.lose();
      other.end.lose();
      // The one whose frames were lost learns of it with its welcome.
      loses.transport.wake({ lossy: true });
    }
  }));

  test('when signaling is away while the network is, too', () => forManySeeds(async (scene) => {
    const { random } = scene.scheduler;
    scene.a.publish('camera', 'video');
    await scene.scheduler.clock.advance(random.below(3000));
    const page = scene.pages[random.below(2)];
    page.isReady = false;
    page.end.hold();
    scene.network.cut();
    await scene.scheduler.clock.advance(random.below(60_000));
    scene.network.mend();
    page.end.release();
    page.isReady = true;
    page.transport.wake({ lossy: false });
  }));

  test('nothing is tried while signaling does not get through', async () => {
    const scene = new ConnectedPages();
    await scene.settle();
    for (const page of scene.pages) page.isReady = false;
    const sent = scene.pages.map(({ end }) => end.sent.length);
    scene.network.cut();
    await scene.scheduler.clock.advance(600_000);
    assert.deepEqual(scene.pages.map(({ end }) => end.sent.length), sent);
    scene.network.mend();
    for (const page of scene.pages) {
      page.isReady = true;
      page.transport.wake({ lossy: false });
    }
    await scene.settle();
    scene.assertInCall();
  });

  test('both sides replace their connections at once, again and again', () => forManySeeds(async (scene) => {
    const { random } = scene.scheduler;
    for (let round = 0; round < 5; round += 1) {
      await scene.pause();
      for (const page of scene.pages) {
        // A transport that is not connected replaces its connection when messages may have been lost.
        if (random.below(3) > 0) page.transport.wake({ lossy: true });
        await scene.pause();
      }
    }
  }));

  test('one side replaces its connection at whatever moment', async () => {
    // The race: news of another generation while the offer of the last one was being applied. The connection, bound to that
    // offer, was taken for a new one and kept.
    for (let steps = 0; steps < 120; steps += 1) {
      for (const which of ['a', 'b']) {
        const scene = new ConnectedPages();
        for (const page of scene.pages) page.publish('camera', 'audio', 'video');
        for (let step = 0; step < steps; step += 1) await scene.scheduler.step();
        scene[which].transport.wake({ lossy: true });
        await scene.settle();
        scene.assertInCall(`${which} after ${steps} steps`);
      }
    }
  });

  test('soon if one side has missed that the other one has begun again', async () => {
    for (let seed = 0; seed < 40; seed += 1) {
      for (const [missing, began] of [['a', 'b'], ['b', 'a']]) {
        const scene = new ConnectedPages(seed);
        scene.a.publish('camera', 'audio', 'video');
        await scene.settle();
        // It begins again, since its negotiation is broken.
        scene.network.failNext('setRemoteDescription', { matches: (_, page) => page === began });
        scene[missing].publish('screen', 'video');
        scene[began].publish('screen', 'audio', 'video');
        await scene.scheduler.until(() => scene[began].end.sent.some(({ epoch }) => epoch === 2), { withinMs: 10_000 });
        assert.ok(scene[missing].end.sent.every(({ epoch }) => epoch === 1));
        scene[began].end.hold();
        await scene.scheduler.clock.advance(scene.scheduler.random.below(1000));
        scene[began].end.lose();
        scene[began].end.release();
        // The welcome of a `partial`. The other side hears of nothing.
        scene[missing].transport.wake({ lossy: true });
        await scene.scheduler.clock.advance(4000);
        scene.assertInCall(`seed ${seed}, ${missing} has missed messages`);
      }
    }
  });

  test('from negotiations that break again and again while the network works', () => forManySeeds(async (scene) => {
    // The fault: `connected` ended the replacement that was planned, and sources of later did not arrive any more.
    for (const page of scene.pages) page.publish('camera', 'audio', 'video');
    for (let fault = 0; fault < 3; fault += 1) {
      scene.network.failNext('setRemoteDescription', { matches: (type) => type === 'answer' });
      await scene.scheduler.clock.advance(scene.scheduler.random.below(4000));
      scene.b.publish(`more ${fault}`, 'video', 'audio');
    }
    await scene.scheduler.clock.advance(60_000);
    scene.a.publish('later', 'video');
  }, 40));

  test('a call that has found its way again is not torn down for what was to be done before', async () => {
    for (let seed = 0; seed < 40; seed += 1) {
      const scene = new ConnectedPages(seed);
      scene.a.publish('camera', 'video');
      await scene.scheduler.clock.advance(5000);
      for (const page of scene.pages) page.isReady = false;
      scene.network.cut();
      // Shorter than ICE takes to give up: it comes back by itself.
      await scene.scheduler.clock.advance(9000 + scene.scheduler.random.below(3000));
      scene.network.mend();
      await scene.scheduler.clock.advance(5000);
      const { created } = scene.network;
      for (const page of scene.pages) {
        assert.equal(page.transport.state, 'connected');
        page.isReady = true;
        page.transport.wake({ lossy: false });
      }
      await scene.settle();
      assert.equal(scene.network.created, created);
      scene.assertInCall(`seed ${seed}`);
    }
  });

  test('attempts become rare while there is no way', async () => {
    const scene = new ConnectedPages();
    scene.network.cut();
    await scene.scheduler.clock.advance(3_600_000);
    assert.ok(scene.network.created < 2 * 16, `${scene.network.created} connections of both in the first hour`);
    for (const page of scene.pages) assert.equal(page.transport.state, 'failed');
    const { created } = scene.network;
    await scene.scheduler.clock.advance(3_600_000);
    assert.ok(scene.network.created - created <= 2 * 6, `${scene.network.created - created} in the second`);
    assert.ok(scene.network.open <= 2);
    scene.network.mend();
    for (const page of scene.pages) page.transport.wake({ lossy: false });
    await scene.scheduler.clock.advance(5000);
    scene.assertInCall();
  });
});

describe('a loss before the limiter starts the connection', () => {
  // The race: the seventh loss in a minute cannot replace the connection any more, and then the limiter starts it.
  const losing = (polite) => {
    const turn = { start: null };
    const scene = new SingleTransport({ polite, limiter: { enqueue: (start) => { turn.start = start; return () => {}; } } });
    for (let losses = 0; losses < 7; losses += 1) scene.transport.wake({ lossy: true });
    return { scene, turn };
  };
  const resyncs = ({ sent }) => sent.filter(({ request }) => request === RESYNC).map(({ epoch, to }) => ({ epoch, to }));

  test('does not replace it afterwards', async () => {
    const { scene, turn } = losing(false);
    turn.start();
    await scene.clock.advance(14_000);
    assert.equal(scene.network.open, 1);
    assert.deepEqual([...new Set(scene.said('offer').map(({ epoch }) => epoch))], [7]);
    assert.deepEqual(resyncs(scene), [{ epoch: 7, to: null }]);
  });

  test('makes the polite side answer the offer that it has, and request what it may lack', async () => {
    const { scene, turn } = losing(true);
    assert.equal(turn.start, null);
    scene.says(await scene.offer());
    assert.deepEqual(resyncs(scene), []);
    turn.start();
    await scene.clock.advance(14_000);
    assert.equal(scene.network.open, 1);
    assert.deepEqual([...new Set(scene.said('answer').map(({ epoch }) => epoch))], [7]);
    assert.deepEqual(resyncs(scene), [{ epoch: 7, to: 1 }]);
  });
});

test('state arrives over the control channel while signaling is down', async () => {
  const scene = new ConnectedPages();
  scene.a.publish('camera', 'audio', 'video');
  await scene.settle();
  scene.ends.a.hold();
  scene.a.publications.setMuted('camera', 'audio', true);
  await scene.scheduler.clock.advance(100);
  assert.equal(scene.b.peer.sources.get('camera').audio.muted, true);
});

test('data channels reach the other page, and are held', async () => {
  const scene = new ConnectedPages();
  await scene.settle();
  const got = [];
  scene.b.transport.on('datachannel', ({ detail: { channel } }) => {
    channel.onmessage = ({ data }) => got.push(`${channel.label}: ${data}`);
  });
  const channel = scene.a.transport.createDataChannel('whiteboard', { ordered: true });
  channel.onopen = () => channel.send('a line');
  await scene.settle();
  assert.deepEqual(got, ['whiteboard: a line']);
});

test('a transport that is closed leaves nothing behind', () => forManySeeds(async (scene) => {
  await scene.pause();
  scene.a.publish('camera', 'video');
  await scene.pause();
  for (const { transport } of scene.pages) transport.close();
  await scene.settle();
  assert.equal(scene.network.open, 0);
  assert.equal(scene.scheduler.clock.pending, 0);
  assert.equal(scene.network.listenerCount, 0);
  scene.assertInCall = () => {};
}, 50));

test('whatever another page sends, it does no harm', async () => {
  const scene = new ConnectedPages();
  scene.a.publish('camera', 'video');
  await scene.settle();
  const junk = [null, 1, 'x', [], {}, { epoch: 0 }, { epoch: 1.5 }, { epoch: 'x' }, { epoch: 1, to: 'x' },
    { epoch: 1, description: null }, { epoch: 1, description: { type: 'rollback', sdp: '' }, offerId: 1 },
    { epoch: 1, description: { type: 'offer', sdp: 5 }, offerId: 1 }, { epoch: 1, candidates: [null, 1, {}] },
    { epoch: 1, candidates: 'x' }, { epoch: 1, request: 'dance' }, { epoch: 1, sources: [] },
    { epoch: 1, sources: { revision: 1e9, list: 'x' } }, { epoch: 1, sources: { revision: 'x', list: [] } },
    { epoch: 1, description: { type: 'answer', sdp: 'x' }, offerId: 99 }, { epoch: 1, to: 99, request: 'offer' }];
  for (const data of junk) scene.ends.b.send(data);
  await scene.settle();
  scene.assertInCall();
});
