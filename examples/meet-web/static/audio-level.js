// The volume of the page's own microphone. Remote volumes come with each remote source.

/** Measures the current microphone track of `media`. */
export class AudioLevel {
  #media;
  #context = null;
  #node = null;
  #analyser = null;
  #track = null;
  #samples = null;

  constructor(media) {
    this.#media = media;
    media.addEventListener('change', () => this.#follow());
  }

  /** 0 to 1, approximately `RemoteSource.audioLevel` on the other pages. */
  get level() {
    if (this.#analyser === null || !this.#media.isOn('audio')) return 0;
    this.#analyser.getFloatTimeDomainData(this.#samples);
    let sum = 0;
    for (const sample of this.#samples) sum += sample * sample;
    return Math.min(1, Math.sqrt(sum / this.#samples.length) * 2);
  }

  /** Browsers start audio processing only after a click or key: call this from one. */
  resume() {
    void this.#context?.resume();
  }

  #follow() {
    const track = this.#media.track('audio');
    if (track === this.#track) return;
    this.#track = track;
    this.#node?.disconnect();
    this.#node = null;
    if (track === null) return;
    if (this.#context === null) {
      this.#context = new AudioContext();
      this.#analyser = this.#context.createAnalyser();
      this.#analyser.fftSize = 512;
      this.#samples = new Float32Array(this.#analyser.fftSize);
    }
    this.#node = this.#context.createMediaStreamSource(new MediaStream([track]));
    this.#node.connect(this.#analyser);
  }
}
