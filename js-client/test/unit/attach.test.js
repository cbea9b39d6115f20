// Playing a stream in a <video>, with every result of `play`.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { attach } from '../../src/attach.js';
import { FakeStream, FakeTrack } from '../support/fake-media.js';

/** `play` as browsers have it: pending until the stream has something to play. */
class FakeVideo {
  set = 0;
  #stream = null;

  constructor(play) {
    this.play = () => play(this);
  }

  get srcObject() {
    return this.#stream;
  }

  set srcObject(stream) {
    this.set += 1;
    this.#stream = stream;
  }
}

const stream = () => new FakeStream([new FakeTrack('video')]);

test('what plays is playing, also where another stream took its place before', async () => {
  const video = new FakeVideo(async () => {});
  assert.equal(await attach(video, stream(), { muted: true }), 'playing');
  assert.deepEqual([video.autoplay, video.playsInline, video.muted], [true, true, true]);
  const superseded = new FakeVideo(async () => { throw new DOMException('superseded', 'AbortError'); });
  assert.equal(await attach(superseded, stream()), 'playing');
});

test('what the browser blocks is blocked', async () => {
  const video = new FakeVideo(async () => { throw new DOMException('click first', 'NotAllowedError'); });
  assert.equal(await attach(video, stream()), 'blocked');
});

for (const [what, tracks] of [['no track', []], ['tracks that have all ended', [Object.assign(new FakeTrack('video'))]]]) {
  test(`a stream with ${what} is waited for`, async () => {
    for (const track of tracks) track.stop();
    let begin;
    const video = new FakeVideo(() => new Promise((resolve) => { begin = resolve; }));
    const empty = new FakeStream(tracks);
    assert.equal(await attach(video, empty), 'waiting');
    assert.equal(video.srcObject, empty);
    assert.equal(typeof begin, 'function', 'it plays by itself when there is one');
    empty.addTrack(new FakeTrack('video'));
    begin();
    video.play = async () => {};
    assert.equal(await attach(video, empty), 'playing');
    assert.equal(video.set, 1, 'the same stream is not begun again');
  });
}
