// ICE restarts: what they keep, and what becomes of the wish for one.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { FakePair, init, recordEvents, ufrags } from './fake-pair.js';

describe('a restart', () => {
  test('of a working connection keeps it connected all the time', async () => {
    for (let seed = 0; seed < 40; seed++) {
      const pair = new FakePair({ seed }).trickle();
      const { a, b } = pair;
      a.addTransceiver('audio');
      await pair.negotiate();
      const states = [a, b].map(recordStates);
      const before = [a, b].map(({ localDescription }) => ufrags(localDescription)[0]);
      a.restartIce();
      await pair.negotiate();
      await pair.scheduler.clock.advance(60_000);
      const after = [a, b].map(({ localDescription }) => ufrags(localDescription)[0]);
      assert.equal(new Set([...before, ...after]).size, 4);
      assert.deepEqual(states, [[], []], `seed ${seed}`);
    }
  });

  test('happens exactly once', async () => {
    const pair = await agreed();
    const { a } = pair;
    const seen = recordEvents(a, ['negotiationneeded']);
    a.restartIce();
    await pair.settle();
    await pair.negotiate();
    const first = ufrags(a.localDescription);
    await pair.negotiate();
    await pair.settle();
    assert.deepEqual(ufrags(a.localDescription), first);
    assert.deepEqual(seen, ['negotiationneeded']);
  });

  test('wins over iceRestart: false', async () => {
    const pair = await agreed();
    const old = ufrags(pair.a.localDescription);
    pair.a.restartIce();
    const offer = await pair.run(() => pair.a.createOffer({ iceRestart: false }));
    assert.notDeepEqual(ufrags(offer), old);
  });

  test('that was wished for in have-local-offer comes in the next exchange', async () => {
    const pair = await agreed();
    const { a, b } = pair;
    const old = ufrags(a.localDescription);
    const seen = recordEvents(a, ['negotiationneeded']);
    const offer = await pair.offer();
    a.restartIce();
    await pair.run(async () => {
      await b.setRemoteDescription(offer);
      await b.setLocalDescription();
      await a.setRemoteDescription(init(b.localDescription));
    });
    await pair.settle();
    assert.deepEqual(ufrags(a.localDescription), old);
    assert.deepEqual(seen, ['negotiationneeded']);
    await pair.negotiate();
    assert.notDeepEqual(ufrags(a.localDescription), old);
  });

  test('is not for the first negotiation, but may be wished for while that goes on', async () => {
    const pair = new FakePair();
    const { a, b } = pair;
    a.addTransceiver('audio');
    const [seenA, seenB] = [a, b].map((pc) => recordEvents(pc, ['negotiationneeded']));
    await pair.settle();
    const offer = await pair.offer();
    a.restartIce();
    await pair.run(() => b.setRemoteDescription(offer));
    // It has no credentials yet that could be replaced.
    b.restartIce();
    await pair.run(() => b.setLocalDescription());
    await pair.run(() => a.setRemoteDescription(init(b.localDescription)));
    await pair.settle();
    assert.deepEqual(ufrags(a.localDescription), ufrags(offer));
    assert.deepEqual([seenA.length, seenB.length], [2, 0]);
  });

  test('that was wished for in have-remote-offer survives the answer', async () => {
    const pair = await agreed();
    const { a, b } = pair;
    const old = ufrags(b.localDescription);
    const seen = recordEvents(b, ['negotiationneeded']);
    const offer = await pair.offer();
    await pair.run(() => b.setRemoteDescription(offer));
    b.restartIce();
    await pair.run(() => b.setLocalDescription());
    await pair.run(() => a.setRemoteDescription(init(b.localDescription)));
    await pair.settle();
    assert.deepEqual(ufrags(b.localDescription), old);
    assert.deepEqual(seen, ['negotiationneeded']);
  });

  test('wish is fulfilled by a full restart from the other side', async () => {
    const pair = await agreed();
    const { a, b } = pair;
    a.restartIce();
    b.restartIce();
    await pair.settle();
    const seen = recordEvents(b, ['negotiationneeded']);
    await pair.negotiate(a);
    await pair.settle();
    assert.deepEqual(seen, []);
  });

  test('wish is not fulfilled by a partial one', async () => {
    const pair = await agreed();
    const { a, b } = pair;
    const old = ufrags(a.localDescription);
    b.restartIce();
    await pair.settle();
    const seen = recordEvents(b, ['negotiationneeded']);
    a.restartIce();
    const { type, sdp } = await pair.offer(a);
    // The second section keeps its credentials.
    const parts = sdp.split(/^(?=m=)/m);
    parts[2] = parts[2].replace(/^a=ice-ufrag:.*\r$/m, `a=ice-ufrag:${old[1]}\r`);
    await pair.run(() => b.setRemoteDescription({ type, sdp: parts.join('') }));
    await pair.run(() => b.setLocalDescription());
    await pair.settle();
    assert.equal(new Set(ufrags(b.localDescription)).size, 2);
    assert.deepEqual(seen, ['negotiationneeded']);
  });

  /** A pair with two sections agreed on. */
  async function agreed() {
    const pair = new FakePair();
    pair.a.addTransceiver('audio');
    pair.a.addTransceiver('video');
    await pair.negotiate();
    return pair;
  }
});

/** The connection states from now on. */
function recordStates(/** @type {import('./fake-peer-connection.js').FakePeerConnection} */ pc) {
  /** @type {string[]} */
  const states = [];
  pc.addEventListener('connectionstatechange', () => states.push(pc.connectionState));
  return states;
}
