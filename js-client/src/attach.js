// A stream on a <video>.

/**
 * Shows a stream, and says whether it plays. Browsers block sound on a page that nobody has clicked on yet: `blocked`
 * asks for a button whose click calls `video.play()`.
 *
 * @param {HTMLMediaElement & { playsInline?: boolean }} element
 * @param {MediaStream} stream
 * @param {{ muted?: boolean }} [options] `muted` is for one's own picture
 * @returns {Promise<'playing' | 'blocked'>}
 */
export async function attach(element, stream, { muted = false } = {}) {
  // An attribute of `autoplay` alone does not start a stream that was attached later in every browser, and without
  // `playsinline` iPhones show the video on the whole screen.
  element.autoplay = true;
  element.playsInline = true;
  element.muted = muted;
  element.srcObject = stream;
  try {
    await element.play();
  } catch (error) {
    // Another stream took the place of this one before it played: that one's result counts.
    if (!(error instanceof DOMException) || error.name !== 'NotAllowedError') return 'playing';
    return 'blocked';
  }
  return 'playing';
}
