// Transceivers, tracks and streams, and what the other side sees of them.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { FakeStream, FakeTrack } from './fake-media.js';
import { FakePair, init, recordEvents } from './fake-pair.js';

describe('a sent track', () => {
  test('arrives with its stream before the description is said to be set', async () => {
    for (let seed = 0; seed < 20; seed++) {
      const pair = new FakePair({ seed });
      const { a, b } = pair;
      const stream = new FakeStream();
      a.addTrack(new FakeTrack('audio'), stream);
      a.addTrack(new FakeTrack('video'), stream);
      /** @type {any[]} */
      const seen = [];
      b.ontrack = (event) => { seen.push(event); };
      const offer = await pair.offer();
      await pair.run(() => b.setRemoteDescription(offer).then(() => seen.push('set')));
      assert.deepEqual(seen.map((event) => event.track?.kind ?? event), ['audio', 'video', 'set']);
      const [event] = seen;
      assert.equal(event.streams[0].id, stream.id);
      assert.equal(event.streams[0], seen[1].streams[0]);
      assert.deepEqual(event.streams[0].getTracks(), [event.track, seen[1].track]);
      assert.equal(event.receiver, event.transceiver.receiver);
      assert.equal(event.track, event.receiver.track);
    }
  });

  test('unmutes with the first packet', async () => {
    const pair = new FakePair().trickle();
    const { a, b } = pair;
    a.addTrack(new FakeTrack('audio'));
    /** @type {boolean[]} */
    const muted = [];
    b.ontrack = ({ track }) => {
      muted.push(track.muted);
      track.onunmute = () => muted.push(track.muted);
    };
    await pair.negotiate();
    assert.deepEqual(muted, [true, false]);
  });

  test('that is replaced by null, disabled, or cut off shows nothing', async () => {
    const pair = new FakePair().trickle();
    const { a, b } = pair;
    const track = new FakeTrack('video');
    const sender = a.addTrack(track);
    await pair.negotiate();
    const seen = recordEvents(b.getReceivers()[0].track, ['mute', 'unmute', 'ended']);
    track.enabled = false;
    await pair.run(() => sender.replaceTrack(null));
    pair.network.cut();
    await pair.scheduler.clock.advance(60_000);
    assert.deepEqual(seen, []);
    assert.equal(sender.track, null);
  });

  test('that is removed mutes there and leaves its stream; its sender stays', async () => {
    const pair = new FakePair().trickle();
    const { a, b } = pair;
    const sender = a.addTrack(new FakeTrack('video'), new FakeStream());
    /** @type {FakeStream[]} */
    const streams = [];
    b.ontrack = (event) => { streams.push(...event.streams); };
    await pair.negotiate();
    const { track } = b.getReceivers()[0];
    const types = ['mute', 'unmute', 'removetrack', 'addtrack'];
    const seen = [track, streams[0]].map((target) => recordEvents(target, types));
    a.removeTrack(sender);
    await pair.negotiate();
    assert.deepEqual(seen, [['mute'], ['removetrack']]);
    assert.deepEqual(a.getSenders(), [sender]);
    assert.equal(track.readyState, 'live');
  });

  test('after one that was removed takes a new transceiver', async () => {
    const pair = new FakePair();
    const { a } = pair;
    a.removeTrack(a.addTrack(new FakeTrack('video')));
    const reused = a.addTrack(new FakeTrack('video'));
    assert.equal(a.getTransceivers().length, 1, 'it never sent');
    await pair.negotiate();
    a.removeTrack(reused);
    a.addTrack(new FakeTrack('video'));
    assert.equal(a.getTransceivers().length, 2);
  });

  test('has one sender at a time, of its own connection', async () => {
    const { a, b } = new FakePair();
    const track = new FakeTrack('audio');
    const sender = a.addTrack(track);
    assert.throws(() => a.addTrack(track), { name: 'InvalidAccessError' });
    assert.throws(() => b.removeTrack(sender), { name: 'InvalidAccessError' });
  });
});

