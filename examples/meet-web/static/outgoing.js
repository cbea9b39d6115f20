// Publishes this page's camera, microphone and screen.

/**
 * Publishes one source, `camera`, with the devices that are switched on. A shared screen replaces the camera's track while it
 * is shared.
 */
export class Outgoing {
  #room;
  #media;
  #screen;
  #sent = { audio: null, video: null };

  constructor(room, media, screen) {
    this.#room = room;
    this.#media = media;
    this.#screen = screen;
  }

  /** Publishes, and applies every change until `signal` is aborted. Works before and after joining. */
  start(signal) {
    this.#sent = this.#wanted();
    const tracks = [this.#sent.audio, this.#sent.video].filter((track) => track !== null);
    this.#room.publish(SOURCE, tracks);
    this.#mute();
    const follow = () => this.#follow();
    this.#media.addEventListener('change', follow, { signal });
    this.#screen.addEventListener('change', follow, { signal });
  }

  #wanted() {
    return { audio: this.#media.track('audio'), video: this.#screen.track ?? this.#media.track('video') };
  }

  #follow() {
    const wanted = this.#wanted();
    for (const kind of ['audio', 'video']) {
      if (wanted[kind] === this.#sent[kind]) continue;
      this.#sent[kind] = wanted[kind];
      this.#room.replaceTrack(SOURCE, kind, wanted[kind]);
    }
    this.#mute();
  }

  /** Mutes what is off on this page, with or without a track. */
  #mute() {
    this.#room.setMuted(SOURCE, 'audio', !this.#media.isOn('audio'));
    this.#room.setMuted(SOURCE, 'video', this.#screen.track === null && !this.#media.isOn('video'));
  }
}

/** The name of the source on the other pages, see `call.js`. */
export const SOURCE = 'camera';
