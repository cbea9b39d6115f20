// The fake server against `docs/protocol.md`, by frames.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { FakeWorld } from './fake-world.js';

/** @typedef {import('./fake-signal-server.js').ServerOptions} ServerOptions */

/** A client that does nothing by itself. */
class Frames {
  /** @type {any[]} */
  received = [];
  /** @type {number | null} */
  closed = null;

  /**
   * @param {FakeWorld} world
   * @param {string} page
   * @param {{ room?: string, protocols?: string[] }} [options]
   */
  constructor(world, page, { room = 'standup', protocols = ['meet-signal.v1'] } = {}) {
    this.world = world;
    const { WebSocket } = world.server.page(page);
    this.socket = new WebSocket(`ws://host/signal/${room}`, protocols);
    this.socket.onmessage = ({ data }) => this.received.push(JSON.parse(data));
    this.socket.onclose = ({ code }) => { this.closed = code; };
  }

  /**
   * A member.
   *
   * @param {FakeWorld} world
   * @param {string} page
   * @param {Record<string, unknown>} [join]
   */
  static async join(world, page, join = {}) {
    const member = new Frames(world, page);
    await world.scheduler.settle();
    await member.send({ type: 'join', meta: { name: page }, ...join });
    return member;
  }

  /** @param {...(object | string)} frames */
  async send(...frames) {
    for (const frame of frames) this.socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame));
    await this.world.scheduler.settle();
  }

  get welcome() {
    return this.received.filter(({ type }) => type === 'welcome').at(-1) ?? assert.fail('no welcome');
  }

  /** What came since the last look. */
  take() {
    return this.received.splice(0);
  }
}

/** A world with these members, in this order, all of whose frames were looked at. */
async function room(/** @type {string[]} */ pages, /** @type {ServerOptions} */ server = {}) {
  const world = new FakeWorld({ server });
  const members = [];
  for (const page of pages) members.push(await Frames.join(world, page));
  const welcomes = members.map(({ welcome }) => welcome);
  for (const member of members) member.take();
  return { world, members, welcomes, ids: welcomes.map((welcome) => welcome.self.id) };
}

describe('joining', () => {
  test('gives the roster with roles, and tells the others', async () => {
    const world = new FakeWorld({ server: { iceServers: [{ urls: 'stun:x' }] } });
    const ada = await Frames.join(world, 'ada');
    const bob = await Frames.join(world, 'bob');
    const { welcome } = bob;
    assert.match(welcome.self.id, /^[\w-]{22}$/);
    assert.match(welcome.ticket, /^[\w-]{43}$/);
    const id = ada.welcome.self.id;
    assert.deepEqual(welcome, {
      type: 'welcome', v: 1, room: 'standup', ticket: welcome.ticket, resumed: 'no', received: 0, locked: false,
      self: { id: welcome.self.id, meta: { name: 'bob' }, permissions: ['signal', 'broadcast'] },
      peers: [{ id, meta: { name: 'ada' }, status: 'here', polite: false }],
      iceServers: [{ urls: 'stun:x' }], heartbeatMs: 10_000, graceMs: 30_000,
      limits: {
        frameBytes: 65_536, metaBytes: 4_096, ratePerSecond: 60, rateBurst: 240,
        rateBytesPerSecond: 131_072, rateBurstBytes: 1_048_576, updatesPerMinute: 60,
      },
    });
    assert.deepEqual(ada.received.at(-1), {
      type: 'joined', peer: { id: welcome.self.id, meta: { name: 'bob' }, status: 'here', polite: true },
    });
    assert.deepEqual(world.server.roster('standup'), ['ada', 'bob']);
  });

  test('has to be the first thing, and to come in time', async () => {
    const world = new FakeWorld();
    const frames = new Frames(world, 'ada');
    await world.scheduler.settle();
    await frames.send({ type: 'broadcast', data: 1 }, 'nonsense');
    assert.deepEqual(frames.take().map(({ code }) => code), ['not-joined', 'not-joined']);
    await world.clock.advance(10_000);
    assert.equal(frames.closed, 4501);
  });

  test('is refused before the upgrade for a bad room or an unknown subprotocol', async () => {
    const world = new FakeWorld();
    const refused = [
      new Frames(world, 'a', { room: 'bad room' }), new Frames(world, 'b', { protocols: ['other'] }),
    ];
    const served = new Frames(world, 'c', { protocols: [] });
    await world.scheduler.settle();
    assert.deepEqual(refused.map(({ closed }) => closed), [1006, 1006]);
    assert.deepEqual([served.socket.readyState, served.socket.protocol], [1, '']);
  });

  test('is refused with an error and a code', async () => {
    /** @type {[ServerOptions, Record<string, unknown>, string, number][]} */
    const cases = [
      [{ capacity: 0 }, {}, 'room-full', 4503],
      [{ authorize: ({ token }) => (token === 'right' ? {} : { refuse: { code: 'unauthorized', close: 4502 } }) },
        { token: 'wrong' }, 'unauthorized', 4502],
      [{}, { meta: 'x'.repeat(4_096) }, 'too-large', 4501],
    ];
    for (const [server, join, code, close] of cases) {
      const frames = await Frames.join(new FakeWorld({ server }), 'ada', join);
      assert.deepEqual([frames.received.map((frame) => frame.code), frames.closed], [[code], close]);
    }
  });

  test('in place of an older session takes its seat in one step', async () => {
    const { world, members: [ada, bob], ids, welcomes } = await room(['ada', 'bob'], { capacity: 2 });
    const again = await Frames.join(world, 'bob', { replaces: welcomes[1].ticket });
    assert.deepEqual(ada.take().map(({ type, reason }) => [type, reason]), [['left', 'replaced'], ['joined', undefined]]);
    assert.deepEqual(again.welcome.peers.map((/** @type {any} */ { id }) => id), [ids[0]]);
    assert.notEqual(again.welcome.self.id, ids[1]);
    assert.equal(bob.closed, 4508);
  });
});