describe('a direction', () => {
  test('that changes mutes and unmutes, and the track event comes once for each coming', async () => {
    const pair = new FakePair().trickle();
    const { a, b } = pair;
    const transceiver = a.addTransceiver(new FakeTrack('video'), {
      direction: 'sendonly', streams: [new FakeStream()],
    });
    const seen = recordEvents(b, ['track']);
    await pair.negotiate();
    const { track } = b.getReceivers()[0];
    const onTrack = recordEvents(track, ['mute', 'unmute']);
    transceiver.direction = 'inactive';
    await pair.negotiate();
    assert.deepEqual([seen.length, onTrack], [1, ['mute']]);
    transceiver.direction = 'sendonly';
    await pair.negotiate();
    assert.deepEqual([seen.length, onTrack], [2, ['mute', 'unmute']]);
  });

  test('is the intersection of what both sides want', async () => {
    /** @type {[import('./webrtc/sdp.js').Direction, import('./webrtc/sdp.js').Direction, string, string][]} */
    const cases = [
      ['sendrecv', 'sendrecv', 'sendrecv', 'sendrecv'],
      ['sendrecv', 'recvonly', 'sendonly', 'recvonly'],
      ['sendonly', 'sendonly', 'inactive', 'inactive'],
      ['recvonly', 'sendrecv', 'recvonly', 'sendonly'],
    ];
    for (const [offered, wanted, own, other] of cases) {
      const pair = new FakePair();
      const { a, b } = pair;
      const transceiver = a.addTransceiver('audio', { direction: offered });
      const offer = await pair.offer();
      await pair.run(() => b.setRemoteDescription(offer));
      b.getTransceivers()[0].direction = wanted;
      await pair.run(() => b.setLocalDescription());
      await pair.run(() => a.setRemoteDescription(init(b.localDescription)));
      assert.equal(transceiver.currentDirection, own);
      assert.equal(b.getTransceivers()[0].currentDirection, other);
    }
  });

  test('of a receiver that stops to receive mutes by its own answer', async () => {
    const pair = new FakePair().trickle();
    const { a, b } = pair;
    a.addTrack(new FakeTrack('video'), new FakeStream());
    await pair.negotiate();
    const { track } = b.getReceivers()[0];
    const seen = recordEvents(track, ['mute']);
    b.getTransceivers()[0].direction = 'inactive';
    await pair.negotiate(b);
    assert.deepEqual(seen, ['mute']);
  });
});

describe('an incoming offer', () => {
  test('takes transceivers of addTrack, in their order, and never those of addTransceiver', async () => {
    const pair = new FakePair();
    const { a, b } = pair;
    a.addTransceiver('audio');
    a.addTransceiver('video');
    const own = b.addTransceiver(new FakeTrack('audio'));
    const taken = b.addTrack(new FakeTrack('audio'));
    await pair.negotiate();
    const transceivers = b.getTransceivers();
    assert.deepEqual(transceivers.map(({ mid }) => mid), [null, '0', '1']);
    assert.equal(transceivers[0], own);
    assert.equal(transceivers[1].sender, taken);
    assert.equal(transceivers[1].currentDirection, 'sendrecv');
  });

  test('takes none when it only sends', async () => {
    const pair = new FakePair();
    pair.a.addTransceiver('audio', { direction: 'sendonly' });
    pair.b.addTrack(new FakeTrack('audio'));
    await pair.negotiate();
    assert.deepEqual(pair.b.getTransceivers().map(({ mid }) => mid), [null, '0']);
  });
});

