// What rolling back undoes, and what it leaves.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { FakeStream, FakeTrack } from './fake-media.js';
import { FakePair, init, recordEvents, ufrags } from './fake-pair.js';

describe('rolling back a local offer', () => {
  test('takes the mids of what it offered, and asks again', async () => {
    const pair = new FakePair();
    const { a } = pair;
    const agreed = a.addTransceiver('audio');
    await pair.negotiate();
    const offered = a.addTransceiver('video');
    const seen = recordEvents(a, ['negotiationneeded', 'signalingstatechange']);
    await pair.settle();
    await pair.offer();
    assert.equal(offered.mid, '1');
    await pair.run(() => a.setLocalDescription({ type: 'rollback' }));
    await pair.settle();
    assert.deepEqual([agreed.mid, offered.mid], ['0', null]);
    assert.deepEqual(a.getTransceivers(), [agreed, offered]);
    assert.equal(a.signalingState, 'stable');
    assert.equal(a.localDescription?.type, 'offer');
    assert.equal(a.pendingLocalDescription, null);
    assert.deepEqual(seen, ['negotiationneeded', 'signalingstatechange', 'signalingstatechange', 'negotiationneeded']);
  });

  test('from the remote side works as well', async () => {
    const pair = new FakePair();
    pair.a.addTransceiver('audio');
    await pair.offer();
    await pair.run(() => pair.a.setRemoteDescription({ type: 'rollback' }));
    assert.equal(pair.a.signalingState, 'stable');
    assert.equal(pair.a.localDescription, null);
  });

  test('of the first one puts gathering back to new, before and after it is complete', async () => {
    for (const begun of [true, false]) {
      const pair = new FakePair();
      const { a } = pair;
      if (begun) a.addTransceiver('audio');
      else a.createDataChannel('control');
      await pair.offer();
      if (begun) await pair.settle();
      assert.equal(a.iceGatheringState, begun ? 'complete' : 'new');
      const states = recordStates(a);
      await pair.run(() => a.setLocalDescription({ type: 'rollback' }));
      await pair.settle();
      assert.equal(a.iceGatheringState, 'new');
      assert.equal(states.at(-1), 'new');
    }
  });

  test('of a finished ICE restart gives no gathering event', async () => {
    const pair = new FakePair();
    const { a } = pair;
    a.addTransceiver('audio');
    await pair.negotiate();
    a.restartIce();
    const states = recordStates(a);
    await pair.offer();
    await pair.settle();
    assert.deepEqual(states, ['gathering', 'complete']);
    await pair.run(() => a.setLocalDescription({ type: 'rollback' }));
    await pair.settle();
    assert.deepEqual(states, ['gathering', 'complete']);
  });

  test('leaves no candidate of what was rolled back to come', async () => {
    for (let seed = 0; seed < 60; seed++) {
      const pair = new FakePair({ seed });
      const { a } = pair;
      a.addTransceiver('audio');
      await pair.offer();
      await pair.run(() => a.setLocalDescription({ type: 'rollback' }));
      const late = recordEvents(a, ['icecandidate']);
      await pair.settle();
      assert.deepEqual(late, [], `seed ${seed}`);
    }
  });
});

describe('rolling back a remote offer', () => {
  test('removes the transceivers that it made, and ends their tracks', async () => {
    const pair = new FakePair();
    const { a, b } = pair;
    a.addTrack(new FakeTrack('video'), new FakeStream());
    /** @type {string[]} */
    const seen = [];
    b.ontrack = ({ track, streams: [stream] }) => {
      track.onended = () => seen.push('ended');
      stream.onremovetrack = () => seen.push('removetrack');
    };
    const offer = await pair.offer();
    await pair.run(() => b.setRemoteDescription(offer));
    await pair.run(() => b.setRemoteDescription({ type: 'rollback' }));
    await pair.settle();
    assert.deepEqual(b.getTransceivers(), []);
    assert.equal(b.remoteDescription, null);
    assert.deepEqual(seen, ['removetrack', 'ended']);
  });

  test('keeps one of them that got a track by addTrack', async () => {
    const pair = new FakePair();
    const { a, b } = pair;
    a.addTransceiver('audio');
    a.addTransceiver('video');
    const offer = await pair.offer();
    await pair.run(() => b.setRemoteDescription(offer));
    const [audio] = b.getTransceivers();
    b.addTrack(new FakeTrack('audio'));
    await pair.run(() => b.setRemoteDescription({ type: 'rollback' }));
    assert.deepEqual(b.getTransceivers(), [audio]);
    assert.deepEqual([audio.mid, audio.direction], [null, 'sendrecv']);
    // It merges with the next offer, as one that addTrack made.
    await pair.run(() => b.setRemoteDescription(offer));
    assert.equal(b.getTransceivers()[0], audio);
    assert.deepEqual(b.getTransceivers().map(({ mid }) => mid), ['0', '1']);
  });

  test('takes the mid of one that it merged with', async () => {
    const pair = new FakePair();
    const { a, b } = pair;
    a.addTransceiver('audio');
    b.addTrack(new FakeTrack('audio'));
    const offer = await pair.offer();
    await pair.run(() => b.setRemoteDescription(offer));
    const [own] = b.getTransceivers();
    assert.equal(own.mid, '0');
    const seen = recordEvents(b, ['negotiationneeded']);
    await pair.run(() => b.setRemoteDescription({ type: 'rollback' }));
    await pair.settle();
    assert.equal(own.mid, null);
    assert.deepEqual(b.getTransceivers(), [own]);
    assert.deepEqual(seen, ['negotiationneeded']);
  });

  test('undoes what it did to streams', async () => {
    const pair = new FakePair();
    const { a, b } = pair;
    const [first, second] = [new FakeStream(), new FakeStream()];
    const sender = a.addTrack(new FakeTrack('video'), first);
    /** @type {FakeStream[][]} */
    const streams = [];
    b.ontrack = (event) => { streams.push(event.streams); };
    await pair.negotiate();
    const [received] = streams[0];
    const seen = recordEvents(received, ['addtrack', 'removetrack']);
    sender.setStreams(second);
    const offer = await pair.offer();
    await pair.run(() => b.setRemoteDescription(offer));
    assert.deepEqual(received.getTracks(), []);
    assert.equal(streams[1][0].id, second.id);
    await pair.run(() => b.setRemoteDescription({ type: 'rollback' }));
    assert.equal(received.getTracks().length, 1);
    assert.deepEqual(streams[1][0].getTracks(), []);
    assert.deepEqual(seen, ['removetrack', 'addtrack']);
  });

  test('of a removal gives the track back', async () => {
    const pair = new FakePair();
    const { a, b } = pair;
    const stream = new FakeStream();
    const sender = a.addTrack(new FakeTrack('video'), stream);
    await pair.negotiate();
    const seen = recordEvents(b, ['track']);
    a.removeTrack(sender);
    const offer = await pair.offer();
    await pair.run(() => b.setRemoteDescription(offer));
    await pair.run(() => b.setRemoteDescription({ type: 'rollback' }));
    assert.deepEqual(seen, ['track']);
    assert.equal(b.getTransceivers()[0].currentDirection, 'recvonly');
  });
});

