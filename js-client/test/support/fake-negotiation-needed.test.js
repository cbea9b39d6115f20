// When `negotiationneeded` fires, and when not.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { FakeStream, FakeTrack } from './fake-media.js';
import { FakePair, init, recordEvents } from './fake-pair.js';

/** @typedef {import('./fake-peer-connection.js').FakePeerConnection} FakePeerConnection */

/** An agreed pair with one transceiver, and the events of `a` from then on. */
async function agreed(/** @type {import('./webrtc/sdp.js').Direction} */ direction = 'sendrecv') {
  const pair = new FakePair();
  pair.a.addTransceiver('audio', { direction });
  await pair.negotiate();
  const seen = recordEvents(pair.a, ['negotiationneeded']);
  return { pair, seen, transceiver: pair.a.getTransceivers()[0] };
}

describe('the event fires for', () => {
  /** @type {[string, (pc: FakePeerConnection) => unknown][]} */
  const changes = [
    ['a new transceiver', (pc) => pc.addTransceiver('video')],
    ['a new track', (pc) => pc.addTrack(new FakeTrack('video'))],
    ['the first data channel', (pc) => pc.createDataChannel('control')],
    ['another direction', (pc) => { pc.getTransceivers()[0].direction = 'inactive'; }],
    ['other streams', (pc) => pc.getSenders()[0].setStreams(new FakeStream())],
    ['a stopped transceiver', (pc) => pc.getTransceivers()[0].stop()],
    ['an ICE restart', (pc) => pc.restartIce()],
  ];
  for (const [name, change] of changes) {
    test(name, async () => {
      const { pair, seen } = await agreed();
      change(pair.a);
      assert.deepEqual(seen, [], 'not before the task is over');
      await pair.settle();
      assert.deepEqual(seen, ['negotiationneeded']);
      await pair.negotiate();
      await pair.settle();
      assert.deepEqual(seen, ['negotiationneeded'], 'and not after the exchange');
    });
  }

  test('a removed track', async () => {
    const pair = new FakePair();
    const sender = pair.a.addTrack(new FakeTrack('audio'));
    await pair.negotiate();
    const seen = recordEvents(pair.a, ['negotiationneeded']);
    pair.a.removeTrack(sender);
    await pair.settle();
    assert.deepEqual(seen, ['negotiationneeded']);
  });
});

describe('the event does not fire for', () => {
  /** @type {[string, (pc: FakePeerConnection) => unknown][]} */
  const changes = [
    ['a replaced track', (pc) => pc.getSenders()[0].replaceTrack(new FakeTrack('audio'))],
    ['the same direction', (pc) => { pc.getTransceivers()[0].direction = 'sendrecv'; }],
    ['other parameters', async (pc) => {
      const [sender] = pc.getSenders();
      const parameters = sender.getParameters();
      parameters.encodings[0].active = false;
      await sender.setParameters(parameters);
      assert.equal(sender.getParameters().encodings[0].active, false);
    }],
  ];
  for (const [name, change] of changes) {
    test(name, async () => {
      const { pair, seen } = await agreed();
      await pair.run(async () => change(pair.a));
      await pair.settle();
      assert.deepEqual(seen, []);
    });
  }

  test('an ICE restart before the first exchange, or when closed', async () => {
    const pair = new FakePair();
    const seen = recordEvents(pair.a, ['negotiationneeded']);
    pair.a.restartIce();
    await pair.settle();
    pair.a.close();
    pair.a.restartIce();
    await pair.settle();
    assert.deepEqual(seen, []);
  });

  test('a second data channel', async () => {
    const { pair, seen } = await agreed();
    pair.a.createDataChannel('one');
    await pair.settle();
    await pair.negotiate();
    pair.a.createDataChannel('two');
    await pair.settle();
    assert.deepEqual(seen, ['negotiationneeded']);
  });
});

describe('several changes', () => {
  test('in one turn make one event', async () => {
    const { pair, seen } = await agreed();
    pair.a.addTransceiver('video');
    pair.a.addTransceiver('audio');
    pair.a.createDataChannel('control');
    await pair.settle();
    assert.deepEqual(seen, ['negotiationneeded']);
  });

  test('make no second event while the first is unanswered', async () => {
    const { pair, seen } = await agreed();
    pair.a.addTransceiver('video');
    await pair.settle();
    pair.a.addTransceiver('audio');
    await pair.settle();
    assert.deepEqual(seen, ['negotiationneeded']);
  });

  test('during an exchange make an event after it, and one only', async () => {
    const { pair, seen } = await agreed();
    const offer = await pair.offer();
    pair.a.addTransceiver('video');
    await pair.settle();
    assert.deepEqual(seen, [], 'not outside of stable');
    await pair.run(async () => {
      await pair.b.setRemoteDescription(offer);
      await pair.b.setLocalDescription();
      await pair.a.setRemoteDescription(init(pair.b.localDescription));
    });
    await pair.settle();
    assert.deepEqual(seen, ['negotiationneeded']);
  });
});

test('an offer that was lost is never asked for again', async () => {
  const { pair, seen } = await agreed();
  pair.a.addTransceiver('video');
  await pair.settle();
  await pair.offer();
  pair.a.addTransceiver('audio');
  await pair.scheduler.clock.advance(60_000);
  assert.deepEqual(seen, ['negotiationneeded']);
  await pair.run(() => pair.a.setLocalDescription({ type: 'rollback' }));
  await pair.settle();
  assert.deepEqual(seen, ['negotiationneeded', 'negotiationneeded']);
});

test('the event waits for an empty operations chain', async () => {
  for (let seed = 0; seed < 40; seed++) {
    const pair = new FakePair({ seed });
    const { a, b } = pair;
    a.addTransceiver('audio');
    const offer = await pair.offer();
    /** @type {string[]} */
    const states = [];
    b.onnegotiationneeded = () => { states.push(b.signalingState); };
    await pair.run(async () => {
      const applied = b.setRemoteDescription(offer);
      // Not between the offer and its answer, although this comes first.
      b.addTransceiver('video');
      await applied;
      await b.setLocalDescription();
    });
    await pair.settle();
    assert.deepEqual(states, ['stable'], `seed ${seed}`);
    assert.equal(b.localDescription?.type, 'answer');
  }
});

test('a listener that is added when the answer is in still hears of it', async () => {
  for (let seed = 0; seed < 40; seed++) {
    const pair = new FakePair({ seed });
    const { a, b } = pair;
    a.addTransceiver('audio');
    await pair.negotiate();
    await pair.run(async () => {
      await a.setLocalDescription();
      a.restartIce();
      await b.setRemoteDescription(init(a.localDescription));
      await b.setLocalDescription();
      await a.setRemoteDescription(init(b.localDescription));
      await new Promise((resolve) => { a.onnegotiationneeded = resolve; });
    });
  }
});

test('an answer cannot give what the offer does not ask for, so the answerer makes an offer', async () => {
  const pair = new FakePair();
  const { a, b } = pair;
  a.addTransceiver('audio', { direction: 'sendonly' });
  await pair.negotiate();
  const seen = recordEvents(b, ['negotiationneeded']);
  b.getTransceivers()[0].direction = 'sendrecv';
  await pair.settle();
  await pair.negotiate(b);
  assert.equal(b.getTransceivers()[0].currentDirection, 'recvonly');
  assert.deepEqual(seen, ['negotiationneeded']);
});
