// Offers and answers: states, descriptions, the operations chain, and what is refused.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { FakePair, init, recordEvents, ufrags } from './fake-pair.js';

describe('an exchange', () => {
  test('goes through the states of both sides and moves the descriptions', async () => {
    const pair = new FakePair();
    const { a, b } = pair;
    a.addTransceiver('audio');
    const seen = recordEvents(a, ['signalingstatechange']);
    await pair.run(() => a.setLocalDescription());
    assert.equal(a.signalingState, 'have-local-offer');
    assert.equal(a.pendingLocalDescription?.type, 'offer');
    assert.equal(a.currentLocalDescription, null);

    await pair.run(() => b.setRemoteDescription(init(a.localDescription)));
    assert.equal(b.signalingState, 'have-remote-offer');
    await pair.run(() => b.setLocalDescription());
    assert.equal(b.signalingState, 'stable');
    assert.equal(b.currentLocalDescription?.type, 'answer');
    assert.equal(b.pendingRemoteDescription, null);

    await pair.run(() => a.setRemoteDescription(init(b.localDescription)));
    assert.equal(a.signalingState, 'stable');
    assert.equal(a.currentRemoteDescription?.type, 'answer');
    assert.equal(a.pendingLocalDescription, null);
    assert.equal(seen.length, 2);
    assert.deepEqual([a, b].map((pc) => pc.getTransceivers()[0].mid), ['0', '0']);
    assert.deepEqual([a, b].map((pc) => pc.getTransceivers()[0].currentDirection), ['sendonly', 'recvonly']);
  });

  test('writes what clients read from SDP', async () => {
    const pair = new FakePair();
    pair.a.addTransceiver('audio');
    pair.a.addTransceiver('video', { direction: 'recvonly' });
    pair.a.createDataChannel('control', { negotiated: true, id: 0 });
    const { sdp } = await pair.offer();
    const sections = sdp.split(/^(?=m=)/m).slice(1);
    assert.deepEqual(sections.map((section) => /^m=(\w+)/.exec(section)?.[1]), ['audio', 'video', 'application']);
    for (const section of sections) assert.match(section, /^a=ice-ufrag:\S{4,}\r\n/m);
    assert.match(sections[0], /^a=msid:- \S+\r\n/m);
    assert.match(sections[1], /^a=recvonly\r\n/m);
    assert.match(sdp, /^a=group:BUNDLE 0 1 2\r\n/m);
  });

  test('a provisional answer may be followed by an answer', async () => {
    const pair = new FakePair();
    const { a, b } = pair;
    a.addTransceiver('audio');
    const offer = await pair.offer();
    await pair.run(async () => {
      await b.setRemoteDescription(offer);
      await b.setLocalDescription({ type: 'pranswer' });
      assert.equal(b.signalingState, 'have-local-pranswer');
      await a.setRemoteDescription(init(b.localDescription));
      assert.equal(a.signalingState, 'have-remote-pranswer');
      await assert.rejects(a.setLocalDescription({ type: 'rollback' }), { name: 'InvalidStateError' });
      const before = ufrags(b.localDescription);
      await b.setLocalDescription();
      assert.deepEqual(ufrags(b.localDescription), before);
      await a.setRemoteDescription(init(b.localDescription));
    });
    assert.deepEqual([a.signalingState, b.signalingState], ['stable', 'stable']);
  });

  test('later offers keep mids and append sections', async () => {
    const pair = new FakePair();
    pair.a.addTransceiver('audio');
    await pair.negotiate();
    pair.b.addTransceiver('video');
    await pair.negotiate(pair.b);
    assert.deepEqual(pair.a.getTransceivers().map(({ mid }) => mid), ['0', '1']);
    assert.equal(new Set(ufrags(pair.a.localDescription)).size, 1);
  });

  test('the section of a stopped transceiver is rejected, then taken by the next one', async () => {
    const pair = new FakePair();
    const { a, b } = pair;
    const stopped = a.addTransceiver('audio');
    a.addTransceiver('video');
    await pair.negotiate();
    const remote = b.getTransceivers()[0];
    const seen = recordEvents(remote.receiver.track, ['ended']);
    stopped.stop();
    assert.equal(stopped.direction, 'stopped');
    await pair.negotiate();
    assert.equal(stopped.currentDirection, 'stopped');
    assert.equal(remote.currentDirection, 'stopped');
    assert.deepEqual(seen, ['ended']);
    assert.deepEqual([a, b].map((pc) => pc.getTransceivers().length), [1, 1]);
    assert.match(a.localDescription?.sdp ?? '', /^m=audio 0 /m);

    const next = a.addTransceiver('video');
    await pair.negotiate();
    assert.equal(a.localDescription?.sdp.match(/^m=/gm)?.length, 2);
    assert.equal(next.currentDirection, 'sendonly');
    assert.deepEqual([a, b].map((pc) => pc.getTransceivers().length), [2, 2]);
  });

  test('an answer cannot stop a transceiver: that takes another offer', async () => {
    const pair = new FakePair();
    const { a, b } = pair;
    a.addTransceiver('audio');
    await pair.negotiate();
    const seen = recordEvents(b, ['negotiationneeded']);
    b.getTransceivers()[0].stop();
    await pair.negotiate(a);
    assert.equal(a.getTransceivers()[0].currentDirection, 'inactive');
    assert.deepEqual(seen, ['negotiationneeded', 'negotiationneeded']);
    await pair.negotiate(b);
    assert.equal(a.getTransceivers().length, 0);
  });
});

