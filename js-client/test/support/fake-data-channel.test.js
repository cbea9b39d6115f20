// Data channels: opening, order, back-pressure, and the ways to end.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { FakePair, recordEvents } from './fake-pair.js';

/** @typedef {import('./webrtc/data-channel.js').FakeDataChannel} FakeDataChannel */

/** A connected pair with a negotiated channel on each side. */
async function connected(/** @type {ConstructorParameters<typeof FakePair>[0]} */ options = {}) {
  const pair = new FakePair(options).trickle();
  const channels = [pair.a, pair.b].map((pc) => pc.createDataChannel('control', { negotiated: true, id: 0 }));
  const events = channels.map((channel) => recordEvents(channel, ['open', 'closing', 'error', 'close']));
  await pair.negotiate();
  return { pair, channels, events };
}

/** The messages that arrive from now on. */
function received(/** @type {FakeDataChannel} */ channel) {
  /** @type {any[]} */
  const messages = [];
  channel.onmessage = ({ data }) => messages.push(data);
  return messages;
}

describe('a negotiated channel', () => {
  test('opens on both sides when they are connected', async () => {
    const { channels, events } = await connected();
    assert.deepEqual(channels.map(({ readyState }) => readyState), ['open', 'open']);
    assert.deepEqual(events, [['open'], ['open']]);
  });

  test('carries messages in order under every schedule, text and bytes', async () => {
    for (let seed = 0; seed < 30; seed++) {
      const { pair, channels: [one, two] } = await connected({ seed });
      const messages = received(two);
      const bytes = new Uint8Array([1, 2, 3]);
      for (let number = 0; number < 10; number++) one.send(String(number));
      one.send(bytes.subarray(1));
      bytes[1] = 9;
      await pair.settle();
      assert.deepEqual(messages.slice(0, 10).join(''), '0123456789');
      assert.deepEqual(new Uint8Array(messages[10]), new Uint8Array([2, 3]));
    }
  });

  test('needs an id, and one that is free', () => {
    const { a } = new FakePair();
    assert.throws(() => a.createDataChannel('x', { negotiated: true }), TypeError);
    a.createDataChannel('x', { negotiated: true, id: 3 });
    assert.throws(() => a.createDataChannel('y', { negotiated: true, id: 3 }), { name: 'OperationError' });
  });

  test('refuses to send before it is open and what is too large', async () => {
    const pair = new FakePair();
    const early = pair.a.createDataChannel('x');
    assert.throws(() => early.send('x'), { name: 'InvalidStateError' });
    const { channels: [one] } = await connected();
    assert.throws(() => one.send('x'.repeat(300_000)), TypeError);
  });

  test('says when its buffer has run low', async () => {
    const { pair, channels: [one] } = await connected();
    one.bufferedAmountLowThreshold = 10;
    const seen = recordEvents(one, ['bufferedamountlow']);
    one.send('ä'.repeat(10));
    one.send('x');
    assert.equal(one.bufferedAmount, 21);
    await pair.settle();
    assert.equal(one.bufferedAmount, 0);
    assert.deepEqual(seen, ['bufferedamountlow']);
  });

  test('keeps what it cannot send while the path is cut, and survives a restart', async () => {
    const { pair, channels: [one, two], events } = await connected();
    const messages = received(two);
    pair.network.cut();
    one.send('late');
    await pair.scheduler.clock.advance(20_000);
    assert.deepEqual([messages, one.bufferedAmount], [[], 4]);
    pair.network.mend();
    pair.a.restartIce();
    await pair.negotiate();
    assert.deepEqual([messages, one.bufferedAmount], [['late'], 0]);
    assert.deepEqual(events, [['open'], ['open']]);
  });

  test('is usable at each step of a restart', async () => {
    const { pair, channels: [one, two] } = await connected();
    const { a, b } = pair;
    const messages = [received(one), received(two)];
    let sent = 0;
    const exchange = async () => {
      one.send(String(sent));
      two.send(String(sent++));
      await pair.settle();
      assert.deepEqual(messages.map((list) => list.length), [sent, sent]);
    };
    a.restartIce();
    const offer = await pair.offer();
    await exchange();
    await pair.run(() => b.setRemoteDescription(offer));
    await exchange();
    await pair.run(() => b.setLocalDescription());
    await exchange();
    await pair.run(() => a.setRemoteDescription({ type: 'answer', sdp: b.localDescription?.sdp }));
    await exchange();
  });
});

