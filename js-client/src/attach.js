// Playing a stream in a <video>.

/**
 * Plays a stream, and reports whether it plays:
 *
 * - `playing`
 * - `blocked`: browsers block sound before the first click on a page. Show a button whose click handler calls `video.play()`
 * - `waiting`: the stream has no live track yet. It starts when one is added; call `attach` again then, which does not
 *   interrupt it, to learn whether it plays
 *
 * @param {HTMLMediaElement & { playsInline?: boolean }} element
 * @param {MediaStream} stream
 * @param {{ muted?: boolean }} [options] `muted` is for the page's own camera
 * @returns {Promise<'playing' | 'blocked' | 'waiting'>}
 */
export async function attach(element, stream, { muted = false } = {}) {
  // `autoplay` alone does not start a stream that was attached later in every browser. Without `playsinline` iPhones show the
  // video in full screen.
  element.autoplay = true;
  element.playsInline = true;
  element.muted = muted;
  // Setting the same stream again would restart it.
  if (element.srcObject !== stream) element.srcObject = stream;
  const played = play(element);
  // Without a track, `play` neither resolves nor rejects.
  return stream.active ? played : 'waiting';
}

/** @param {HTMLMediaElement} element */
async function play(element) {
  try {
    await element.play();
  } catch (error) {
    // Other errors: another stream has replaced this one before it played, and the result of that one counts.
    if (error instanceof DOMException && error.name === 'NotAllowedError') return 'blocked';
  }
  return 'playing';
}