describe('the operations chain', () => {
  test('runs operations in the order of the calls', async () => {
    for (let seed = 0; seed < 30; seed++) {
      const pair = new FakePair({ seed });
      const { a, b } = pair;
      a.addTransceiver('audio');
      const offer = await pair.offer();
      /** @type {string[]} */
      const done = [];
      await pair.run(() => Promise.all([
        b.setRemoteDescription(offer).then(() => done.push('set remote')),
        b.addIceCandidate({ candidate: '' }).then(() => done.push('add candidate')),
        b.createAnswer().then((answer) => done.push(`create ${answer.type}`)),
        b.setLocalDescription().then(() => done.push('set local')),
        b.createOffer().then((description) => done.push(`create ${description.type}`)),
      ]));
      assert.deepEqual(done, ['set remote', 'add candidate', 'create answer', 'set local', 'create offer']);
    }
  });

  test('a call with a failing one before it still runs', async () => {
    const pair = new FakePair();
    pair.a.addTransceiver('audio');
    const failing = pair.a.setRemoteDescription({ type: 'answer', sdp: 'v=0\r\n' });
    const next = pair.a.setLocalDescription();
    await assert.rejects(pair.run(() => failing), { name: 'InvalidStateError' });
    await pair.run(() => next);
  });

  test('setLocalDescription() chooses its type when its turn comes', async () => {
    const pair = new FakePair();
    const { a, b } = pair;
    a.addTransceiver('audio');
    const offer = await pair.offer();
    await pair.run(() => Promise.all([b.setRemoteDescription(offer), b.setLocalDescription()]));
    assert.equal(b.localDescription?.type, 'answer');
  });

  test('what is pending at close() never settles, and calls after it reject', async () => {
    const pair = new FakePair();
    const { a, b } = pair;
    const { sender } = a.addTransceiver('audio');
    const offer = await pair.offer();
    let settled = 0;
    const count = () => { settled += 1; };
    for (const promise of [
      b.setRemoteDescription(offer), b.setLocalDescription(), b.addIceCandidate({}), b.createOffer(),
      a.setLocalDescription(), sender.replaceTrack(null),
    ]) promise.then(count, count);
    a.close();
    b.close();
    // One that would fail at once.
    const failing = new pair.network.PeerConnection();
    failing.createAnswer().then(count, count);
    failing.close();
    await pair.scheduler.clock.advance(60_000);
    assert.equal(settled, 0);
    assert.equal(b.signalingState, 'closed');

    for (const call of [
      () => b.setRemoteDescription(offer), () => b.setLocalDescription(), () => b.addIceCandidate({}),
      () => b.createOffer(), () => b.createAnswer(), () => sender.replaceTrack(null),
    ]) await assert.rejects(call(), { name: 'InvalidStateError' });
    for (const call of [
      () => b.addTransceiver('audio'), () => b.createDataChannel('x'), () => b.setConfiguration({}),
    ]) assert.throws(call, { name: 'InvalidStateError' });
    b.restartIce();
    b.close();
    assert.equal(pair.network.open, 0);
    assert.equal(pair.scheduler.clock.pending, 0);
  });

  test('close() may come at any moment, and nothing is heard of the connection after it', async () => {
    for (let seed = 0; seed < 60; seed++) {
      const pair = new FakePair({ seed }).trickle();
      const { a, b } = pair;
      a.addTransceiver('audio');
      a.createDataChannel('x');
      exchange(pair);
      for (let steps = pair.scheduler.random.below(60); steps > 0; steps--) await pair.scheduler.step();
      b.close();
      const seen = recordEvents(b, EVENTS);
      await pair.settle();
      assert.deepEqual(seen, []);
    }
  });
});

