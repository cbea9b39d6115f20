// Gathering, candidates, connecting, losing the path.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { FakePair, init, ufrags } from './fake-pair.js';

/** @typedef {import('./fake-peer-connection.js').FakePeerConnection} FakePeerConnection */

describe('gathering', () => {
  test('begins when a description is set, and tells of every candidate and of the end', async () => {
    for (let seed = 0; seed < 20; seed++) {
      const pair = new FakePair({ seed, configuration: { iceServers: [{ urls: 'stun:x' }] } });
      const { a } = pair;
      a.addTransceiver('audio');
      /** @type {string[]} */
      const seen = [];
      a.onicegatheringstatechange = () => seen.push(a.iceGatheringState);
      a.onicecandidate = ({ candidate }) => {
        seen.push(candidate ? candidate.candidate && candidate.type : 'end');
        if (candidate) assert.deepEqual([candidate.sdpMid, candidate.sdpMLineIndex], ['0', 0]);
        if (candidate) assert.equal(candidate.usernameFragment, ufrags(a.localDescription)[0]);
      };
      await pair.run(() => a.setLocalDescription());
      assert.deepEqual(seen, [], 'the description comes first');
      await pair.settle();
      assert.deepEqual(seen, ['gathering', 'host', 'srflx', '', 'complete', 'end']);
      assert.equal(a.localDescription?.sdp.match(/^a=candidate:/gm)?.length, 2);
    }
  });

  test('before the first answer covers every section, unless everything is bundled for sure', async () => {
    for (const [bundlePolicy, mids] of /** @type {const} */ ([['balanced', '01'], ['max-bundle', '0']])) {
      const pair = new FakePair({ configuration: { bundlePolicy } });
      pair.a.addTransceiver('audio');
      pair.a.addTransceiver('video');
      let seen = '';
      pair.a.onicecandidate = ({ candidate }) => { if (candidate?.candidate) seen += candidate.sdpMid; };
      await pair.negotiate();
      assert.equal(seen, mids);
    }
  });

  test('uses a new configuration at the next restart', async () => {
    const pair = new FakePair();
    const { a } = pair;
    a.addTransceiver('audio');
    await pair.negotiate();
    /** @type {string[]} */
    const types = [];
    a.onicecandidate = ({ candidate }) => { if (candidate?.candidate) types.push(candidate.type); };
    const iceServers = [{ urls: 'turn:x', username: 'u', credential: 'c' }];
    a.setConfiguration({ iceServers, iceTransportPolicy: 'relay' });
    await pair.negotiate();
    assert.deepEqual(types, []);
    a.restartIce();
    await pair.negotiate();
    assert.deepEqual(types, ['relay']);
    assert.equal(a.getConfiguration().iceTransportPolicy, 'relay');
  });

  test('a wrong configuration throws', () => {
    const { a, network } = new FakePair();
    assert.throws(() => new network.PeerConnection({ iceServers: [{ urls: 'http://x' }] }), { name: 'SyntaxError' });
    assert.throws(() => a.setConfiguration({ iceServers: [{ urls: 'turn:x' }] }), { name: 'InvalidAccessError' });
    assert.throws(() => a.setConfiguration({ bundlePolicy: 'max-bundle' }), { name: 'InvalidModificationError' });
  });
});

