// A WebSocket that does not open, and what the server answers over HTTP.

import '../support/abort-fix.js';

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { Scene, failure } from './support/scene.js';

/** A page whose server answers HTTP in this way, and a log of the requests. */
function answered(scene, name, answer) {
  const page = scene.harness.page(name);
  const requests = [];
  const fetch = async (url, init) => {
    requests.push({ url, ...init });
    return answer(init.signal);
  };
  return { page, environment: { ...page.environment, fetch }, requests };
}

const text = (status, body, headers = {}) => () => new Response(body, { status, headers: { 'content-type': 'text/plain; charset=utf-8', ...headers } });
const html = (status) => () => new Response('<!doctype html><p>no', { status, headers: { 'content-type': 'text/html' } });
/** As browsers give it to a page that follows no redirect. */
const redirect = () => Object.defineProperties(new Response(null), { ok: { value: false }, status: { value: 0 }, type: { value: 'opaqueredirect' } });
const nothing = () => { throw new TypeError('Failed to fetch'); };
/** Until it is aborted. */
const never = (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));

/** Joins while no WebSocket opens. */
async function join(answer, options = {}) {
  const scene = new Scene();
  scene.server.stop();
  const { page, environment, requests } = answered(scene, 'ada', answer);
  const ada = scene.socket('ada', { page, environment, ...options });
  const error = await scene.scheduler.run(failure(ada.join()), { withinMs: 120_000 });
  await scene.clock.advance(60_000);
  assert.deepEqual(scene.harness.leaks, { connections: 0, sockets: 0, timers: 0, listeners: 0 });
  return { scene, ada, error, requests, attempts: scene.server.sockets.created };
}

describe('a first join', () => {
  for (const [what, answer, code, message] of [
    ['401', text(401, 'log in again'), 'unauthorized', 'log in again'],
    ['403', text(403, 'not your team'), 'denied', 'not your team'],
    ['404', text(404, ' no such team\n'), 'not-found', 'no such team'],
    ['400', text(400, 'a room name is 1 to 64 characters'), 'bad-request', 'a room name is 1 to 64 characters'],
    ['404 with a page', html(404), 'not-found', 'the server answers: not-found'],
    ['401 without a text', text(401, ''), 'unauthorized', 'the server answers: unauthorized'],
    ['a redirect', redirect, 'unauthorized', 'the server answers: unauthorized'],
    ['a long text', text(403, 'x'.repeat(100_000)), 'denied', 'x'.repeat(256)],
  ]) {
    test(`ends at once if the server answers ${what}`, async () => {
      const { ada, error, requests, attempts } = await join(answer);
      assert.deepEqual([error.code, error.message, error.retryable], [code, message, false]);
      assert.deepEqual([attempts, requests.length, ada.state], [1, 1, 'closed']);
      assert.deepEqual(ada.log.reasons, [null, code]);
    });
  }

  for (const [what, answer, code] of [
    ['429', text(429, 'slow down'), 'rate-limited'],
    ['500', html(500), 'unavailable'],
    ['503', text(503, 'the database is down'), 'unavailable'],
    ['426', text(426, 'this is the URL of a WebSocket'), 'websocket-blocked'],
    ['200', html(200), 'websocket-blocked'],
    ['204', () => new Response(null, { status: 204 }), 'websocket-blocked'],
    ['400 of a framework without upgrade', text(400, 'Connection header did not include \'upgrade\''), 'websocket-blocked'],
    ['405, which says nothing', text(405, 'no'), 'unreachable'],
    ['nothing', nothing, 'unreachable'],
  ]) {
    test(`is tried again, and asks once, if the server answers ${what}`, async () => {
      const { error, requests, attempts } = await join(answer);
      assert.deepEqual([error.code, error.retryable], [code, true]);
      assert.deepEqual([attempts, requests.length], [4, 1]);
    });
  }

  test('waits as long as the server asks for', async () => {
    const waits = [];
    const retry = ({ attempt, error }) => { waits.push(error.retryAfterMs); return attempt < 3 ? 0 : null; };
    const { scene, error } = await join(text(429, 'slow down', { 'retry-after': '7' }), { retry });
    assert.deepEqual([error.retryAfterMs, waits], [7000, [7000, 7000, 7000]]);
    assert.equal(scene.server.sockets.created, 3);
    for (const long of ['301', '3600', '86400', '99999']) {
      const { error: { retryAfterMs } } = await join(text(503, 'no', { 'retry-after': long }), { retry: () => null });
      assert.equal(retryAfterMs, 300_000, 'no answer stops a page for longer');
    }
    for (const odd of ['soon', 'Fri, 27 Nov 2026 10:00:00 GMT', '-1', '1.5', '1234567']) {
      const { error: { code, retryAfterMs } } = await join(text(503, 'no', { 'retry-after': odd }), { retry: () => null });
      assert.deepEqual([code, retryAfterMs], ['unavailable', 0], odd);
    }
  });

  test('asks as the WebSocket did: the same URL, with cookies, past caches, without following', async () => {
    const { requests: [{ url, signal, ...init }] } = await join(text(404, 'no'));
    assert.equal(url, 'https://host/signal/room');
    assert.deepEqual(init, { cache: 'no-store', credentials: 'include', redirect: 'manual' });
    assert.ok(signal.aborted, 'what is left of the body is not awaited');
  });

  test('goes on as without an answer if there is none in time', async () => {
    const scene = new Scene();
    scene.server.refuseNext(1);
    const { page, environment, requests } = answered(scene, 'ada', never);
    const ada = scene.socket('ada', { page, environment, retry: () => 0 });
    const joined = ada.join();
    await scene.clock.advance(4990);
    assert.equal(scene.server.sockets.created, 1);
    await scene.scheduler.run(joined, { withinMs: 100 });
    assert.ok(requests[0].signal.aborted);
    assert.equal(ada.state, 'joined');
  });

  test('is aborted while it asks, and leaves nothing behind', async () => {
    const scene = new Scene();
    scene.server.stop();
    const { page, environment, requests } = answered(scene, 'ada', never);
    const ada = scene.socket('ada', { page, environment });
    const joined = failure(ada.join());
    await scene.scheduler.until(() => requests.length === 1, { withinMs: 1000 });
    void ada.leave();
    assert.ok(requests[0].signal.aborted);
    assert.equal((await joined).code, 'closed');
    assert.deepEqual(ada.log.states, ['connecting', 'closed']);
    await scene.clock.advance(60_000);
    assert.equal(scene.server.sockets.created, 1);
    assert.deepEqual(scene.harness.leaks, { connections: 0, sockets: 0, timers: 0, listeners: 0 });
  });

  test('an answer that comes after leaving and joining again changes nothing', async () => {
    const scene = new Scene();
    scene.server.refuseNext(1);
    let give;
    const { page, environment, requests } = answered(scene, 'ada', () => new Promise((resolve) => { give = resolve; }));
    const ada = scene.socket('ada', { page, environment });
    const first = failure(ada.join());
    await scene.scheduler.until(() => requests.length === 1, { withinMs: 1000 });
    void ada.leave();
    await first;
    await scene.scheduler.run(ada.join(), { withinMs: 1000 });
    give(text(401, 'log in again')());
    await scene.clock.advance(10_000);
    assert.equal(ada.state, 'joined');
  });
});