describe('an offer that meets an offer', () => {
  test('rolls back and is applied in one operation, by way of stable', async () => {
    const pair = new FakePair();
    const { a, b } = pair;
    a.addTransceiver('audio');
    b.addTransceiver('video');
    const offer = await pair.offer(a);
    await pair.offer(b);
    /** @type {string[]} */
    const states = [];
    b.onsignalingstatechange = () => { states.push(b.signalingState); };
    await pair.run(() => b.setRemoteDescription(offer));
    assert.deepEqual(states, ['stable', 'have-remote-offer']);
    assert.equal(b.pendingLocalDescription, null);
  });

  test('leaves nothing to negotiate when both used addTrack', async () => {
    const pair = new FakePair();
    const { a, b } = pair;
    for (const one of [a, b]) {
      one.addTrack(new FakeTrack('audio'));
      one.addTrack(new FakeTrack('video'));
    }
    await pair.offer(b);
    const seen = recordEvents(b, ['negotiationneeded']);
    await pair.negotiate(a);
    assert.deepEqual([a, b].map((pc) => pc.getTransceivers().length), [2, 2]);
    assert.deepEqual(b.getTransceivers().map(({ currentDirection }) => currentDirection), ['sendrecv', 'sendrecv']);
    assert.deepEqual(seen, []);
  });

  test('leaves a second exchange, and twice the sections, when both used addTransceiver', async () => {
    const pair = new FakePair();
    const { a, b } = pair;
    for (const one of [a, b]) one.addTransceiver('audio');
    await pair.offer(b);
    const seen = recordEvents(b, ['negotiationneeded']);
    await pair.negotiate(a);
    assert.deepEqual(seen, ['negotiationneeded']);
    await pair.negotiate(b);
    assert.deepEqual([a, b].map((pc) => pc.getTransceivers().length), [2, 2]);
  });

  test('works with nothing but data channels', async () => {
    const pair = new FakePair().trickle();
    const channels = [pair.a, pair.b].map((pc) => pc.createDataChannel('control', { negotiated: true, id: 0 }));
    await pair.offer(pair.b);
    await pair.negotiate(pair.a);
    assert.deepEqual(channels.map(({ readyState }) => readyState), ['open', 'open']);
  });

  test('keeps the wish for an ICE restart', async () => {
    const pair = new FakePair();
    const { a, b } = pair;
    a.addTransceiver('audio');
    await pair.negotiate();
    const [old] = ufrags(b.localDescription);
    b.restartIce();
    await pair.offer(b);
    const [lost] = ufrags(b.localDescription);
    const seen = recordEvents(b, ['negotiationneeded']);
    await pair.negotiate(a);
    assert.equal(ufrags(b.localDescription)[0], old);
    assert.deepEqual(seen, ['negotiationneeded']);
    await pair.negotiate(b);
    assert.ok(![old, lost].includes(ufrags(b.localDescription)[0]));
  });

  test('but not that of createOffer({ iceRestart: true })', async () => {
    const pair = new FakePair();
    const { a, b } = pair;
    a.addTransceiver('audio');
    await pair.negotiate();
    const [old] = ufrags(b.localDescription);
    await pair.run(async () => b.setLocalDescription(await b.createOffer({ iceRestart: true })));
    assert.notEqual(ufrags(b.localDescription)[0], old);
    const seen = recordEvents(b, ['negotiationneeded']);
    await pair.run(() => b.setLocalDescription({ type: 'rollback' }));
    await pair.settle();
    assert.deepEqual(seen, []);
    assert.deepEqual(ufrags((await pair.offer(b))), [old]);
    assert.equal(init(b.localDescription).type, 'offer');
  });
});

/** The gathering states of a connection from now on. */
function recordStates(/** @type {import('./fake-peer-connection.js').FakePeerConnection} */ pc) {
  /** @type {string[]} */
  const states = [];
  pc.addEventListener('icegatheringstatechange', () => states.push(pc.iceGatheringState));
  return states;
}