describe('descriptions are refused', () => {
  /** @type {[string, (pair: FakePair) => Promise<unknown>, string][]} */
  const cases = [
    ['an answer in stable', ({ a }) => a.setRemoteDescription({ type: 'answer', sdp: 'v=0' }), 'InvalidStateError'],
    ['a local answer in stable', ({ a }) => a.setLocalDescription({ type: 'answer' }), 'InvalidStateError'],
    ['createAnswer in stable', ({ a }) => a.createAnswer(), 'InvalidStateError'],
    ['a rollback in stable', ({ a }) => a.setLocalDescription({ type: 'rollback' }), 'InvalidStateError'],
    ['text that is no SDP', ({ a }) => a.setRemoteDescription({ type: 'offer', sdp: 'hello' }), 'OperationError'],
    ['an unknown type', ({ a }) => a.setRemoteDescription({ type: 'proposal' }), 'TypeError'],
    ['an offer changed by hand', async ({ a }) => {
      const { sdp } = await a.createOffer();
      await a.setLocalDescription({ type: 'offer', sdp: `${sdp}a=x\r\n` });
    }, 'InvalidModificationError'],
    ['a local offer in have-remote-offer', async ({ a, b }) => {
      await a.setLocalDescription();
      await b.setRemoteDescription(init(a.localDescription));
      await b.setLocalDescription({ type: 'offer' });
    }, 'InvalidStateError'],
    ['an answer with a section too few', async ({ a, b }) => {
      await a.setLocalDescription();
      await b.setRemoteDescription(init(a.localDescription));
      await b.setLocalDescription();
      a.addTransceiver('video');
      await a.setLocalDescription();
      await a.setRemoteDescription(init(b.localDescription));
    }, 'InvalidAccessError'],
    ['an offer without what was agreed', async (pair) => {
      const { a, b } = pair;
      const stranger = new pair.network.PeerConnection();
      stranger.addTransceiver('video');
      await a.setLocalDescription();
      await b.setRemoteDescription(init(a.localDescription));
      await b.setLocalDescription();
      await stranger.setLocalDescription();
      await b.setRemoteDescription(init(stranger.localDescription));
    }, 'InvalidAccessError'],
  ];
  for (const [name, work, error] of cases) {
    test(`${name}: ${error}`, async () => {
      const pair = new FakePair();
      pair.a.addTransceiver('audio');
      await assert.rejects(pair.run(() => work(pair)), { name: error });
    });
  }

  test('an answer to an older offer with the same sections is not: nothing in SDP shows it', async () => {
    const pair = new FakePair();
    const { a, b } = pair;
    a.addTransceiver('audio');
    const offer = await pair.offer();
    await pair.run(async () => {
      await b.setRemoteDescription(offer);
      await b.setLocalDescription();
      await a.setLocalDescription({ type: 'rollback' });
      await a.setLocalDescription();
      await a.setRemoteDescription(init(b.localDescription));
    });
    assert.equal(a.signalingState, 'stable');
  });

  test('as a test plans it, once', async () => {
    const pair = new FakePair();
    pair.a.addTransceiver('audio');
    pair.network.failNext('setRemoteDescription', { matches: (type, page) => type === 'answer' && page === 'a' });
    await assert.rejects(pair.negotiate(), { name: 'OperationError', message: 'A fault of the test' });
    assert.equal(pair.a.signalingState, 'have-local-offer');
    await pair.run(() => pair.a.setRemoteDescription(init(pair.b.localDescription)));
  });
});