describe('a session that has lost its connection', () => {
  /** A member; `answer` is what the server answers from the next request on. */
  async function member() {
    const scene = new Scene();
    const answers = { next: nothing };
    const { page, environment, requests } = answered(scene, 'ada', (signal) => answers.next(signal));
    const ada = await scene.join('ada', { page, environment });
    return { scene, ada, page, requests, answers };
  }

  test('ends within one attempt if its login has expired', async () => {
    const { scene, ada, requests, answers } = await member();
    answers.next = text(401, 'log in again');
    scene.server.refuseNext(99);
    scene.server.session('ada').socket.cut();
    await scene.scheduler.until(() => ada.state === 'closed', { withinMs: 5000 });
    assert.deepEqual(ada.log.states.slice(2), ['away', 'resuming', 'closed']);
    assert.deepEqual(ada.log.reasons.slice(2), ['lost', null, 'unauthorized']);
    assert.deepEqual([scene.server.sockets.created, requests.length], [2, 1]);
  });

  for (const [what, answer, code] of [
    ['404', text(404, 'no such route'), 'not-found'],
    ['400', text(400, 'no'), 'bad-request'],
    ['a redirect', redirect, 'unauthorized'],
  ]) {
    test(`goes on over ${what}, which a proxy answers while the server restarts`, async () => {
      const { scene, ada, answers } = await member();
      answers.next = answer;
      scene.server.refuseNext(4);
      scene.server.session('ada').socket.cut();
      await scene.scheduler.until(() => ada.log.reasons.at(-1) === code, { withinMs: 5000 });
      assert.equal(ada.state, 'away');
      await scene.scheduler.until(() => ada.state === 'joined', { withinMs: 30_000 });
      assert.equal(ada.log.welcomes.at(-1).resumed, 'full');
    });

    test(`ends if ${what} lasts for longer than the server keeps the session`, async () => {
      const { scene, ada, answers } = await member();
      const reasons = [];
      ada.on('statechange', ({ detail: { reason } }) => { if (reason !== null) reasons.push([reason.code, reason.retryable]); });
      answers.next = nothing;
      scene.server.stop();
      await scene.clock.advance(120_000);
      assert.ok(['away', 'resuming'].includes(ada.state));
      answers.next = answer;
      await scene.scheduler.until(() => reasons.at(-1)[0] === code, { withinMs: 45_000 });
      await scene.clock.advance(29_000);
      assert.ok(['away', 'resuming'].includes(ada.state), 'the time counts from the first such answer');
      await scene.scheduler.until(() => ada.state === 'closed', { withinMs: 45_000 });
      assert.deepEqual([reasons.at(-2), reasons.at(-1)], [[code, true], [code, false]]);
    });
  }

  test('forgets an answer that may pass as soon as there is another one', async () => {
    const { scene, ada, answers } = await member();
    scene.server.stop();
    for (let minute = 0; minute < 5; minute += 1) {
      answers.next = html(404);
      await scene.scheduler.until(() => ada.log.reasons.at(-1) === 'not-found', { withinMs: 45_000 });
      answers.next = html(502);
      await scene.scheduler.until(() => ada.log.reasons.at(-1) === 'unavailable', { withinMs: 45_000 });
    }
    assert.ok(ada.state !== 'closed');
  });

  test('ends at once if the server answers 403', async () => {
    const { scene, ada, answers } = await member();
    answers.next = text(403, 'not your team any more');
    scene.server.refuseNext(99);
    scene.server.session('ada').socket.cut();
    await scene.scheduler.until(() => ada.state === 'closed', { withinMs: 5000 });
    assert.deepEqual(ada.log.reasons.slice(2), ['lost', null, 'denied']);
  });

  test('asks again soon if nothing was heard', async () => {
    const { scene, ada, requests, answers } = await member();
    scene.server.refuseNext(99);
    scene.server.session('ada').socket.cut();
    await scene.scheduler.until(() => requests.length === 1, { withinMs: 5000 });
    answers.next = text(401, 'log in again');
    await scene.scheduler.until(() => ada.state === 'closed', { withinMs: 20_000 });
    assert.deepEqual([ada.log.reasons.at(-1), requests.length], ['unauthorized', 2]);
  });

  for (const [what, first] of [['was not heard', nothing], ['is still open', never]]) {
    test(`asks again at once when the page is online again and a request ${what}`, async () => {
      const { scene, ada, page, requests, answers } = await member();
      answers.next = first;
      scene.server.refuseNext(99);
      scene.server.session('ada').socket.cut();
      await scene.scheduler.until(() => requests.length === 1, { withinMs: 5000 });
      await scene.clock.advance(10);
      answers.next = text(401, 'log in again');
      page.fire('online');
      await scene.scheduler.until(() => ada.state === 'closed', { withinMs: 1000 });
      assert.deepEqual([ada.log.reasons.at(-1), requests.length], ['unauthorized', 2]);
    });
  }

  test('asks at most twice a minute, for as long as it lasts, and hears of the login in the end', async () => {
    const { scene, ada, requests, answers } = await member();
    scene.server.stop();
    await scene.clock.advance(600_000);
    assert.ok(requests.length > 12 && requests.length <= 21, `${requests.length} requests in ten minutes`);
    assert.equal(ada.state === 'away' || ada.state === 'resuming', true);
    answers.next = text(401, 'log in again');
    await scene.clock.advance(45_000);
    assert.equal(ada.state, 'closed');
    assert.equal(ada.log.reasons.at(-1), 'unauthorized');
  });

  test('asks anew in the next outage', async () => {
    const { scene, ada, requests } = await member();
    for (let outage = 1; outage <= 3; outage += 1) {
      scene.server.refuseNext(2);
      scene.server.session('ada').socket.cut();
      await scene.scheduler.until(() => ada.state !== 'joined', { withinMs: 1000 });
      await scene.scheduler.until(() => ada.state === 'joined', { withinMs: 20_000 });
      assert.equal(requests.length, outage);
    }
  });

  test('goes on trying where HTTP gets through and the WebSocket does not, and says so', async () => {
    const { scene, ada, answers } = await member();
    answers.next = text(426, 'this is the URL of a WebSocket');
    scene.server.refuseNext(3);
    scene.server.session('ada').socket.cut();
    await scene.scheduler.until(() => ada.log.reasons.at(-1) === 'websocket-blocked', { withinMs: 20_000 });
    assert.equal(ada.state, 'away');
    await scene.scheduler.until(() => ada.state === 'joined', { withinMs: 60_000 });
    assert.equal(ada.log.welcomes.at(-1).resumed, 'full');
  });

  test('reconnects at once when the page is online again while it asks', async () => {
    const { scene, ada, page, requests, answers } = await member();
    answers.next = never;
    scene.server.refuseNext(1);
    scene.server.session('ada').socket.cut();
    await scene.scheduler.until(() => requests.length === 1, { withinMs: 5000 });
    page.fire('online');
    assert.ok(requests[0].signal.aborted);
    await scene.scheduler.until(() => ada.state === 'joined', { withinMs: 500 });
    assert.equal(requests.length, 1);
  });

  test('is told in-band by a server that opens the WebSocket to refuse', async () => {
    let expired = false;
    const refuse = { code: 'unauthorized', message: 'log in again', close: 4502 };
    const scene = new Scene({ server: { authorize: () => (expired ? { refuse } : {}) } });
    const { page, environment, requests } = answered(scene, 'ada', text(426, 'this is the URL of a WebSocket'));
    const ada = await scene.join('ada', { page, environment });
    expired = true;
    scene.server.restart();
    await scene.scheduler.until(() => ada.state === 'closed', { withinMs: 20_000 });
    assert.deepEqual(ada.log.states.slice(2), ['away', 'resuming', 'closed']);
    assert.deepEqual([ada.log.reasons.at(-1), requests.length], ['unauthorized', 0]);
  });
});
