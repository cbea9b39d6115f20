// The person's own camera and microphone: acquired, switched, exchanged and released.

import { remember, remembered } from './preferences.js';

/**
 * Owns at most one track of each kind. Fires `change` when a track, a switch or an error has changed, and `devices` when
 * devices were plugged in or out, or their names became readable.
 *
 * A microphone that is off keeps its track, disabled, so that switching it on is immediate. A camera that is off is
 * released.
 */
export class LocalMedia extends EventTarget {
  /** The current tracks; always the same object, so a `<video>` may keep it. */
  stream = new MediaStream();
  errors = { audio: null, video: null };
  #on = { audio: remembered('audio') !== 'off', video: remembered('video') !== 'off' };
  /** For each kind, its last step, and how many steps are to be done. */
  #queues = { audio: Promise.resolve(), video: Promise.resolve() };
  #steps = { audio: 0, video: 0 };
  #acquiring = 0;
  /** Counts calls of `close`: results of requests from before are discarded. */
  #closings = 0;

  constructor() {
    super();
    navigator.mediaDevices?.addEventListener?.('devicechange', () => this.#emit('devices'));
  }

  /** Requests the devices that are switched on: both together, and if that fails each alone. */
  open() {
    return this.#serially(KINDS, async () => {
      const wanted = KINDS.filter((kind) => this.#on[kind] && this.track(kind) === null);
      if (wanted.length === 0) return;
      const failed = await this.#acquire(wanted);
      if (failed !== null && wanted.length > 1) await this.#oneByOne(failed);
      this.#emit('devices');
    });
  }