describe('replaceTrack', () => {
  test('waits for its turn in the operations chain', async () => {
    const pair = new FakePair();
    const { sender } = pair.a.addTransceiver('audio');
    const track = new FakeTrack('audio');
    /** @type {string[]} */
    const order = [];
    await pair.run(() => Promise.all([
      pair.a.setLocalDescription().then(() => order.push(`offer, ${sender.track}`)),
      sender.replaceTrack(track).then(() => order.push('replaced')),
    ]));
    assert.deepEqual(order, ['offer, null', 'replaced']);
    assert.equal(sender.track, track);
  });

  test('refuses the wrong kind and a stopped transceiver', async () => {
    const pair = new FakePair();
    const transceiver = pair.a.addTransceiver('audio');
    await assert.rejects(transceiver.sender.replaceTrack(new FakeTrack('video')), TypeError);
    transceiver.stop();
    await assert.rejects(pair.run(() => transceiver.sender.replaceTrack(null)), { name: 'InvalidStateError' });
    assert.throws(() => { transceiver.direction = 'sendonly'; }, { name: 'InvalidStateError' });
  });
});

test('setStreams moves a track to another stream on the other side', async () => {
  const pair = new FakePair();
  const { a, b } = pair;
  const [first, second] = [new FakeStream(), new FakeStream()];
  const sender = a.addTrack(new FakeTrack('video'), first);
  /** @type {string[][]} */
  const seen = [];
  b.ontrack = ({ streams }) => { seen.push(streams.map((/** @type {FakeStream} */ { id }) => id)); };
  await pair.negotiate();
  sender.setStreams(second);
  await pair.settle();
  await pair.negotiate();
  assert.deepEqual(seen, [[first.id], [second.id]]);
});

test('setParameters takes only what getParameters gave in the same task', async () => {
  const pair = new FakePair();
  const { sender } = pair.a.addTransceiver('video', { sendEncodings: [{ maxBitrate: 100 }] });
  const stale = sender.getParameters();
  assert.deepEqual(stale.encodings, [{ active: true, maxBitrate: 100 }]);
  await pair.settle();
  await assert.rejects(sender.setParameters(stale), { name: 'InvalidStateError' });
  const fresh = sender.getParameters();
  await assert.rejects(sender.setParameters({ ...fresh, encodings: [] }), { name: 'InvalidModificationError' });
});

test('statistics count while media flows', async () => {
  const pair = new FakePair().trickle();
  const { a, b } = pair;
  a.addTrack(new FakeTrack('audio'));
  assert.deepEqual([...(await a.getStats()).keys()], ['transport']);
  await pair.negotiate();
  await pair.scheduler.clock.advance(1_000);
  const [sent, received] = await Promise.all([a.getStats(), b.getStats()]);
  assert.equal(sent.get('outbound-0').packetsSent, 50);
  assert.equal(received.get('inbound-0').packetsReceived, 50);
  assert.equal(received.get(received.get('transport').selectedCandidatePairId).state, 'succeeded');
});

describe('a track', () => {
  test('that the user ends says so, one that the page stops does not', () => {
    const [shared, stopped] = [new FakeTrack('video'), new FakeTrack('video')];
    const seen = [shared, stopped].map((track) => recordEvents(track, ['ended']));
    shared.end();
    shared.end();
    stopped.stop();
    assert.deepEqual(seen, [['ended'], []]);
    assert.equal(stopped.clone().readyState, 'ended');
  });

  test('in a stream fires no event when the page put it there', () => {
    const stream = new FakeStream();
    const seen = recordEvents(stream, ['addtrack', 'removetrack']);
    const track = new FakeTrack('audio');
    stream.addTrack(track);
    assert.deepEqual([stream.getTrackById(track.id), stream.active], [track, true]);
    assert.deepEqual([stream.getAudioTracks(), stream.getVideoTracks()], [[track], []]);
    assert.notEqual(stream.clone().getTracks()[0], track);
    assert.deepEqual(new FakeStream(stream).getTracks(), [track]);
    stream.removeTrack(track);
    assert.deepEqual([seen, stream.active], [[], false]);
  });
});
