// A stream on a <video>.

/**
 * Shows a stream, and says whether it plays:
 *
 * - `playing`
 * - `blocked`: browsers block sound on a page that nobody has clicked on yet. A button is asked for whose click calls
 *   `video.play()`
 * - `waiting`: the stream has no live track yet. It starts when one comes; attaching it again then, which does not disturb
 *   it, says whether it plays
 *
 * @param {HTMLMediaElement & { playsInline?: boolean }} element
 * @param {MediaStream} stream
 * @param {{ muted?: boolean }} [options] `muted` is for one's own picture
 * @returns {Promise<'playing' | 'blocked' | 'waiting'>}
 */
export async function attach(element, stream, { muted = false } = {}) {
  // An attribute of `autoplay` alone does not start a stream that was attached later in every browser, and without
  // `playsinline` iPhones show the video on the whole screen.
  element.autoplay = true;
  element.playsInline = true;
  element.muted = muted;
  // The same stream once more would start over.
  if (element.srcObject !== stream) element.srcObject = stream;
  const played = play(element);
  // Without a track, playing neither begins nor fails.
  return stream.active ? played : 'waiting';
}

/** @param {HTMLMediaElement} element */
async function play(element) {
  try {
    await element.play();
  } catch (error) {
    // Another stream took the place of this one before it played: that one's result counts.
    if (error instanceof DOMException && error.name === 'NotAllowedError') return 'blocked';
  }
  return 'playing';
}