describe('in the room', () => {
  test('frames go to one or to all, in order', async () => {
    const { members: [ada, bob, cleo], ids } = await room(['ada', 'bob', 'cleo']);
    await ada.send({ type: 'signal', to: ids[1], data: 1 }, { type: 'broadcast', data: { a: 2 } });
    assert.deepEqual(bob.take(), [
      { type: 'signal', from: ids[0], data: 1 }, { type: 'broadcast', from: ids[0], data: { a: 2 } },
    ]);
    assert.deepEqual([cleo.take().length, ada.take().length], [1, 0]);
  });

  test('errors name the frame they are about, and the session goes on', async () => {
    const { world, members: [ada] } = await room(['ada']);
    world.server.rejectNext('broadcast', { code: 'rate-limited', retryAfterMs: 500 });
    await ada.send(
      { type: 'signal', to: 'nobody', data: 1, ref: 1 }, { type: 'broadcast', data: 1, ref: 2 },
      { type: 'dance', ref: 3 }, { type: 'signal', ref: 4 }, { type: 'join' }, { type: 'lock', locked: true },
      { type: 'ack', received: 99 }, 'nonsense',
    );
    assert.deepEqual(ada.take().map(({ code, ref, retryAfterMs }) => [code, ref, retryAfterMs]), [
      ['no-such-peer', 1, undefined], ['rate-limited', 2, 500], ['unknown-type', 3, undefined],
      ['bad-message', 4, undefined], ['already-joined', undefined, undefined], ['not-allowed', undefined, undefined],
      ['bad-message', undefined, undefined], ['bad-message', undefined, undefined],
    ]);
    await ada.send(...Array.from({ length: 14 }, () => 'nonsense'));
    assert.equal(ada.closed, 4501);
  });

  test('changes are told to the others', async () => {
    const { world, members: [ada, bob], ids } = await room(['ada', 'bob']);
    await ada.send({ type: 'update', meta: 'new' });
    world.server.app(world.server.session('bob'), { n: 1 });
    world.server.renew([{ urls: 'stun:y' }]);
    await ada.send({ type: 'leave' });
    assert.deepEqual(bob.take(), [
      { type: 'updated', peer: ids[0], meta: 'new' }, { type: 'app', data: { n: 1 } },
      { type: 'iceServers', iceServers: [{ urls: 'stun:y' }] }, { type: 'left', peer: ids[0], reason: 'left' },
    ]);
    assert.equal(ada.closed, 1000);
  });

  test('moderators kick and lock', async () => {
    const permissions = ['signal', 'broadcast', 'moderate'];
    const { world, members: [ada, bob], ids, welcomes } = await room(['ada', 'bob'], { authorize: () => ({ permissions }) });
    await ada.send({ type: 'lock', locked: true }, { type: 'kick', peer: ids[1] });
    assert.deepEqual(ada.take().map(({ type }) => type), ['locked', 'left']);
    assert.equal(bob.closed, 4500);
    const back = await Frames.join(world, 'bob', { resume: { ticket: welcomes[1].ticket, received: 0 } });
    assert.deepEqual([back.take()[0].code, back.closed], ['room-locked', 4503]);
  });

  test('the lobby tells those in it nothing, until they are admitted or denied', async () => {
    const world = new FakeWorld({ server: {
      authorize: ({ page }) => (page === 'ada' ? { permissions: ['signal', 'moderate'] } : { lobby: true }),
    } });
    const ada = await Frames.join(world, 'ada');
    const [bob, cleo] = [await Frames.join(world, 'bob'), await Frames.join(world, 'cleo')];
    await bob.send({ type: 'broadcast', data: 1 });
    assert.deepEqual(bob.take().map(({ type, code }) => code ?? type), ['waiting', 'not-joined']);
    const knocks = ada.take().slice(1);
    assert.deepEqual(knocks.map(({ type, peer }) => [type, peer.meta.name]), [['knock', 'bob'], ['knock', 'cleo']]);
    await ada.send({ type: 'admit', peer: knocks[0].peer.id }, { type: 'deny', peer: knocks[1].peer.id });
    assert.equal(bob.take().at(-1).type, 'welcome');
    assert.deepEqual([cleo.take().at(-1).code, cleo.closed], ['denied', 4504]);
    assert.deepEqual(ada.take().map(({ type }) => type), ['knockGone', 'joined', 'knockGone']);
  });
});

