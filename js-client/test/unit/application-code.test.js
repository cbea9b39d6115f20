// Constructors and callbacks of the application and the browser that throw, return invalid values, or never settle.

import '../support/abort-fix.js';

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { MeetError } from '../../src/errors.js';
import { MeetRoom } from '../../src/meet-room.js';
import { SignalingSocket } from '../../src/signaling-socket.js';
import { Meeting } from './support/meeting.js';
import { Scene, failure } from './support/scene.js';

const NOTHING_LEFT = { connections: 0, sockets: 0, timers: 0, listeners: 0 };

const unhandled = [];
const note = (reason) => unhandled.push(reason);
before(() => process.on('unhandledRejection', note));
after(() => {
  process.off('unhandledRejection', note);
  assert.deepEqual(unhandled, []);
});

/** A join that fails with this code, after which nothing is left and another join works. */
async function fails(scene, ada, code, { mend } = {}) {
  const error = await scene.scheduler.run(failure(ada.join()), { withinMs: 300_000 });
  assert.ok(error instanceof MeetError, `${error.stack}`);
  assert.equal(error.code, code);
  assert.ok(error.message.length > 5);
  assert.ok(['closed', 'idle'].includes(ada.state), ada.state);
  await scene.clock.advance(60_000);
  assert.deepEqual(scene.harness.leaks, NOTHING_LEFT);
  if (mend === undefined) return;
  mend();
  await scene.scheduler.run(ada.join(), { withinMs: 1000 });
  assert.deepEqual(scene.server.roster('room'), ['ada']);
}

describe('WebSocket', () => {
  for (const name of ['SecurityError', 'SyntaxError', 'TypeError']) {
    test(`that throws ${name} ends the join, at once`, async () => {
      const scene = new Scene();
      const page = scene.harness.page('ada');
      const { WebSocket } = page.environment;
      let broken = true;
      page.environment.WebSocket = function Socket(...given) {
        if (broken) throw new DOMException('not from here', name);
        return new WebSocket(...given);
      };
      Object.assign(page.environment.WebSocket, { OPEN: 1 });
      await fails(scene, scene.socket('ada', { page }), 'blocked', { mend: () => { broken = false; } });
      assert.equal(scene.server.sockets.created, 1);
    });
  }

  test('that throws when the page comes back ends the session', async () => {
    const scene = new Scene();
    const page = scene.harness.page('ada');
    const { WebSocket } = page.environment;
    let broken = false;
    page.environment.WebSocket = function Socket(...given) {
      if (broken) throw new DOMException('not from here', 'SecurityError');
      return new WebSocket(...given);
    };
    Object.assign(page.environment.WebSocket, { OPEN: 1 });
    const ada = await scene.join('ada', { page });
    broken = true;
    scene.server.session('ada').socket.cut();
    await scene.clock.advance(60_000);
    assert.deepEqual([ada.state, ada.log.reasons.at(-1)], ['closed', 'blocked']);
    assert.deepEqual(scene.harness.leaks, NOTHING_LEFT);
  });

  test('that is not there is unsupported', async () => {
    const scene = new Scene();
    const page = scene.harness.page('ada');
    page.environment.WebSocket = undefined;
    await fails(scene, scene.socket('ada', { page }), 'unsupported');
  });
});

describe('the URL', () => {
  for (const [url, base] of [
    ['/signal/room', undefined],
    ['http://', 'https://host/'],
    ['https://host:99999/', 'https://host/'],
    ['mailto:ada', 'https://host/'],
    ['room', 'about:srcdoc'],
    ['/signal/room', 'blob:https://host/1234'],
    ['/signal/room', 'file:///index.html'],
    ['data:,x', 'https://host/'],
  ]) {
    test(`${url} at ${base} fails when it joins, not before`, async () => {
      const scene = new Scene();
      const page = scene.harness.page('ada');
      page.environment.base = base;
      const ada = new SignalingSocket(url, { environment: page.environment });
      await fails(scene, ada, 'url');
      await fails(scene, new MeetRoom(url, { environment: page.environment }), 'url');
    });
  }

  test('is resolved when it joins, against what the page says by then', async () => {
    const scene = new Scene();
    const page = scene.harness.page('ada');
    const { WebSocket } = page.environment;
    const urls = [];
    page.environment.WebSocket = class extends WebSocket {
      constructor(url, protocols) {
        super(url, protocols);
        urls.push(url);
      }
    };
    const { base, ...environment } = page.environment;
    const { window } = globalThis;
    const document = { baseURI: base };
    globalThis.window = { document };
    try {
      const ada = new SignalingSocket('signal/room', { environment });
      document.baseURI = 'https://other/base/';
      await scene.scheduler.run(ada.join(), { withinMs: 1000 });
      await scene.scheduler.run(ada.leave(), { withinMs: 1000 });
      document.baseURI = 'http://third/';
      await scene.scheduler.run(ada.join(), { withinMs: 1000 });
    } finally {
      globalThis.window = window;
    }
    assert.deepEqual(urls, ['wss://other/base/signal/room', 'ws://third/signal/room']);
  });

  test('is of no concern on a server, where both can be constructed', () => {
    assert.equal(new MeetRoom('/signal/room').state, 'idle');
    assert.equal(new SignalingSocket('/signal/room').state, 'idle');
  });
});

