// The view before the call: preview, name, devices, the way in.

import { explainDevices } from './device-errors.js';
import { bindDeviceFields } from './device-fields.js';
import { byId, setDeviceToggle } from './dom.js';
import { describeFailure } from './failures.js';
import { GUEST } from './person.js';
import { remember, remembered } from './preferences.js';
import { tidyName } from './text.js';

/** Fires `join` when the person wants in and `cancel` when they no longer do. */
export class Lobby extends EventTarget {
  #media;
  #level;
  #meter = null;

  constructor(media, level) {
    super();
    this.#media = media;
    this.#level = level;
    byId('name').value = remembered('name') ?? '';
    bindDeviceFields(byId('join-form').querySelector('[data-device-fields]'), media);

    byId('lobby-mic').addEventListener('click', () => media.toggle('audio'));
    byId('lobby-camera').addEventListener('click', () => media.toggle('video'));
    byId('join-form').addEventListener('submit', (event) => {
      event.preventDefault();
      remember('name', byId('name').value.trim());
      this.dispatchEvent(new Event('join'));
    });
    byId('join-cancel').addEventListener('click', () => this.dispatchEvent(new Event('cancel')));
    media.addEventListener('change', () => this.#show());
    this.#show();
  }

  get name() {
    const name = tidyName(byId('name').value);
    return name === '' ? GUEST : name;
  }

  set name(name) {
    byId('name').value = name === GUEST ? '' : name;
  }

  /** Begins to show the loudness of the microphone; `close` ends it. */
  open() {
    this.#meter ??= setInterval(() => this.#showLevel(), METER_MS);
  }

  close() {
    clearInterval(this.#meter);
    this.#meter = null;
  }

  /** Shows that joining is under way, or no longer. */
  setBusy(busy) {
    const join = byId('join');
    join.disabled = busy;
    join.hidden = false;
    delete byId('join-form').dataset.waiting;
    byId('join-cancel').textContent = 'Cancel';
    join.textContent = busy ? 'Joining…' : 'Join';
    byId('join-cancel').hidden = !busy;
    byId('join-status').textContent = busy ? 'Connecting to the meeting…' : '';
    if (busy) byId('join-error').hidden = true;
    else join.focus({ preventScroll: true });
  }

  /** Shows that the person waits to be let in: `state` of the room is `waiting`, or `connecting` if the connection is lost. */
  setWaiting(state) {
    // The button that had the focus goes.
    if ([document.body, byId('join')].includes(document.activeElement)) byId('lobby-title').focus({ preventScroll: true });
    byId('join').hidden = true;
    byId('join-cancel').textContent = 'Leave';
    byId('join-form').dataset.waiting = '';
    byId('join-status').textContent = state === 'waiting' ? WAITING_FOR_HOST : WAITING_WITHOUT_CONNECTION;
  }

  showFailure(error) {
    const { title, text, retry } = describeFailure(error);
    const note = byId('join-error');
    const heading = document.createElement('strong');
    heading.textContent = title;
    note.querySelector('p').replaceChildren(heading, text);
    note.hidden = false;
    byId('join').textContent = retry ? 'Try again' : 'Join';
    note.scrollIntoView({ block: 'nearest' });
  }

  #show() {
    const video = this.#media.isOn('video');
    setDeviceToggle(byId('lobby-mic'), this.#media, 'audio');
    setDeviceToggle(byId('lobby-camera'), this.#media, 'video');
    byId('preview').parentElement.dataset.video = video ? 'on' : 'off';
    // An empty stream would keep the page "loading" for good.
    const picture = video ? this.#media.stream : null;
    byId('preview').classList.toggle('mirrored', this.#media.mirrored);
    if (byId('preview').srcObject !== picture) byId('preview').srcObject = picture;
    byId('preview-text').textContent = this.#media.busy ? WAITING : 'Your camera is off';

    const problem = this.#media.busy ? null : explainDevices(this.#media.errors);
    byId('media-problem').querySelector('p').textContent = problem ?? '';
    byId('media-problem').hidden = problem === null;
  }

  #showLevel() {
    // The square root spreads quiet speech over more of the bar.
    byId('lobby-level').style.transform = `scaleX(${Math.sqrt(this.#level.level).toFixed(3)})`;
  }
}

const WAITING = 'Starting… If the browser asks, allow camera and microphone.';
const WAITING_FOR_HOST = 'Waiting for the host to let you in. You need not do anything: the meeting opens by itself.';
const WAITING_WITHOUT_CONNECTION = 'Waiting for the host to let you in. The connection was lost and is being made again…';
const METER_MS = 100;
