// ICE restarts: which of two pages makes them, and the ICE servers, which change with them.

import { iceUfrags } from './candidates.js';

/**
 * @typedef {object} RestartOptions
 * @property {boolean} polite
 * @property {() => void} request requests that the other page restarts ICE
 * @property {(error: unknown) => void} rejected the browser has rejected a configuration; the previous one goes on
 */

/**
 * The impolite page restarts ICE, which offered first, unless one of the browsers is Firefox: then the page in Firefox does.
 * With an offer of another browser that restarts ICE, both ends say `connected`, and no media arrive:
 *
 * - If Firefox had offered first, it may answer with the other DTLS role (`a=setup:active`).
 * - Otherwise libwebrtc pairs its new candidates with the old ones of Firefox until the answer comes, finds a route, and
 *   stays with it. Firefox replies to these checks, but drops all else that comes this way.
 *
 * Both pages decide the same once both have a description of the other one.
 *
 * Another configuration is used from the next ICE generation on: Chromium would restart ICE with its next offer otherwise.
 */
export class IceRestart {
  #pc;
  #options;
  /** The newest description of the other page, as it was sent: Chromium's `remoteDescription` has another origin.
   * @type {RTCSessionDescriptionInit | null} */
  #received = null;
  #remoteUfrags = '';
  /** Whether the other page was requested to restart ICE, and has not yet. */
  #isRequested = false;
  /** @type {RTCConfiguration | null} */
  #nextConfiguration = null;

  /**
   * @param {RTCPeerConnection} pc
   * @param {RestartOptions} options
   */
  constructor(pc, options) {
    this.#pc = pc;
    this.#options = options;
  }

  /**
   * Whether another route helps a connection that has `failed`. In Firefox it may receive over that route, and send nothing
   * (see w3c/webrtc-pc#3139).
   */
  get survivesFailure() {
    return !madeByFirefox(this.#pc.localDescription);
  }

  /** Finds another route through the network, for the same media. */
  restart() {
    if (this.#isHere) this.#restart();
    else {
      this.#isRequested = true;
      this.#options.request();
    }
  }

  /** The other page requests it. */
  requested() {
    if (this.#isHere) this.#restart();
  }

  /** The other page may have missed the request. */
  repeat() {
    if (this.#isRequested) this.restart();
  }

  /** Uses this configuration from the next ICE generation on. @param {RTCConfiguration} configuration */
  reconfigure(configuration) {
    this.#nextConfiguration = configuration;
    if (this.#pc.localDescription === null && this.#pc.remoteDescription === null) this.#configure();
  }

  /**
   * The other page has sent a description, which may not be applied.
   *
   * @param {RTCSessionDescriptionInit} description
   * @returns {boolean} whether it begins an ICE generation
   */
  received(description) {
    this.#received = description;
    const ufrags = [...iceUfrags(description)].join();
    if (ufrags === this.#remoteUfrags) return false;
    this.#remoteUfrags = ufrags;
    this.#isRequested = false;
    return true;
  }

  /** An offer is about to be applied. @param {RTCSessionDescriptionInit} offer */
  applying(offer) {
    const current = iceUfrags(this.#pc.currentRemoteDescription);
    if (current.size > 0 && [...iceUfrags(offer)].some((ufrag) => !current.has(ufrag))) this.#configure();
  }

  get #isHere() {
    const isFirefox = madeByFirefox(this.#pc.localDescription);
    return isFirefox === madeByFirefox(this.#received) ? !this.#options.polite : isFirefox;
  }

  #restart() {
    this.#configure();
    this.#pc.restartIce();
  }

  #configure() {
    const configuration = this.#nextConfiguration;
    this.#nextConfiguration = null;
    try {
      if (configuration !== null) this.#pc.setConfiguration(configuration);
    } catch (error) {
      this.#options.rejected(error);
    }
  }
}

/** By its user name in the origin line (RFC 8866, section 5.2). @param {RTCSessionDescriptionInit | null} description */
function madeByFirefox(description) {
  return /^o=mozilla/m.test(description?.sdp ?? '');
}