  /**
   * Switches a device on or off; resolves to whether it worked. Off takes effect at once, also while a request for the
   * device is pending.
   */
  async setOn(kind, on) {
    this.#on[kind] = on;
    remember(kind, on ? 'on' : 'off');
    if (!on && kind === 'video') this.#drop(kind);
    const track = this.track(kind);
    if (track !== null) track.enabled = on;
    this.#emit('change');
    if (on && track === null) {
      await this.#serially([kind], async () => {
        if (!this.#on[kind] || this.track(kind) !== null) return;
        if ((await this.#acquire([kind])) === null) this.#emit('devices');
      });
    }
    return this.isOn(kind) === on;
  }

  /** The action of its button. A device that is starting and not to be on afterwards is off, too. */
  toggle(kind) {
    return this.setOn(kind, !this.isOn(kind) && !this.isStarting(kind) && !this.isSilenced(kind));
  }

  /** Uses this device from now on, and at once if the kind is in use. */
  choose(kind, deviceId) {
    remember(`device.${kind}`, deviceId);
    return this.#serially([kind], async () => {
      if (this.track(kind) === null && !(kind === 'audio' && this.#on.audio)) return;
      // Some systems open a camera or microphone only once the previous one is closed.
      this.#drop(kind);
      await this.#acquire([kind]);
    });
  }

  /** Releases all devices at once; the switches keep their state for the next `open`. */
  close() {
    this.#closings += 1;
    for (const kind of KINDS) this.#drop(kind);
  }

  track(kind) {
    const tracks = kind === 'audio' ? this.stream.getAudioTracks() : this.stream.getVideoTracks();
    return tracks[0] ?? null;
  }

  /** Whether this kind is being recorded at this moment. */
  isOn(kind) {
    return this.#on[kind] && this.track(kind)?.muted === false;
  }

  /** Whether a request for it is pending, most likely because the browser asks for permission. */
  isStarting(kind) {
    return this.#on[kind] && this.#steps[kind] > 0 && this.track(kind) === null;
  }

  /** Whether it is on, but the system or the browser has muted it: by a hardware switch, or during a phone call. */
  isSilenced(kind) {
    return this.#on[kind] && this.track(kind)?.muted === true;
  }

  /** Whether to mirror the person's own picture: not with a rear camera. */
  get mirrored() {
    return this.track('video')?.getSettings().facingMode !== 'environment';
  }

  /** Whether a request for a device is pending, most likely because the browser asks for permission. */
  get busy() {
    return this.#acquiring > 0;
  }

  /** The devices of each kind; names are empty until access was allowed once. */
  async list() {
    const devices = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
    return {
      audio: devices.filter((device) => device.kind === 'audioinput'),
      video: devices.filter((device) => device.kind === 'videoinput'),
    };
  }

  /** The device in use, or else the one that was chosen last. */
  deviceId(kind) {
    return this.track(kind)?.getSettings().deviceId ?? remembered(`device.${kind}`) ?? '';
  }

  /** After a request for both was denied or failed. Never requests a blocked device again. */
  async #oneByOne(error) {
    const closings = this.#closings;
    for (const kind of KINDS) {
      if (error.name === 'NotAllowedError' && (await permission(kind)) === 'denied') continue;
      if (closings !== this.#closings) return;
      const failed = await this.#acquire([kind]);
      // The person has just denied it again: there is no third request.
      if (failed?.name === 'NotAllowedError' && (await permission('video')) !== 'granted') return;
    }
  }

  async #acquire(kinds) {
    const closings = this.#closings;
    this.#acquiring += 1;
    this.#emit('change');
    let failed = null;
    try {
      const stream = await request(kinds);
      for (const track of stream.getTracks()) {
        if (closings === this.#closings) this.#take(track);
        else track.stop();
      }
    } catch (error) {
      failed = error;
    }
    this.#acquiring -= 1;
    // After the end of the call, the result is irrelevant.
    if (closings !== this.#closings) failed = null;
    else for (const kind of kinds) this.errors[kind] = failed;
    this.#emit('change');
    return failed;
  }

  #take(track) {
    this.#drop(track.kind);
    // The switch may have been used while the browser was asking.
    if (!this.#on[track.kind] && track.kind === 'video') {
      track.stop();
      return;
    }
    track.enabled = this.#on[track.kind];
    this.stream.addTrack(track);
    const since = performance.now();
    track.addEventListener('ended', () => this.#lost(track, performance.now() - since));
    for (const type of ['mute', 'unmute']) track.addEventListener(type, () => this.#emit('change'));
    // There is no further event for it.
    if (track.readyState === 'ended') queueMicrotask(() => this.#lost(track, 0));
  }

  /** A device was unplugged, or its permission withdrawn; our own `stop()` does not lead here. */
  #lost(track, lastedMs) {
    const { kind } = track;
    if (this.track(kind) !== track) return;
    this.#drop(kind);
    if (kind === 'audio' && this.#on.audio && lastedMs > SHORT_LIFE_MS) {
      // A headset ran empty: go on with another microphone.
      void this.#serially([kind], async () => void (await this.#acquire([kind])));
    } else {
      // A second camera must not start by itself. A track that ends as soon as it starts would do so again.
      this.errors[kind] = new DOMException('the device is gone', 'NotFoundError');
      this.#emit('change');
    }
  }

  #drop(kind) {
    const track = this.track(kind);
    if (track === null) return;
    this.stream.removeTrack(track);
    track.stop();
    this.#emit('change');
  }

  /** One thing at a time for each kind, so that no two requests for a device cross. */
  #serially(kinds, step) {
    const closings = this.#closings;
    for (const kind of kinds) this.#steps[kind] += 1;
    const done = Promise.all(kinds.map((kind) => this.#queues[kind]))
      .then(() => (closings === this.#closings ? step() : undefined))
      .finally(() => {
        for (const kind of kinds) this.#steps[kind] -= 1;
        this.#emit('change');
      });
    for (const kind of kinds) this.#queues[kind] = done.catch(() => {});
    return done;
  }

  #emit(type) {
    this.dispatchEvent(new Event(type));
  }
}

async function request(kinds) {
  if (navigator.mediaDevices?.getUserMedia === undefined) {
    throw new DOMException('not a secure context', 'InsecureContextError');
  }
  const chosen = {};
  for (const kind of kinds) chosen[kind] = wishes(kind, remembered(`device.${kind}`) ?? '');
  try {
    return await navigator.mediaDevices.getUserMedia(chosen);
  } catch (error) {
    // The device that was chosen last time is not plugged in today.
    if (error.name !== 'OverconstrainedError') throw error;
  }
  const any = {};
  for (const kind of kinds) any[kind] = wishes(kind, '');
  return navigator.mediaDevices.getUserMedia(any);
}

function wishes(kind, deviceId) {
  if (deviceId !== '') return { ...WISHES[kind], deviceId: { exact: deviceId } };
  return kind === 'video' ? { ...WISHES.video, facingMode: 'user' } : WISHES.audio;
}

async function permission(kind) {
  try {
    const name = kind === 'audio' ? 'microphone' : 'camera';
    return (await navigator.permissions.query({ name })).state;
  } catch {
    // The browser does not reveal it.
    return 'prompt';
  }
}

const KINDS = ['audio', 'video'];
/** A working device lasts longer. */
const SHORT_LIFE_MS = 2000;
const WISHES = {
  audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
  // In a mesh each peer costs one more encoding of this picture, so it is not HD.
  video: { width: { ideal: 960 }, height: { ideal: 540 }, frameRate: { ideal: 24 } },
};
