// Showing a window or the whole screen.

/** Owns at most one screen track. Fires `change` when sharing begins or ends, also by the browser's own button. */
export class ScreenShare extends EventTarget {
  #track = null;
  #asking = false;

  /** Why this browser cannot share; null when it can. Phones cannot. */
  get unavailable() {
    if (navigator.mediaDevices?.getDisplayMedia !== undefined) return null;
    return window.isSecureContext
      ? 'This browser cannot share the screen'
      : 'Sharing the screen needs https or localhost';
  }

  get track() {
    return this.#track;
  }

  /** Lets the person pick a screen. Resolves to null, or to an error other than a cancellation. */
  async start() {
    // A second concurrent request would leave one of two tracks without an owner.
    if (this.#track !== null || this.#asking) return null;
    this.#asking = true;
    let track;
    try {
      const stream = await navigator.mediaDevices.getDisplayMedia({ video: WISHES, audio: false });
      [track] = stream.getVideoTracks();
    } catch (error) {
      return error.name === 'NotAllowedError' ? null : error;
    } finally {
      this.#asking = false;
    }
    // The window was closed just now: no event comes any more.
    if (track.readyState === 'ended') return null;
    // Text must stay sharp; motion may stutter.
    if ('contentHint' in track) track.contentHint = 'detail';
    track.addEventListener('ended', () => { if (this.#track === track) this.stop(); });
    this.#track = track;
    this.#changed();
    return null;
  }

  stop() {
    if (this.#track === null) return;
    this.#track.stop();
    this.#track = null;
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event('change'));
  }
}

/** Slides and text change rarely; a low rate leaves the bits to sharpness. */
const WISHES = { frameRate: { ideal: 15, max: 30 } };
