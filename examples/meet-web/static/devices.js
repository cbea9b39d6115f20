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
  /** For each kind, its last step, and how many steps are to be done. */
  #queues = { audio: Promise.resolve(), video: Promise.resolve() };
  #steps = { audio: 0, video: 0 };
  #acquiring = 0;
  /** Counts how often everything was given back: what was asked for before is not wanted any more. */
  #closings = 0;

  constructor() {
    super();
    navigator.mediaDevices?.addEventListener?.('devicechange', () => this.#emit('devices'));
  }

  /** Asks for what is switched on: both together, and where that fails for the one that works. */
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
   * Switches a device on or off; resolves to whether it now is as wished. Off holds at once, also while the device is
   * still waited for.
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

  /** What a click on its button does. Off is also what is not to be on when it has started. */
  toggle(kind) {
    return this.setOn(kind, !this.isOn(kind) && !this.isStarting(kind) && !this.isSilenced(kind));
  }

  /** Uses this device from now on; it takes effect at once where the kind is in use. */
  choose(kind, deviceId) {
    remember(`device.${kind}`, deviceId);
    return this.#serially([kind], async () => {
      if (this.track(kind) === null && !(kind === 'audio' && this.#on.audio)) return;
      // Some systems open a camera or microphone only once the previous one is closed.
      this.#drop(kind);
      await this.#acquire([kind]);
    });
  }

  /** Gives everything back to the system, at once; the switches stay as they are for the next `open`. */
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

  /** Whether it is wanted and waited for, most likely behind the browser's question for permission. */
  isStarting(kind) {
    return this.#on[kind] && this.#steps[kind] > 0 && this.track(kind) === null;
  }

  /** Whether it is wanted, and the system or the browser gives nothing: by a switch of its own, or during a phone call. */
  isSilenced(kind) {
    return this.#on[kind] && this.track(kind)?.muted === true;
  }

  /** Whether people expect to see themselves as in a mirror: not with a camera that looks away from them. */
  get mirrored() {
    return this.track('video')?.getSettings().facingMode !== 'environment';
  }

  /** Whether a device is being waited for, most likely behind the browser's question for permission. */
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

  /** After one question for both was refused or failed. Never asks again about what is blocked. */
  async #oneByOne(error) {
    const closings = this.#closings;
    for (const kind of KINDS) {
      if (error.name === 'NotAllowedError' && (await permission(kind)) === 'denied') continue;
      if (closings !== this.#closings) return;
      const failed = await this.#acquire([kind]);
      // Refused once more, just now, by a person: do not ask a third time.
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
    // After the end of the call, what became of it does not matter.
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
    // That is not told once more.
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
      // Nobody expects a second camera to start by itself. What ends as soon as it has begun would do so again.
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
    // The browser does not tell.
    return 'prompt';
  }
}

const KINDS = ['audio', 'video'];
/** A device that works is there for longer. */
const SHORT_LIFE_MS = 2000;
const WISHES = {
  audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
  // In a mesh every other person costs one more encoding of this picture, so it is not HD.
  video: { width: { ideal: 960 }, height: { ideal: 540 }, frameRate: { ideal: 24 } },
};