describe('addIceCandidate', () => {
  /** A pair with an offer applied at `b`, and what makes candidates for it. */
  async function offered(/** @type {import('./fake-network.js').FlavourName} */ flavour = 'spec') {
    const pair = new FakePair({ flavour });
    pair.a.addTransceiver('audio');
    const offer = await pair.offer();
    await pair.run(() => pair.b.setRemoteDescription(offer));
    const [usernameFragment] = ufrags(offer);
    /** @param {RTCIceCandidateInit} change */
    const add = (change) => pair.run(() => pair.b.addIceCandidate({
      candidate: CANDIDATE, sdpMid: '0', sdpMLineIndex: 0, usernameFragment, ...change,
    }));
    return { pair, add };
  }

  test('accepts a candidate of an applied description, and writes it there', async () => {
    const { pair, add } = await offered();
    await add({});
    await add({ sdpMid: null });
    await add({ sdpMLineIndex: null, usernameFragment: null });
    assert.equal(pair.b.remoteDescription?.sdp.match(/^a=candidate:/gm)?.length, 3);
    await add({ candidate: '' });
    assert.match(pair.b.remoteDescription?.sdp ?? '', /^a=end-of-candidates/m);
  });

  test('accepts the end of candidates in every form', async () => {
    const { pair } = await offered();
    for (const end of [undefined, null, {}, { candidate: '' }, { candidate: '', sdpMid: '0' }]) {
      await pair.run(() => pair.b.addIceCandidate(end));
    }
  });

  test('rejects what belongs nowhere', async () => {
    const { add } = await offered();
    await assert.rejects(add({ sdpMid: 'x' }), { name: 'OperationError' });
    await assert.rejects(add({ sdpMid: null, sdpMLineIndex: 1 }), { name: 'OperationError' });
    await assert.rejects(add({ usernameFragment: 'unknown' }), { name: 'OperationError' });
    await assert.rejects(add({ candidate: 'nonsense' }), { name: 'OperationError' });
    await assert.rejects(add({ sdpMid: null, sdpMLineIndex: null }), TypeError);
  });

  test('rejects everything while there is no remote description', async () => {
    const pair = new FakePair();
    const added = pair.run(() => pair.b.addIceCandidate({ candidate: CANDIDATE, sdpMid: '0' }));
    await assert.rejects(added, { name: 'InvalidStateError' });
  });

  test('swallows an unknown generation in Chromium, and connects nothing with it', async () => {
    const { pair, add } = await offered('chromium');
    await add({ usernameFragment: 'unknown' });
    assert.doesNotMatch(pair.b.remoteDescription?.sdp ?? '', /^a=candidate:/m);
  });

  test('ignores one for a stopped transceiver', async () => {
    const pair = new FakePair();
    const { a, b } = pair;
    const stopped = a.addTransceiver('audio');
    a.addTransceiver('video');
    await pair.negotiate();
    stopped.stop();
    const offer = await pair.offer();
    await pair.run(() => b.setRemoteDescription(offer));
    await pair.run(() => b.addIceCandidate({ candidate: CANDIDATE, sdpMid: '0', usernameFragment: 'any' }));
  });

  test('accepts both generations while a restart is under way', async () => {
    const pair = new FakePair();
    const { a, b } = pair;
    a.addTransceiver('audio');
    await pair.negotiate();
    const [old] = ufrags(a.localDescription);
    a.restartIce();
    const offer = await pair.offer();
    await pair.run(() => b.setRemoteDescription(offer));
    for (const usernameFragment of [old, ufrags(offer)[0]]) {
      await pair.run(() => b.addIceCandidate({ candidate: CANDIDATE, sdpMid: '0', usernameFragment }));
    }
    await pair.run(() => b.setLocalDescription());
    const late = pair.run(() => b.addIceCandidate({ candidate: CANDIDATE, sdpMid: '0', usernameFragment: old }));
    await assert.rejects(late, { name: 'OperationError' });
  });
});

describe('connecting', () => {
  test('needs an exchange and candidates, and goes through the states', async () => {
    for (let seed = 0; seed < 40; seed++) {
      const pair = new FakePair({ seed }).trickle();
      const { a, b } = pair;
      const states = [a, b].map(recordStates);
      a.addTransceiver('audio');
      await pair.negotiate();
      assert.deepEqual([a, b].map(({ iceConnectionState }) => iceConnectionState), ['connected', 'connected']);
      for (const seen of states) assert.match(seen.join(' '), /^(connecting )?connected$/);
      assert.equal(pair.scheduler.clock.pending, 0);
    }
  });

  test('fails when the candidates of one side are lost', async () => {
    const pair = new FakePair();
    const { a, b } = pair;
    a.onicecandidate = ({ candidate }) => { if (candidate) b.addIceCandidate(candidate.toJSON()).catch(() => {}); };
    const seen = recordStates(a);
    a.addTransceiver('audio');
    await pair.negotiate();
    await pair.scheduler.clock.advance(14_999);
    assert.deepEqual(seen, ['connecting']);
    await pair.scheduler.clock.advance(1);
    assert.deepEqual(seen, ['connecting', 'failed']);
  });

  test('works with candidates that came inside of the descriptions', async () => {
    const pair = new FakePair();
    const { a, b } = pair;
    a.addTransceiver('audio');
    await pair.offer();
    await pair.settle();
    await pair.run(() => b.setRemoteDescription(init(a.localDescription)));
    await pair.run(() => b.setLocalDescription());
    await pair.settle();
    await pair.run(() => a.setRemoteDescription(init(b.localDescription)));
    await pair.settle();
    assert.deepEqual([a, b].map(({ connectionState }) => connectionState), ['connected', 'connected']);
  });

  test('fails when the answer was one to another offer', async () => {
    const pair = new FakePair().trickle();
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
    await pair.scheduler.clock.advance(15_000);
    assert.deepEqual([a, b].map(({ connectionState }) => connectionState), ['failed', 'failed']);
  });

  test('does not succeed with the candidates of another generation', async () => {
    const pair = new FakePair();
    const { a, b } = pair;
    a.addTransceiver('audio');
    /** @type {RTCIceCandidateInit[]} */
    const old = [];
    a.onicecandidate = ({ candidate }) => { if (candidate) old.push(candidate.toJSON()); };
    b.onicecandidate = ({ candidate }) => { if (candidate) a.addIceCandidate(candidate.toJSON()).catch(() => {}); };
    await pair.negotiate();
    a.onicecandidate = null;
    a.restartIce();
    await pair.negotiate();
    for (const candidate of old) {
      // Without the fragment it is taken for the newest generation.
      await pair.run(() => b.addIceCandidate({ ...candidate, usernameFragment: null }));
    }
    await pair.settle();
    assert.equal(a.connectionState, 'connecting');
  });
});