describe('liveness', () => {
  test('pings after silence, and takes any frame for life', async () => {
    const { world, members: [ada] } = await room(['ada']);
    await world.clock.advance(10_000);
    assert.deepEqual(ada.take(), [{ type: 'ping', received: 0 }]);
    await ada.send({ type: 'broadcast', data: 1 });
    await world.clock.advance(9_999);
    assert.deepEqual(ada.take(), []);
    await world.clock.advance(1);
    assert.deepEqual(ada.take(), [{ type: 'ping', received: 1 }]);
  });

  test('gives up a client that is silent for three heartbeats, and then for the grace', async () => {
    const { world, members: [ada, bob], ids } = await room(['ada', 'bob']);
    world.server.session('ada').socket?.stall();
    const alive = setAnswering(bob);
    await world.clock.advance(30_000);
    assert.deepEqual(alive.take().filter(({ type }) => type === 'status'), [{ type: 'status', peer: ids[0], status: 'away' }]);
    assert.equal(ada.closed, null, 'a dead connection brings no close frame');
    await world.clock.advance(30_000);
    assert.deepEqual(alive.take().filter(({ type }) => type === 'left'), [{ type: 'left', peer: ids[0], reason: 'timeout' }]);
  });

  /** Answers pings from now on. */
  function setAnswering(/** @type {Frames} */ frames) {
    frames.socket.addEventListener('message', (/** @type {any} */ { data }) => {
      if (JSON.parse(data).type === 'ping') frames.socket.send(JSON.stringify({ type: 'pong', received: 0 }));
    });
    return frames;
  }
});

