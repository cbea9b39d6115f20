// The core on the test's clock, and what a test changes on the way.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Harness } from './harness.js';

/** A client that does nothing by itself. */
class Frames {
  /** @type {any[]} */
  received = [];
  /** @type {[code: number, at: number] | null} */
  closed = null;

  /**
   * @param {Harness} harness
   * @param {string} page
   */
  constructor(harness, page) {
    this.harness = harness;
    const { WebSocket } = harness.server.page(page);
    this.socket = new WebSocket('ws://host/signal/room', ['meet-signal.v1']);
    this.socket.onmessage = ({ data }) => this.received.push([harness.clock.now(), JSON.parse(data)]);
    this.socket.onclose = ({ code }) => { this.closed = [code, harness.clock.now()]; };
  }

  /**
   * @param {Harness} harness
   * @param {string} page
   * @param {Record<string, unknown>} [join]
   */
  static async join(harness, page, join = {}) {
    const member = new Frames(harness, page);
    await harness.scheduler.settle();
    await member.send({ type: 'join', ...join });
    await member.send({ type: 'ack', received: join.resume?.received ?? 0 });
    return member;
  }

  /** @param {object} frame */
  async send(frame) {
    this.socket.send(JSON.stringify(frame));
    await this.harness.scheduler.settle();
  }

  /** What came since the last look: when, and what is asked for of it. */
  take(/** @type {string[]} */ ...fields) {
    return this.received.splice(0).map(([at, frame]) => [at, ...fields.map((field) => frame[field])]);
  }
}

test('the core goes by the clock of the test', async () => {
  const harness = new Harness();
  await harness.clock.advance(0.5);
  const late = new Frames(harness, 'late');
  await harness.clock.advance(9.2);
  const [ada, bob] = [await Frames.join(harness, 'ada'), await Frames.join(harness, 'bob')];
  bob.take();
  setAnswering(bob);
  await harness.clock.advance(70_000);
  assert.deepEqual(late.closed, [4501, 10_000]);
  // The core's time has whole milliseconds.
  assert.deepEqual(ada.take('type').slice(-3), [[9.7, 'joined'], [10_009, 'ping'], [20_009, 'ping']]);
  const [code, at] = ada.closed ?? assert.fail('not closed');
  // Three heartbeats, half a second, and some milliseconds for what is to be read.
  assert.ok(code === 4001 && at > 30_509 && at < 30_529, `${code} at ${at}`);
  const told = bob.take('type', 'status', 'reason').filter(([, type]) => type !== 'ping');
  assert.deepEqual(told, [[at, 'status', 'away', undefined], [at + 30_000, 'left', undefined, 'timeout']]);
});

test('a seed gives the same history again', async () => {
  const history = async (/** @type {number} */ seed) => {
    const harness = new Harness({ seed, latencyMs: [1, 20], server: { decisionMs: 5 } });
    const members = await Promise.all(['ada', 'bob', 'cleo'].map((page) => new Frames(harness, page)));
    await harness.clock.advance(50);
    for (const [n, { socket }] of members.entries()) socket.send(JSON.stringify({ type: 'join', meta: n }));
    await harness.clock.advance(50);
    for (let n = 0; n < 20; n++) {
      const { socket } = harness.scheduler.random.pick(members);
      socket.send(JSON.stringify({ type: 'broadcast', data: n }));
      await harness.clock.advance(harness.scheduler.random.below(3_000));
    }
    await harness.clock.advance(100_000);
    return members.map((member) => [member.closed, member.take('type', 'data', 'status', 'reason', 'received')]);
  };
  for (let seed = 0; seed < 10; seed++) assert.deepEqual(await history(seed), await history(seed));
});

test('what a test says in the place of the core is counted alike', async () => {
  const harness = new Harness();
  const [ada, bob] = [await Frames.join(harness, 'ada'), await Frames.join(harness, 'bob')];
  ada.take();
  harness.server.rejectNext('broadcast', { code: 'of a later version', retryAfterMs: 500 });
  await ada.send({ type: 'broadcast', data: 1, ref: 1 });
  harness.server.session('ada').send({ type: 'locked', locked: true });
  await ada.send({ type: 'pong', received: 2 });
  await ada.send({ type: 'probe' });
  const answers = ada.take('type', 'code', 'ref', 'retryAfterMs', 'received').map(([, ...answer]) => answer);
  assert.deepEqual(answers, [
    ['error', 'of a later version', 1, 500, undefined],
    ['locked', undefined, undefined, undefined, undefined],
    ['ping', undefined, undefined, undefined, 1],
  ]);
  assert.deepEqual(bob.take('type').map(([, type]) => type), ['welcome']);
});

test('the next resume is what a test says', async () => {
  const harness = new Harness();
  const bob = await Frames.join(harness, 'bob');
  await Frames.join(harness, 'ada');
  bob.take();
  const outcomes = [];
  for (const outcome of [null, 'partial', 'no', null]) {
    if (outcome) harness.server.nextResume(outcome);
    const { ticket } = harness.server.session('ada');
    const again = await Frames.join(harness, 'ada', { resume: { ticket, received: 0 } });
    outcomes.push(again.take('resumed')[0][1]);
  }
  assert.deepEqual(outcomes, ['full', 'partial', 'no', 'full']);
  assert.deepEqual(bob.take('type', 'reason').map(([, ...told]) => told), [['left', 'closed'], ['joined', undefined]]);
});

/** Answers pings from now on. */
function setAnswering(/** @type {Frames} */ { socket }) {
  socket.addEventListener('message', (/** @type {any} */ { data }) => {
    if (JSON.parse(data).type === 'ping') socket.send(JSON.stringify({ type: 'pong', received: 0 }));
  });
}
