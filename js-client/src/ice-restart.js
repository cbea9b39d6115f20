// Which of two pages restarts ICE.

/**
 * The impolite page does, which offered first, unless one of the browsers is Firefox: then the page in Firefox does. With an
 * offer of another browser that restarts ICE, both ends say `connected`, and no media arrive:
 *
 * - If Firefox had offered first, it may answer with the other DTLS role (`a=setup:active`).
 * - Otherwise libwebrtc pairs its new candidates with the old ones of Firefox until the answer comes, finds a route, and
 *   stays with it. Firefox replies to these checks, but drops all else that comes this way.
 *
 * Both pages decide the same once both have a description of the other one.
 *
 * @param {{ polite: boolean, local: RTCSessionDescriptionInit | null, remote: RTCSessionDescriptionInit | null }} pages their
 *   descriptions. That of the other page is as it was sent: Chromium's `remoteDescription` has another origin
 */
export function restartsHere({ polite, local, remote }) {
  const isFirefox = madeByFirefox(local);
  return isFirefox === madeByFirefox(remote) ? !polite : isFirefox;
}

/** By its user name in the origin line (RFC 8866, section 5.2). @param {RTCSessionDescriptionInit | null} description */
export function madeByFirefox(description) {
  return /^o=mozilla/m.test(description?.sdp ?? '');
}
