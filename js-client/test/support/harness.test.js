// Pages: that they end as tabs end, and that what they leave behind shows.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Harness } from './harness.js';

test('a page that crashes takes its timers, sockets and connections with it, and runs no more code', async () => {
  const harness = new Harness();
  const page = harness.page('ada');
  const { RTCPeerConnection, WebSocket, setTimeout } = page.environment;
  const pc = new RTCPeerConnection();
  const socket = new WebSocket('ws://host/signal/room');
  const never = () => assert.fail('code of a page that is gone');
  socket.onclose = never;
  pc.onnegotiationneeded = never;
  page.window.addEventListener('pagehide', never);
  await harness.scheduler.settle();
  setTimeout(never, 10);
  pc.addTransceiver('audio');
  assert.deepEqual(harness.leaks, { connections: 1, sockets: 1, timers: 1, listeners: 1 });
  page.crash();
  setTimeout(never, 10);
  await harness.clock.advance(1_000);
  assert.deepEqual(harness.leaks, { connections: 0, sockets: 0, timers: 0, listeners: 0 });
  assert.deepEqual(page.connections, [pc]);
});

test('a page that is closed hears of it first', () => {
  const page = new Harness().page('ada');
  /** @type {any[]} */
  const heard = [];
  page.window.addEventListener('pagehide', (/** @type {any} */ event) => heard.push(event.persisted));
  page.close();
  assert.deepEqual(heard, [false]);
});

test('a page that is reloaded keeps the storage of its tab', () => {
  const page = new Harness().page('ada');
  page.storage.setItem('key', 'value');
  const after = page.reload();
  assert.notEqual(after, page);
  assert.equal(after.environment.storage.getItem('key'), 'value');
  after.storage.removeItem('key');
  assert.equal(after.storage.getItem('key'), null);
});

test('pages tell of the network and of being looked at', () => {
  const page = new Harness().page('ada');
  const { window, document } = page.environment;
  /** @type {string[]} */
  const heard = [];
  window.addEventListener('online', () => heard.push('online'));
  document.addEventListener('visibilitychange', () => heard.push(document.visibilityState));
  page.fire('online');
  page.setVisibility('hidden');
  assert.deepEqual(heard, ['online', 'hidden']);
});