describe('a lost path', () => {
  /** A connected pair, and the states of `a` from then on. */
  async function connected() {
    const pair = new FakePair().trickle();
    pair.a.addTransceiver('audio');
    await pair.negotiate();
    return { pair, states: recordStates(pair.a), advance: pair.scheduler.clock.advance.bind(pair.scheduler.clock) };
  }

  test('shows after five seconds, and fails after fifteen', async () => {
    const { pair, states, advance } = await connected();
    pair.network.cut();
    await advance(4_999);
    assert.deepEqual(states, []);
    await advance(1);
    assert.deepEqual(states, ['disconnected']);
    await advance(10_000);
    assert.deepEqual(states, ['disconnected', 'failed']);
    pair.network.mend();
    await advance(60_000);
    assert.deepEqual(states, ['disconnected', 'failed'], 'it takes a restart');
    assert.equal(pair.scheduler.clock.pending, 0);
  });

  test('that is mended in time does not show at all', async () => {
    const { pair, states, advance } = await connected();
    pair.network.cut('a', 'b');
    await advance(4_000);
    pair.network.mend('b', 'a');
    await advance(60_000);
    assert.deepEqual(states, []);
  });

  test('that is mended while disconnected connects again by itself', async () => {
    const { pair, states, advance } = await connected();
    pair.network.cut('a');
    await advance(9_000);
    pair.network.mend('a');
    await advance(60_000);
    assert.deepEqual(states, ['disconnected', 'connected']);
  });

  test('is repaired by a restart from disconnected and from failed', async () => {
    for (const ms of [9_000, 20_000]) {
      const { pair, states, advance } = await connected();
      pair.network.cut();
      await advance(ms);
      pair.network.mend();
      pair.a.restartIce();
      await pair.negotiate();
      await advance(60_000);
      assert.deepEqual(states.slice(-1), ['connected']);
      assert.deepEqual([pair.a, pair.b].map(({ connectionState }) => connectionState), ['connected', 'connected']);
    }
  });

  test('stays failed when the restart finds no path either', async () => {
    const { pair, states, advance } = await connected();
    pair.network.cut();
    await advance(20_000);
    pair.a.restartIce();
    await pair.negotiate();
    await advance(15_000);
    assert.deepEqual(states, ['disconnected', 'failed', 'connecting', 'failed']);
  });

  test('is what the other side sees of close()', async () => {
    const { pair, states, advance } = await connected();
    pair.b.close();
    await advance(60_000);
    assert.deepEqual(states, ['disconnected', 'failed']);
  });

  test('lies between two pages, and others do not notice', async () => {
    const { pair, advance } = await connected();
    const other = new FakePair();
    other.a = new pair.network.PeerConnection();
    other.b = new pair.network.PeerConnection();
    other.scheduler = pair.scheduler;
    other.trickle();
    other.a.addTransceiver('audio');
    await other.negotiate();
    pair.network.cut('a', 'b');
    await advance(20_000);
    assert.deepEqual([pair.a, other.a].map(({ connectionState }) => connectionState), ['failed', 'connected']);
  });
});

/** The connection states from now on. */
function recordStates(/** @type {FakePeerConnection} */ pc) {
  /** @type {string[]} */
  const states = [];
  pc.addEventListener('connectionstatechange', () => states.push(pc.connectionState));
  return states;
}

const CANDIDATE = 'candidate:1 1 udp 2122260223 192.0.2.9 40000 typ host';
