// Which of two pages restarts ICE.

/**
 * The page that offered first does, unless one of the browsers is Firefox: then the one in Firefox does. With an offer of
 * another browser that restarts ICE, both ends say `connected`, and no media arrive:
 *
 * - If Firefox had offered first, it may answer with the other DTLS role (`a=setup:active`).
 * - Otherwise libwebrtc pairs its new candidates with the old ones of Firefox until the answer comes, finds a route, and
 *   stays with it. Firefox replies to these checks, but drops all else that comes this way.
 *
 * Both pages decide the same once both descriptions were applied.
 *
 * @param {RTCPeerConnection} pc
 * @param {boolean} polite
 */
export function restartsHere({ localDescription, remoteDescription }, polite) {
  const isFirefox = madeByFirefox(localDescription);
  return isFirefox === madeByFirefox(remoteDescription) ? !polite : isFirefox;
}

/** By its user name in the origin line (RFC 8866, section 5.2). @param {RTCSessionDescription | null} description */
function madeByFirefox(description) {
  return /^o=mozilla/m.test(description?.sdp ?? '');
}
