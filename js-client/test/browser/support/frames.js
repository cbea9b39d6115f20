// Whether the picture of a peer moves.

/**
 * Runs in a page, again and again: whether more frames were decoded for a video than at the previous call. The time of a video
 * does not say it: it goes on with the sound, and in Firefox with nothing at all. Neither do the frames that are painted: pages
 * in the background paint none.
 *
 * The video is that of the first element that the selector finds and that contains this text; `window.room` has its source.
 *
 * @param {string} selector
 * @param {string} [text]
 */
export async function showsFrames(selector, text = '') {
  const element = [...document.querySelectorAll(selector)].find(({ textContent }) => textContent.includes(text));
  const video = element?.querySelector('video') ?? null;
  if (video === null || video.videoWidth === 0) return false;
  const [track] = video.srcObject?.getVideoTracks() ?? [];
  if (track === undefined) return false;
  const reports = await Promise.all([...window.room.peers.values()].map((peer) => peer.getStats().then((stats) => [...stats.values()], () => [])));
  const stream = reports.flat().find(({ type, trackIdentifier }) => type === 'inbound-rtp' && trackIdentifier === track.id);
  const before = video.framesDecoded;
  const isMoving = before !== undefined && stream?.framesDecoded > before;
  // The next wait begins anew: it must not count what was decoded before it.
  video.framesDecoded = isMoving ? undefined : stream?.framesDecoded;
  return isMoving;
}