describe('the token', () => {
  const never = () => new Promise(() => {});
  for (const [what, token] of [
    ['throws', () => { throw new Error('no'); }],
    ['throws nothing in particular', () => { throw undefined; }],
    ['rejects', () => Promise.reject(new Error('no'))],
    ['is a number', () => 42],
    ['is undefined', () => undefined],
    ['is null', async () => null],
    ['is an object', () => ({})],
    ['is a thenable that throws', () => ({ get then() { throw new Error('no'); } })],
    ['never settles', never],
  ]) {
    test(`that ${what} ends the join`, async () => {
      const scene = new Scene();
      let broken = true;
      const ada = scene.socket('ada', { tokenTimeoutMs: 5000, token: () => (broken ? token() : 'sesame') });
      await fails(scene, ada, 'unauthorized', { mend: () => { broken = false; } });
      assert.equal(scene.sent('ada', 'join').at(-1).token, 'sesame');
    });
  }

  test('is waited for 30 s, after which the next try asks again', async () => {
    const scene = new Scene();
    let asked = 0;
    const ada = scene.socket('ada', { token: () => (++asked === 1 ? never() : 'sesame') });
    const joined = ada.join();
    await scene.clock.advance(29_999);
    assert.equal(asked, 1);
    await scene.scheduler.run(joined, { withinMs: 1000 });
  });

  test('that comes too late, or fails too late, does no harm', async () => {
    for (const late of ['resolve', 'reject']) {
      const scene = new Scene();
      const open = [];
      const token = () => new Promise((resolve, reject) => { open.push({ resolve, reject }); });
      const ada = scene.socket('ada', { tokenTimeoutMs: 1000, token, retry: () => null });
      await scene.scheduler.run(failure(ada.join()), { withinMs: 2000 });
      open[0][late]('late');
      await scene.clock.advance(10_000);
      assert.equal(scene.server.sockets.created, 0);
      assert.equal(ada.state, 'closed');
    }
  });

  for (const [how, give] of [
    ['leaving', (ada) => void ada.leave()],
    ['aborting', (_, controller) => controller.abort(new Error('changed my mind'))],
  ]) {
    test(`does not keep the page from ${how}`, async () => {
      const scene = new Scene();
      const ada = scene.socket('ada', { token: never });
      const controller = new AbortController();
      const joined = failure(ada.join({ signal: controller.signal }));
      await scene.clock.advance(1000);
      give(ada, controller);
      await scene.scheduler.run(joined);
      await scene.scheduler.run(ada.leave());
      assert.deepEqual(scene.harness.leaks, NOTHING_LEFT);
    });
  }

  test('is not asked for by a page that has left', async () => {
    const scene = new Scene();
    let asked = false;
    const ada = scene.socket('ada', { token: () => { asked = true; return 'sesame'; } });
    ada.on('statechange', ({ detail }) => { if (detail.state === 'connecting') void ada.leave(); });
    assert.equal((await scene.scheduler.run(failure(ada.join()))).code, 'closed');
    assert.equal(asked, false);
  });

  test('that leaves when it is asked for leaves', async () => {
    const scene = new Scene();
    const ada = scene.socket('ada', { token: () => { void ada.leave(); return 'sesame'; } });
    await scene.scheduler.run(failure(ada.join()));
    await scene.clock.advance(1000);
    assert.equal(scene.server.sockets.created, 0);
  });
});

describe('the retry policy', () => {
  for (const [what, retry] of [
    ['throws', () => { throw new Error('no'); }],
    ['gives NaN', () => NaN],
    ['gives undefined', () => undefined],
    ['gives a text', () => '100'],
    ['gives a promise', async () => 100],
    ['gives minus infinity', () => -Infinity],
  ]) {
    test(`that ${what} ends the join, and a session`, async () => {
      const scene = new Scene();
      scene.server.stop();
      let broken = true;
      const ada = scene.socket('ada', { retry: (attempt) => (broken ? retry(attempt) : 10) });
      await fails(scene, ada, 'retry', { mend: () => { broken = false; scene.server.start(); } });
      broken = true;
      scene.server.session('ada').socket.cut();
      await scene.clock.advance(60_000);
      assert.deepEqual([ada.state, ada.log.reasons.at(-1)], ['closed', 'retry']);
      assert.deepEqual(scene.server.roster('room'), []);
    });
  }

  test('that gives infinity gives up', async () => {
    const scene = new Scene();
    scene.server.stop();
    await fails(scene, scene.socket('ada', { retry: () => Infinity }), 'unreachable');
  });

  test('that gives less than nothing, or more than a timer can, is kept within', async () => {
    const scene = new Scene();
    scene.server.stop();
    const delays = [-5, 1e12];
    const ada = scene.socket('ada', { retry: () => delays.shift() ?? null });
    void ada.join().catch(() => {});
    await scene.clock.advance(1_000_000);
    assert.equal(scene.server.sockets.created, 2);
    assert.equal(ada.state, 'connecting');
  });

  test('that leaves, leaves', async () => {
    const scene = new Scene();
    const ada = await scene.join('ada', { retry: () => { void ada.leave(); return 10; } });
    scene.server.session('ada').socket.cut();
    await scene.clock.advance(60_000);
    assert.deepEqual(ada.log.states.slice(2), ['closed']);
    assert.deepEqual(scene.harness.leaks, NOTHING_LEFT);
    assert.deepEqual(scene.server.roster('room'), []);
  });
});

