// Showing a window or the whole screen.

/** Owns at most one screen track. Fires `change` when sharing begins or ends, also by the browser's own button. */
export class ScreenShare extends EventTarget {
  #track = null;

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

  /** Lets the person pick what to show. Resolves to null, or to an error other than a change of mind. */
  async start() {
    if (this.#track !== null) return null;
    let track;
    try {
      const stream = await navigator.mediaDevices.getDisplayMedia({ video: WISHES, audio: false });
      [track] = stream.getVideoTracks();
    } catch (error) {
      return error.name === 'NotAllowedError' ? null : error;
    }
    // Text must stay sharp; motion may stutter.
    if ('contentHint' in track) track.contentHint = 'detail';
    track.addEventListener('ended', () => this.stop());
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