describe('offers and answers', () => {
  test('a second offer in have-local-offer contains what was added meanwhile', async () => {
    const pair = new FakePair();
    pair.a.addTransceiver('audio');
    const first = await pair.offer();
    pair.a.addTransceiver('video');
    await pair.settle();
    const second = await pair.offer();
    assert.deepEqual([first, second].map(({ sdp }) => sdp.match(/^m=/gm)?.length), [1, 2]);
    assert.equal(ufrags(second)[0], ufrags(first)[0]);
    assert.equal(pair.a.signalingState, 'have-local-offer');
  });

  test('a parameterless answer that comes second is an offer', async () => {
    const pair = new FakePair();
    const { a, b } = pair;
    a.addTransceiver('audio');
    const offer = await pair.offer();
    // Two handlers, interleaved: the same offer arrived twice.
    const handle = async () => {
      await b.setRemoteDescription(offer);
      await b.setLocalDescription();
      return b.localDescription?.type;
    };
    assert.deepEqual(await pair.run(() => Promise.all([handle(), handle()])), ['answer', 'offer']);
    assert.equal(b.signalingState, 'have-local-offer');
  });

  test('with the type pinned the same fails instead', async () => {
    const pair = new FakePair();
    const { a, b } = pair;
    a.addTransceiver('audio');
    const offer = await pair.offer();
    const handle = async () => {
      await b.setRemoteDescription(offer);
      await b.setLocalDescription({ type: 'answer' });
    };
    const outcomes = await pair.run(() => Promise.allSettled([handle(), handle()]));
    assert.deepEqual(outcomes.map(({ status }) => status), ['fulfilled', 'rejected']);
    assert.equal(b.signalingState, 'stable');
  });

  test('an exception leaves nothing half set', async () => {
    const pair = new FakePair();
    const { a, b } = pair;
    a.addTransceiver('audio');
    await pair.negotiate();
    const [before] = [init(b.localDescription)];
    await assert.rejects(pair.run(() => b.setRemoteDescription({ type: 'offer', sdp: 'v=0\r\no=- x 1 IN IP4 0\r\n' })));
    assert.equal(b.signalingState, 'stable');
    assert.deepEqual(init(b.localDescription), before);
  });
});

/** Begins an exchange that may never end. */
async function exchange(/** @type {FakePair} */ { a, b }) {
  try {
    await a.setLocalDescription();
    await b.setRemoteDescription(init(a.localDescription));
    await b.setLocalDescription();
    await a.setRemoteDescription(init(b.localDescription));
  } catch (error) {
    // Calls that come after close().
    assert.equal(/** @type {Error} */ (error).name, 'InvalidStateError');
  }
}

const EVENTS = [
  'negotiationneeded', 'icecandidate', 'icegatheringstatechange', 'iceconnectionstatechange',
  'connectionstatechange', 'signalingstatechange', 'track', 'datachannel',
];
