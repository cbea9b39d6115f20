// A session in a page that is hidden, frozen, restored, reloaded or duplicated.

import '../support/abort-fix.js';

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { Scene } from './support/scene.js';

describe('the page', () => {
  const loseAndStayAway = async (scene, ada) => {
    scene.server.stop();
    await scene.clock.advance(60_000);
    assert.equal(ada.state, 'away');
    scene.server.start();
  };

  for (const [event, act] of [
    ['is online again', (page) => page.fire('online')],
    ['is looked at again', (page) => page.setVisibility('visible')],
    ['is brought back', (page) => page.fire('pageshow', { persisted: true })],
  ]) {
    test(`that ${event} tries at once`, async () => {
      const scene = new Scene();
      const ada = await scene.join('ada');
      await loseAndStayAway(scene, ada);
      act(ada.page);
      await scene.scheduler.settle();
      assert.equal(ada.state, 'joined');
    });
  }

  test('that was offline does not wait for a dead connection', async () => {
    const scene = new Scene();
    const ada = await scene.join('ada');
    scene.server.session('ada').socket.stall();
    ada.page.fire('offline');
    ada.page.fire('online');
    await scene.scheduler.settle();
    assert.equal(ada.state, 'joined');
    assert.equal(ada.log.welcomes.at(-1).resumed, 'full');
  });

  test('that slept through three heartbeats looks at once', async () => {
    const scene = new Scene();
    const ada = await scene.join('ada');
    const { socket } = scene.server.session('ada');
    socket.stall();
    await scene.clock.advance(20_000);
    ada.page.setVisibility('visible');
    await scene.scheduler.settle();
    assert.equal(ada.log.welcomes.length, 1, 'it may only be slow');
  });

  test('that goes for good leaves at once', async () => {
    const scene = new Scene();
    const ada = await scene.join('ada');
    const bob = await scene.join('bob');
    ada.page.close();
    await scene.scheduler.settle();
    assert.equal(bob.log.messages.at(-1).reason, 'left');
  });

  test('that goes into the back/forward cache is away, and resumes when it is brought back', async () => {
    const scene = new Scene();
    const ada = await scene.join('ada');
    const bob = await scene.join('bob');
    ada.page.fire('pagehide', { persisted: true });
    await scene.scheduler.settle();
    assert.equal(bob.log.messages.at(-1).status, 'away');
    ada.page.fire('pageshow', { persisted: true });
    await scene.scheduler.settle();
    assert.equal(bob.log.messages.at(-1).status, 'here');
    assert.equal(ada.log.welcomes.at(-1).resumed, 'full');
  });

  test('that is reloaded replaces itself, also where its leave is lost', async () => {
    const scene = new Scene();
    const ada = await scene.join('ada');
    const bob = await scene.join('bob');
    scene.server.session('ada').socket.stall();
    const page = ada.page.reload();
    const again = await scene.join('ada', { page });
    await scene.scheduler.settle();
    assert.deepEqual(scene.server.roster('room'), ['bob', 'ada']);
    assert.deepEqual(bob.log.messages.map(({ type, reason }) => reason ?? type).slice(-2), ['replaced', 'joined']);
    assert.notEqual(again.log.welcomes[0].self.id, ada.log.welcomes[0].self.id);
  });

  test('that is duplicated while it lives is somebody else', async () => {
    const scene = new Scene();
    const ada = await scene.join('ada');
    const twin = scene.harness.page('twin', { storage: ada.page.storage });
    await scene.join('twin', { page: twin });
    assert.deepEqual(scene.server.roster('room'), ['ada', 'twin']);
  });

  test('whose storage is forbidden joins all the same', async () => {
    const scene = new Scene();
    const page = scene.harness.page('ada');
    const forbidden = () => { throw new DOMException('no', 'SecurityError'); };
    page.environment.storage = { getItem: forbidden, setItem: forbidden, removeItem: forbidden };
    const ada = await scene.join('ada', { page });
    page.fire('pagehide', { persisted: false });
    assert.equal(ada.state, 'closed');
  });
});
