// Tracks that end are removed, with an event.

import '../support/abort-fix.js';

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { FakeStream, FakeTrack } from '../support/fake-media.js';
import { Meeting } from './support/meeting.js';

async function two() {
  const meeting = new Meeting();
  const ada = await meeting.join('ada', { camera: false });
  const bob = await meeting.join('bob', { camera: false });
  await meeting.settle();
  return { meeting, ...watch(ada, bob) };
}

function watch(ada, bob) {
  const ended = [];
  ada.on('trackended', ({ detail: { name, kind, track } }) => ended.push([name, kind, track]));
  const seen = () => [...bob.peers.get(ada.self.id).sources.values()].map(({ name, audio, video }) => [name, audio?.muted, video?.muted]);
  return { ada, bob, ended, seen };
}

const ended = (kind) => {
  const track = new FakeTrack(kind);
  track.stop();
  return track;
};

describe('a track that ends', () => {
  test('is taken out, and its source with the last one', async () => {
    const { meeting, ada, bob, ended: told, seen } = await two();
    const camera = ada.page.camera();
    const [audio, video] = camera.getTracks();
    ada.publish('camera', camera);
    await meeting.settle(1000);
    video.end();
    await meeting.settle(1000);
    assert.deepEqual(seen(), [['camera', false, undefined]]);
    audio.end();
    await meeting.settle(1000);
    assert.deepEqual(told, [['camera', 'video', video], ['camera', 'audio', audio]]);
    assert.deepEqual(seen(), []);
    assert.ok(bob.events.includes(`sourceremoved ${ada.self.id} camera`));
  });

  test('can be replaced, or its source be published, in the handler', async () => {
    const { meeting, ada, seen } = await two();
    const screen = new FakeTrack('video');
    ada.publish('screen', [screen]);
    ada.publish('camera', ada.page.camera());
    ada.setMuted('camera', 'audio', true);
    ada.on('trackended', ({ detail: { name, kind } }) => {
      if (name === 'screen') ada.publish('screen', [new FakeTrack('video')]);
      else ada.replaceTrack(name, kind, new FakeTrack(kind));
    });
    await meeting.settle(1000);
    for (const room of [ada]) for (const track of [screen, ...tracksOf(room)]) track.end();
    await meeting.settle(1000);
    assert.deepEqual(seen(), [['screen', undefined, false], ['camera', true, false]]);
  });

  test('is not told where the page has replaced it by itself', async () => {
    const { meeting, ada, ended: told, seen } = await two();
    for (const pageFirst of [true, false]) {
      const track = new FakeTrack('audio');
      const replace = () => ada.replaceTrack('camera', 'audio', new FakeTrack('audio'));
      if (pageFirst) track.addEventListener('ended', replace);
      ada.publish('camera', [track]);
      if (!pageFirst) track.addEventListener('ended', replace);
      track.end();
      await meeting.settle(1000);
    }
    assert.deepEqual(told, []);
    assert.deepEqual(seen(), [['camera', false, undefined]]);
  });

  test('of two sources is taken out of both', async () => {
    const { meeting, ada, ended: told } = await two();
    const track = new FakeTrack('audio');
    for (const name of ['one', 'two']) ada.publish(name, [track]);
    track.end();
    await meeting.settle(1000);
    assert.deepEqual(told.map(([name]) => name), ['one', 'two']);
  });

  test('has no listener once it was replaced, unpublished or left behind', async () => {
    const { meeting, ada } = await two();
    const [one, other] = [new FakeTrack('audio'), new FakeTrack('audio')];
    const count = () => [one.listenerCount, other.listenerCount];
    ada.publish('camera', [one]);
    for (let round = 0; round < 50; round += 1) {
      ada.replaceTrack('camera', 'audio', other);
      ada.replaceTrack('camera', 'audio', one);
      ada.publish('camera', [one]);
      ada.setMuted('camera', 'audio', round % 2 === 0);
    }
    assert.deepEqual(count(), [1, 0]);
    ada.unpublish('camera');
    assert.deepEqual(count(), [0, 0]);
    ada.publish('camera', [other]);
    void ada.leave();
    assert.deepEqual(count(), [0, 0]);
    await meeting.scheduler.run(ada.join(), { withinMs: 10_000 });
    assert.deepEqual(count(), [0, 1]);
    other.end();
    assert.deepEqual(count(), [0, 0]);
  });
});

describe('a track that has ended', () => {
  test('before it is published, or put in, is told and never shown', async () => {
    const { meeting, ada, bob, ended: told, seen } = await two();
    ada.publish('screen', [ended('video')]);
    ada.publish('camera', new FakeStream([new FakeTrack('audio'), ended('video')]));
    await meeting.settle(1000);
    assert.deepEqual(told.map(([name, kind]) => `${name} ${kind}`), ['screen video', 'camera video']);
    assert.deepEqual(seen(), [['camera', false, undefined]]);
    ada.replaceTrack('camera', 'audio', ended('audio'));
    await meeting.settle(1000);
    assert.equal(told.length, 3);
    assert.deepEqual(seen(), []);
    assert.ok(!bob.events.some((event) => event.includes('screen')));
  });

  test('while the page was not in the room is told when it joins', async () => {
    const meeting = new Meeting();
    const room = meeting.room('ada');
    const camera = room.page.camera();
    room.publish('camera', camera);
    camera.getVideoTracks()[0].end();
    assert.deepEqual(camera.getTracks().map(({ listenerCount }) => listenerCount), [0, 0]);
    const bob = await meeting.join('bob', { camera: false });
    const { ended: told, seen } = watch(room, bob);
    await meeting.scheduler.run(room.join(), { withinMs: 10_000 });
    await meeting.settle();
    assert.deepEqual(told.map(([, kind]) => kind), ['video']);
    assert.deepEqual(seen(), [['camera', false, undefined]]);
  });

  test('without an event, since the page has stopped it, is found with the next connection', async () => {
    const { meeting, ada, ended: told, seen } = await two();
    const track = new FakeTrack('video');
    ada.publish('screen', [track]);
    await meeting.settle(1000);
    track.stop();
    meeting.server.session('ada').socket.cut();
    await meeting.settle(10_000);
    assert.deepEqual(told, [['screen', 'video', track]]);
    assert.deepEqual(seen(), []);
  });

  test('is not told between stopping it and taking it out', async () => {
    const { meeting, ada, ended: told } = await two();
    const camera = ada.page.camera();
    ada.publish('camera', camera);
    for (const track of camera.getTracks()) track.stop();
    for (const kind of ['audio', 'video']) ada.replaceTrack('camera', kind, null);
    await meeting.settle(1000);
    assert.deepEqual(told, []);
  });
});

/** What a room sends now. */
function tracksOf(room) {
  return room.page.connections.flatMap((pc) => pc.getSenders().flatMap(({ track }) => track ?? []));
}
