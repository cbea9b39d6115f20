// What of this page's camera, microphone and screen goes into the room.

/**
 * Keeps one source of the room, `camera`, at what the person switched on. A shared screen takes the place of the
 * camera's picture, and gives it back afterwards.
 */
export class Outgoing {
  #room;
  #media;
  #screen;
  #sent = { audio: null, video: null };
  #queue = Promise.resolve();

  constructor(room, media, screen) {
    this.#room = room;
    this.#media = media;
    this.#screen = screen;
  }

  /** Publishes, and follows every change until `signal` is aborted. Works before and after joining. */
  start(signal) {
    this.#sent = this.#wanted();
    const tracks = [this.#sent.audio, this.#sent.video].filter((track) => track !== null);
    this.#room.publish(SOURCE, tracks);
    this.#room.mute(SOURCE, 'audio', !this.#media.isOn('audio'));
    const follow = () => this.#follow(signal);
    this.#media.addEventListener('change', follow, { signal });
    this.#screen.addEventListener('change', follow, { signal });
  }

  #wanted() {
    return { audio: this.#media.track('audio'), video: this.#screen.track ?? this.#media.track('video') };
  }

  /** One replacement at a time, each toward what is wanted when its turn comes: quick clicks cannot cross. */
  #follow(signal) {
    this.#queue = this.#queue.then(async () => {
      if (signal.aborted) return;
      const wanted = this.#wanted();
      for (const kind of ['audio', 'video']) {
        if (wanted[kind] === this.#sent[kind]) continue;
        await this.#room.replace(SOURCE, kind, wanted[kind]);
        this.#sent[kind] = wanted[kind];
      }
      this.#room.mute(SOURCE, 'audio', !this.#media.isOn('audio'));
    }).catch((error) => console.warn('could not exchange a track', error));
  }
}

/** The name under which the others find it, see `call.js`. */
export const SOURCE = 'camera';
