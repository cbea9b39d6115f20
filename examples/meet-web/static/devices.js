// The person's own camera and microphone: acquired, switched, exchanged and released.

import { remember, remembered } from './preferences.js';

/**
 * Owns at most one track of each kind. Fires `change` whenever a track, a switch or an error is not what it was,
 * and `devices` when devices were plugged in or out, or their names became readable.
 *
 * A microphone that is off keeps its track, silenced, so that it is back at once. A camera that is off is given
 * back to the system: its light goes out.
 */
export class LocalMedia extends EventTarget {
  /** The tracks of now; the same object all the time, so a `<video>` may keep it. */
  stream = new MediaStream();
  errors = { audio: null, video: null };
  #on = { audio: remembered('audio') !== 'off', video: remembered('video') !== 'off' };
  #queue = Promise.resolve();
  #busy = false;

  constructor() {
    super();
    navigator.mediaDevices?.addEventListener?.('devicechange', () => this.#emit('devices'));
  }

  /** Asks for what is switched on: both together, and where that fails for the one that works. */
  open() {
    return this.#serially(async () => {
      const wanted = KINDS.filter((kind) => this.#on[kind] && this.track(kind) === null);
      if (wanted.length === 0) return;
      const failed = await this.#acquire(wanted);
      if (failed !== null && wanted.length > 1) await this.#oneByOne(failed);
      this.#emit('devices');
    });
  }

  /** Switches a device on or off; resolves to whether it now is as wished. */
  async setOn(kind, on) {
    this.#on[kind] = on;
    remember(kind, on ? 'on' : 'off');
    await this.#serially(async () => {
      if (!this.#on[kind] && kind === 'video') this.#drop(kind);
      const track = this.track(kind);
      if (track !== null) track.enabled = this.#on[kind];
      else if (this.#on[kind] && (await this.#acquire([kind])) === null) this.#emit('devices');
    });
    return this.isOn(kind) === on;
  }

  /** Uses this device from now on; it takes effect at once where the kind is in use. */
  choose(kind, deviceId) {
    remember(`device.${kind}`, deviceId);
    return this.#serially(async () => {
      if (this.track(kind) === null && !(kind === 'audio' && this.#on.audio)) return;
      // Some systems open a camera or microphone only once the previous one is closed.
      this.#drop(kind);
      await this.#acquire([kind]);
    });
  }

  /** Gives everything back to the system; the switches stay as they are for the next `open`. */
  close() {
    return this.#serially(async () => KINDS.forEach((kind) => this.#drop(kind)));
  }

  track(kind) {
    const tracks = kind === 'audio' ? this.stream.getAudioTracks() : this.stream.getVideoTracks();
    return tracks[0] ?? null;
  }

  /** Whether this kind is being recorded at this moment. */
  isOn(kind) {
    return this.#on[kind] && this.track(kind) !== null;
  }

  /** Whether people expect to see themselves as in a mirror: not with a camera that looks away from them. */
  get mirrored() {
    return this.track('video')?.getSettings().facingMode !== 'environment';
  }

  /** Whether a device is being waited for, most likely behind the browser's question for permission. */
  get busy() {
    return this.#busy;
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

  /** After one question for both was refused or failed. Never asks again about what is blocked. */
  async #oneByOne(error) {
    for (const kind of KINDS) {
      if (error.name === 'NotAllowedError' && (await permission(kind)) === 'denied') continue;
      const failed = await this.#acquire([kind]);
      // Refused once more, just now, by a person: do not ask a third time.
      if (failed?.name === 'NotAllowedError' && (await permission('video')) !== 'granted') return;
    }
  }

  async #acquire(kinds) {
    this.#busy = true;
    this.#emit('change');
    try {
      const stream = await request(kinds);
      for (const track of stream.getTracks()) this.#take(track);
      for (const kind of kinds) this.errors[kind] = null;
      return null;
    } catch (error) {
      for (const kind of kinds) this.errors[kind] = error;
      return error;
    } finally {
      this.#busy = false;
      this.#emit('change');
    }
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
    track.addEventListener('ended', () => this.#lost(track));
  }

  /** A device was unplugged, or its permission withdrawn; our own `stop()` does not lead here. */
  #lost(track) {
    if (this.track(track.kind) !== track) return;
    this.#drop(track.kind);
    if (track.kind === 'audio') {
      // A headset ran empty: go on with another microphone.
      void this.#serially(async () => void (await this.#acquire(['audio'])));
    } else {
      // Nobody expects a second camera to start by itself.
      this.errors.video = new DOMException('the camera is gone', 'NotFoundError');
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

  /** One thing at a time: a camera switched off while it is being opened ends up off. */
  #serially(step) {
    const done = this.#queue.then(step).finally(() => this.#emit('change'));
    this.#queue = done.catch(() => {});
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
    // The browser does not tell.
    return 'prompt';
  }
}

const KINDS = ['audio', 'video'];
const WISHES = {
  audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
  // In a mesh every other person costs one more encoding of this picture, so it is not HD.
  video: { width: { ideal: 960 }, height: { ideal: 540 }, frameRate: { ideal: 24 } },
};