describe('a message', () => {
  const cycle = {};
  cycle.cycle = cycle;
  const bad = [1n, cycle, { deep: [1n] }, { toJSON() { throw new Error('no'); } }, () => {}, Symbol('x'), { toJSON: () => undefined }];

  test('that cannot be written as JSON throws, and changes nothing', async () => {
    const scene = new Scene();
    const ada = await scene.join('ada');
    const bob = await scene.join('bob');
    for (const data of bad) {
      assert.throws(() => ada.send({ type: 'broadcast', data }), (error) => error instanceof MeetError && error.code === 'not-json');
    }
    ada.send({ type: 'broadcast', data: undefined });
    ada.send({ type: 'broadcast', data: 'good' });
    await scene.clock.advance(100);
    assert.deepEqual(scene.heard(bob), [null, 'good']);
    assert.deepEqual(ada.log.rejected, []);
  });

  test('of a room likewise', async () => {
    const meeting = new Meeting();
    const ada = await meeting.join('ada', { camera: false });
    const bob = await meeting.join('bob', { camera: false });
    await meeting.scheduler.settle();
    for (const data of bad) {
      assert.throws(() => ada.broadcast(data), { code: 'not-json' });
      assert.throws(() => ada.send(bob.self.id, data), { code: 'not-json' });
    }
    ada.broadcast(undefined);
    ada.send(bob.self.id, undefined);
    await meeting.clock.advance(100);
    assert.deepEqual(bob.events.filter((event) => event.startsWith('message')), ['message ada null', 'message ada null direct']);
  });
});

describe('RTCPeerConnection', () => {
  test('that is not there is unsupported, before anybody is told', async () => {
    const meeting = new Meeting();
    const page = meeting.harness.page('ada');
    page.environment.RTCPeerConnection = undefined;
    await fails(meeting, meeting.room('ada', { page }), 'unsupported');
    assert.equal(meeting.server.sockets.created, 0);
  });

  for (const name of ['SyntaxError', 'InvalidAccessError', 'TypeError', 'NotSupportedError']) {
    test(`that refuses its options (${name}) ends the join, and nobody is left behind`, async () => {
      const meeting = new Meeting({ server: { iceServers: [{ urls: 'stun:old.example' }] } });
      const bob = await meeting.join('bob', { camera: false });
      const page = meeting.harness.page('ada');
      const { RTCPeerConnection } = page.environment;
      page.environment.RTCPeerConnection = function Refusing(configuration) {
        if (configuration.iceServers[0].urls.includes('stun:old.example')) throw new DOMException('no such server', name);
        return new RTCPeerConnection(configuration);
      };
      const ada = meeting.room('ada', { page });
      const error = await meeting.scheduler.run(failure(ada.join()), { withinMs: 5000 });
      assert.ok(error instanceof MeetError);
      assert.deepEqual([error.code, error.cause.name], ['rtc', name]);
      await meeting.clock.advance(100);
      assert.deepEqual(meeting.server.roster('room'), ['bob']);
      assert.deepEqual(ada.events, ['state connecting', 'state closed']);
      assert.equal(bob.state, 'joined');
    });
  }

  test('of which there are too many for now does not end the join', async () => {
    const meeting = new Meeting();
    const page = meeting.harness.page('ada');
    page.environment.RTCPeerConnection = function Full() { throw new DOMException('so many', 'UnknownError'); };
    const ada = meeting.room('ada', { page });
    await meeting.scheduler.run(ada.join(), { withinMs: 1000 });
    assert.equal(ada.state, 'joined');
  });
});

test('a storage that throws is none', async () => {
  const scene = new Scene();
  const page = scene.harness.page('ada');
  page.environment.storage = new Proxy({}, { get() { throw new DOMException('no', 'SecurityError'); } });
  const ada = await scene.join('ada', { page });
  page.fire('pagehide', { persisted: true });
  page.fire('pageshow', { persisted: true });
  await scene.clock.advance(1000);
  assert.equal(ada.state, 'joined');
});
