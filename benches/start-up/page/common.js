// In each page: the camera, and the first frames of the others.

/** One picture each 33 ms, small: four people's are encoded at once, by one machine. */
const CAMERA = { audio: true, video: { width: 320, height: 180, frameRate: 30 } };

globalThis.openCamera = async () => {
  globalThis.camera = await navigator.mediaDevices.getUserMedia(CAMERA);
  await showsFrame(globalThis.camera);
};

/** Resolves when this page shows a frame of the stream, with the time. @param {MediaStream} stream */
function showsFrame(stream) {
  const video = document.createElement('video');
  Object.assign(video, { muted: true, autoplay: true, playsInline: true, width: 160, srcObject: stream });
  document.body.append(video);
  return new Promise((resolve) => {
    video.requestVideoFrameCallback(() => resolve(performance.now()));
  });
}

/** The streams of the others. */
globalThis.Pictures = class {
  /** The times of the first frames of so many streams, in order. @type {Promise<number[]>} */
  shown;
  #times = [];
  #streams = new Set();
  #count;
  #resolve;

  /** @param {number} count how many others there are */
  constructor(count) {
    this.#count = count;
    this.shown = new Promise((resolve) => { this.#resolve = resolve; });
    this.#check();
  }

  /** Shows a stream, once. @param {MediaStream} stream */
  async add(stream) {
    if (this.#streams.has(stream)) return;
    this.#streams.add(stream);
    this.#times.push(await showsFrame(stream));
    this.#check();
  }

  #check() {
    if (this.#times.length === this.#count) this.#resolve([...this.#times]);
  }
};

/** Loads scripts that are no modules. @param {string[]} urls */
globalThis.loadScripts = (urls) => Promise.all(urls.map((src) => new Promise((resolve, reject) => {
  const script = document.createElement('script');
  script.onload = resolve;
  script.onerror = reject;
  script.src = src;
  document.head.append(script);
})));