describe('resuming', () => {
  test('in full repeats what the client did not get, and nothing else', async () => {
    for (let seed = 0; seed < 60; seed++) {
      const world = new FakeWorld({ seed });
      const [ada, bob] = [await Frames.join(world, 'ada'), await Frames.join(world, 'bob')];
      const { ticket, self: { id } } = bob.welcome;
      bob.take();
      await ada.send({ type: 'signal', to: id, data: 0 }, { type: 'signal', to: id, data: 1 });
      ada.socket.send(JSON.stringify({ type: 'signal', to: id, data: 2 }));
      world.server.session('bob').socket?.cut();
      await world.scheduler.settle();
      await ada.send({ type: 'signal', to: id, data: 3 });
      const before = bob.take();
      const back = await Frames.join(world, 'bob', { resume: { ticket, received: before.length } });
      const [welcome, ...rest] = back.take();
      assert.deepEqual([welcome.resumed, welcome.self.id], ['full', id]);
      assert.deepEqual([...before, ...rest].map(({ data }) => data), [0, 1, 2, 3]);
    }
  });

  test('tells how much of the client has arrived, and shows others nothing but the status', async () => {
    const { world, members: [ada, bob], ids, welcomes } = await room(['ada', 'bob']);
    await bob.send({ type: 'broadcast', data: 1 }, { type: 'dance' });
    world.server.session('bob').socket?.cut();
    const back = await Frames.join(world, 'bob', { resume: { ticket: welcomes[1].ticket, received: 1 } });
    assert.equal(back.welcome.received, 2);
    assert.deepEqual(back.welcome.peers, [{ id: ids[0], meta: { name: 'ada' }, status: 'here', polite: false }]);
    assert.deepEqual(ada.take().map(({ type, status }) => status ?? type), ['broadcast', 'away', 'here']);
    assert.equal(world.server.session('bob').kept, 0);
  });

  test('takes over at once from a socket that the server still believes in', async () => {
    const { world, members: [ada, bob], welcomes } = await room(['ada', 'bob']);
    const { ticket } = welcomes[1];
    world.server.session('bob').socket?.stall();
    const back = await Frames.join(world, 'bob', { resume: { ticket, received: 0 } });
    const third = await Frames.join(world, 'bob', { resume: { ticket, received: 0 } });
    assert.deepEqual([back.welcome.resumed, third.welcome.resumed, back.closed], ['full', 'full', 4508]);
    bob.socket.close();
    await world.clock.advance(5_000);
    assert.deepEqual(ada.take(), []);
  });

  test('in part counts anew', async () => {
    const { world, members: [, bob], ids, welcomes } = await room(['ada', 'bob']);
    await bob.send({ type: 'broadcast', data: 1 });
    world.server.nextResume('partial');
    const back = await Frames.join(world, 'bob', { resume: { ticket: welcomes[1].ticket, received: 0 } });
    assert.deepEqual([back.welcome.resumed, back.welcome.received, back.welcome.self.id], ['partial', 0, ids[1]]);
  });

  test('with a ticket that is not known is a fresh join', async () => {
    const { world, members: [ada], ids, welcomes } = await room(['ada', 'bob']);
    world.server.nextResume('no');
    const back = await Frames.join(world, 'bob', { resume: { ticket: welcomes[1].ticket, received: 0 } });
    assert.equal(back.welcome.resumed, 'no');
    assert.notEqual(back.welcome.self.id, ids[1]);
    assert.deepEqual(ada.take().map(({ type, reason }) => reason ?? type), ['timeout', 'joined']);
  });
});

describe('what older servers do not have', () => {
  test('limits, which are told and hold', async () => {
    const limits = { frameBytes: 1000, metaBytes: 20 };
    const { members: [ada], welcomes: [welcome] } = await room(['ada'], { limits });
    assert.deepEqual([welcome.limits.frameBytes, welcome.limits.metaBytes, welcome.limits.rateBurst], [1000, 20, 240]);
    await ada.send({ type: 'update', meta: 'x'.repeat(20) });
    assert.equal(ada.take()[0].code, 'too-large');
    await ada.send({ type: 'broadcast', data: 'x'.repeat(1000) });
    assert.equal(ada.closed, 1009);
    const older = await room(['ada'], { limits: null });
    assert.ok(!('limits' in older.welcomes[0]));
  });

  test('a probe is answered with a ping at once, and not counted', async () => {
    const { members: [ada] } = await room(['ada']);
    await ada.send({ type: 'broadcast', data: 1 }, { type: 'probe' });
    assert.deepEqual(ada.take(), [{ type: 'ping', received: 1 }]);
    const { members: [bob] } = await room(['bob'], { limits: null });
    await bob.send({ type: 'probe' });
    assert.equal(bob.take()[0].code, 'unknown-type');
  });

  test('a session leaves by its ticket, on another connection', async () => {
    const { world, members: [ada, bob], welcomes } = await room(['ada', 'bob']);
    const farewell = new Frames(world, 'bob');
    await world.scheduler.settle();
    await farewell.send({ type: 'leave', ticket: welcomes[1].ticket });
    assert.deepEqual([farewell.closed, bob.closed, ada.take()[0].reason], [1000, 1000, 'left']);
    const again = new Frames(world, 'bob');
    await world.scheduler.settle();
    await again.send({ type: 'leave', ticket: welcomes[1].ticket });
    assert.deepEqual([again.closed, again.received], [1000, []]);
  });

  test('an older server does not know it', async () => {
    const { world, welcomes } = await room(['ada'], { limits: null });
    const farewell = new Frames(world, 'ada');
    await world.scheduler.settle();
    await farewell.send({ type: 'leave', ticket: welcomes[0].ticket });
    assert.equal(farewell.take()[0].code, 'not-joined');
    assert.deepEqual(world.server.roster('standup'), ['ada']);
  });

  test('a page that goes away is kept for less', async () => {
    for (const [close, ms] of /** @type {const} */ ([[4900, 2500], [1001, 2500], [4000, 30_000]])) {
      const { world, members: [ada, bob] } = await room(['ada', 'bob'], { heartbeatMs: 3_600_000 });
      if (close === 1001) bob.socket.disappear();
      else bob.socket.close(close);
      await world.clock.advance(ms - 1);
      assert.deepEqual(ada.take().map(({ type }) => type), ['status']);
      await world.clock.advance(1);
      assert.deepEqual(ada.take().map(({ reason }) => reason), ['timeout']);
    }
  });
});