describe('an announced channel', () => {
  test('arrives at the other side, open, before its messages', async () => {
    for (let seed = 0; seed < 30; seed++) {
      const pair = new FakePair({ seed }).trickle();
      const { a, b } = pair;
      const own = a.createDataChannel('chat', { protocol: 'p', ordered: false });
      own.onopen = () => own.send('first');
      /** @type {string[]} */
      const seen = [];
      b.ondatachannel = ({ channel }) => {
        assert.deepEqual([channel.label, channel.protocol, channel.ordered], ['chat', 'p', false]);
        assert.equal(channel.id, own.id);
        seen.push(`channel ${channel.readyState}`);
        channel.onopen = () => seen.push('open');
        channel.onmessage = (/** @type {any} */ { data }) => seen.push(data);
      };
      await pair.negotiate();
      assert.deepEqual(seen, ['channel open', 'open', 'first']);
    }
  });

  test('gets ids of which each side has its own', async () => {
    const { pair } = await connected();
    const ids = [pair.a, pair.b, pair.a, pair.b].map((pc) => pc.createDataChannel('x').id);
    // The answerer is the DTLS client.
    assert.deepEqual(ids, [1, 2, 3, 4]);
  });
});

describe('a channel ends', () => {
  test('on both sides when one closes it, after what was sent', async () => {
    const { pair, channels: [one, two], events } = await connected();
    const messages = received(two);
    one.send('last');
    one.close();
    one.close();
    assert.equal(one.readyState, 'closing');
    await pair.settle();
    assert.deepEqual(messages, ['last']);
    assert.deepEqual(events, [['open', 'close'], ['open', 'closing', 'close']]);
    assert.deepEqual([one, two].map(({ readyState }) => readyState), ['closed', 'closed']);
    assert.throws(() => one.send('x'), { name: 'InvalidStateError' });
  });

  test('that was never connected', async () => {
    const pair = new FakePair();
    const channel = pair.a.createDataChannel('x');
    const seen = recordEvents(channel, ['close']);
    channel.close();
    await pair.settle();
    assert.deepEqual(seen, ['close']);
  });

  test('at once when the other side closes the connection, without an event there', async () => {
    /** @type {[import('./fake-network.js').FlavourName, string[]][]} */
    const cases = [['chromium', ['open', 'error', 'close']], ['firefox', ['open', 'close']]];
    for (const [flavour, expected] of cases) {
      const { pair, channels, events } = await connected({ flavour });
      pair.a.close();
      await pair.settle();
      assert.deepEqual(events, [['open'], expected]);
      assert.equal(channels[0].readyState, 'closed');
      assert.equal(pair.b.connectionState, 'connected', 'ICE is slower');
    }
  });

  test('not when the path was cut before the connection was closed', async () => {
    const { pair, channels } = await connected();
    pair.network.cut();
    pair.a.close();
    pair.network.mend();
    await pair.scheduler.clock.advance(60_000);
    assert.equal(channels[1].readyState, 'open');
    assert.equal(pair.b.connectionState, 'failed');
  });

  test('with a closed tab in Firefox, and not in Chromium', async () => {
    /** @type {[import('./fake-network.js').FlavourName, string][]} */
    const cases = [['chromium', 'open'], ['firefox', 'closed']];
    for (const [flavour, expected] of cases) {
      const { pair, channels } = await connected({ flavour });
      pair.network.vanish('a');
      await pair.settle();
      assert.equal(channels[1].readyState, expected);
      assert.equal(pair.a.signalingState, 'closed');
      assert.equal(pair.network.open, 1);
    }
  });

  test('so that what was sent right before may or may not arrive', async () => {
    let arrived = 0;
    for (let seed = 0; seed < 60; seed++) {
      const { pair, channels: [one, two] } = await connected({ seed });
      const messages = received(two);
      one.send('bye');
      pair.a.close();
      await pair.settle();
      arrived += messages.length;
      assert.equal(two.readyState, 'closed');
    }
    assert.ok(arrived > 10 && arrived < 50, `${arrived} of 60`);
  });
});

test('the network counts connections and listeners', async () => {
  const { pair, channels: [one, two] } = await connected();
  const { network } = pair;
  const before = network.listenerCount;
  const stop = new AbortController();
  const listener = () => {};
  pair.a.addEventListener('track', listener, { signal: stop.signal });
  one.onmessage = listener;
  two.addEventListener('message', listener, { once: true });
  assert.equal(network.listenerCount, before + 3);
  one.send('x');
  await pair.settle();
  assert.equal(network.listenerCount, before + 2);
  stop.abort();
  one.onmessage = null;
  assert.equal(network.listenerCount, before);
  assert.deepEqual([network.created, network.open], [2, 2]);
  pair.a.close();
  assert.deepEqual([network.created, network.open], [2, 1]);
});