test('the application may put another meta in place, which stays', async () => {
  const { members: [ada], welcomes } = await room(['ada'], { authorize: () => ({ meta: 'Ada Lovelace' }) });
  assert.equal(welcomes[0].self.meta, 'Ada Lovelace');
  await ada.send({ type: 'update', meta: 'Countess' });
  assert.equal(ada.take()[0].code, 'not-allowed');
});

describe('faults', () => {
  test('the next connections are refused or never open', async () => {
    const world = new FakeWorld();
    world.server.refuseNext();
    world.server.ignoreNext();
    const [refused, ignored, served] = ['a', 'b', 'c'].map((page) => new Frames(world, page));
    await world.clock.advance(60_000);
    assert.deepEqual([refused.closed, ignored.socket.readyState, served.closed], [1006, 0, 4501]);
  });

  test('a stopped server refuses, and knows its sessions when it is back', async () => {
    const { world, members: [ada], welcomes } = await room(['ada']);
    world.server.stop();
    const refused = new Frames(world, 'ada');
    await world.scheduler.settle();
    assert.deepEqual([ada.closed, refused.closed], [1006, 1006]);
    world.server.start();
    const back = await Frames.join(world, 'ada', { resume: { ticket: welcomes[0].ticket, received: 0 } });
    assert.equal(back.welcome.resumed, 'full');
  });

  test('a restarted server knows nobody', async () => {
    const { world, members: [ada], welcomes } = await room(['ada', 'bob']);
    world.server.restart();
    await world.scheduler.settle();
    assert.equal(ada.closed, 1006);
    const back = await Frames.join(world, 'ada', { resume: { ticket: welcomes[0].ticket, received: 0 } });
    assert.deepEqual([back.welcome.resumed, back.welcome.peers], ['no', []]);
    await back.send({ type: 'leave' });
    assert.equal(world.clock.pending, 0);
  });

  test('a draining server says when to come back', async () => {
    const { world, members: [ada] } = await room(['ada']);
    /** @type {string[]} */
    const reasons = [];
    ada.socket.addEventListener('close', (/** @type {any} */ { reason }) => reasons.push(reason));
    world.server.drain(1_500);
    await world.scheduler.settle();
    assert.deepEqual([ada.closed, reasons], [4000, ['retry-after-ms=1500']]);
    assert.deepEqual(world.server.roster('standup'), []);
  });

  test('a close code keeps the session or ends it', async () => {
    for (const [code, type] of /** @type {const} */ ([[4002, 'status'], [4003, 'status'], [4507, 'left']])) {
      const { world, members: [ada, bob] } = await room(['ada', 'bob']);
      world.server.close(world.server.session('bob'), code);
      await world.scheduler.settle();
      assert.deepEqual([bob.closed, ada.take().map((frame) => frame.type)], [code, [type]]);
    }
  });

  test('a text that no server would say can be sent', async () => {
    const { world, members: [ada] } = await room(['ada']);
    world.server.session('ada').sendRaw('{"type":"news","from":"the future"}');
    await world.scheduler.settle();
    assert.equal(ada.take()[0].type, 'news');
  });
});
