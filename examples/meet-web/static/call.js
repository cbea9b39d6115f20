// A call: one joined room, shown.

import { bindControls } from './controls.js';
import { Chat } from './chat.js';
import { copyLink } from './copy-link.js';
import { byId } from './dom.js';
import { notify } from './notices.js';
import { SOURCE } from './outgoing.js';
import { Panel } from './panel.js';
import { People } from './people.js';
import { nameOf } from './person.js';
import { listenForShortcuts } from './shortcuts.js';
import { watchSpeaking } from './speaking.js';
import { SELF, Tiles } from './tiles.js';
import { stayAwake } from './wake-lock.js';

/** Lives from the welcome until the room is closed. `ended` resolves then, to the MeetError or null for leaving. */
export class Call {
  ended;
  #room;
  #media;
  #screen;
  #tiles;
  #people;
  #name;
  #scope = new AbortController();

  constructor({ room, media, screen, level, name }) {
    this.#room = room;
    this.#media = media;
    this.#screen = screen;
    this.#name = name;
    const { signal } = this.#scope;

    this.#tiles = new Tiles(signal);
    this.#people = new People();
    const panel = new Panel(signal);
    new Chat(room, panel, () => this.#name, signal);
    const controls = bindControls(media, screen, signal);
    this.#bindButtons(panel, controls, signal);
    stayAwake(signal);

    this.ended = new Promise((resolve) => this.#followRoom(resolve, signal));
    this.#tiles.add(SELF);
    this.#showSelf();
    void this.#tiles.play(SELF, this.#ownPicture());
    for (const peer of room.peers.values()) this.#welcome(peer);
    this.#showAlone();
    watchSpeaking(() => this.#levels(level), (key, speaking) => {
      this.#tiles.get(key)?.setSpeaking(speaking);
      this.#people.setSpeaking(key, speaking);
    }, signal);
  }

  leave() {
    void this.#room.leave();
  }

  rename(name) {
    this.#name = name;
    this.#tellMeta();
    this.#showSelf();
  }

  #bindButtons(panel, { toggleMic, toggleCamera, toggleScreen }, signal) {
    byId('leave').addEventListener('click', () => this.leave(), { signal });
    byId('copy-link').addEventListener('click', copyLink, { signal });
    listenForShortcuts({
      m: toggleMic,
      v: toggleCamera,
      s: toggleScreen,
      c: () => panel.toggle('chat'),
      p: () => panel.toggle('people'),
      l: copyLink,
      ',': () => byId('open-settings').click(),
    }, signal);
    this.#media.addEventListener('change', () => this.#showSelf(), { signal });
    this.#screen.addEventListener('change', () => this.#screenChanged(), { signal });
  }

  #followRoom(resolve, signal) {
    const room = this.#room;
    room.on('peerjoined', ({ detail }) => {
      this.#welcome(detail.peer);
      notify(`${nameOf(detail.peer.meta)} joined`);
      this.#showAlone();
    }, { signal });
    room.on('peerleft', ({ detail }) => {
      this.#tiles.remove(detail.peer.id);
      this.#people.remove(detail.peer.id);
      notify(`${nameOf(detail.peer.meta)} left`);
      this.#showAlone();
    }, { signal });
    for (const type of ['peerchanged', 'sourceadded', 'sourcechanged', 'sourceremoved']) {
      room.on(type, ({ detail }) => this.#showPeer(detail.peer), { signal });
    }
    room.on('error', ({ detail }) => {
      console.warn('meet-signal', detail.error);
      if (detail.error.code === 'rate-limited') notify('Too much at once: the last message was not sent.');
      if (detail.error.code === 'peer-unreachable') notify('The last message did not reach everybody.');
    }, { signal });
    room.on('statechange', ({ detail }) => {
      this.#showConnection(detail.state);
      if (detail.state !== 'closed') return;
      this.#scope.abort();
      resolve(detail.reason);
    }, { signal });
    this.#showConnection(room.state);
  }

  /** A newcomer, or one who was there before us. */
  #welcome(peer) {
    this.#tiles.add(peer.id);
    this.#showPeer(peer);
  }

  #showPeer(peer) {
    const tile = this.#tiles.get(peer.id);
    if (tile === undefined) return;
    const source = peer.sources.get(SOURCE);
    const person = {
      name: nameOf(peer.meta),
      audio: isLive(source?.audio),
      video: isLive(source?.video),
      screen: peer.meta?.screen === true && isLive(source?.video),
      connection: peer.connection,
      status: peer.status,
    };
    this.#tiles.update(peer.id, person);
    this.#people.update(peer.id, person, false);
    if (source === undefined) tile.clear();
    else void this.#tiles.play(peer.id, source.stream);
  }

  #showSelf() {
    const screen = this.#screen.track !== null;
    const person = {
      name: this.#name,
      audio: this.#media.isOn('audio'),
      video: this.#media.isOn('video') || screen,
      screen,
      mirrored: !screen && this.#media.mirrored,
      connection: this.#room.state === 'joined' ? 'connected' : 'reconnecting',
      status: 'here',
    };
    this.#tiles.update(SELF, person);
    this.#people.update(SELF, person, true);
  }

  #screenChanged() {
    this.#tellMeta();
    void this.#tiles.play(SELF, this.#ownPicture());
    this.#showSelf();
    if (this.#screen.track !== null) notify('You are sharing your screen', { key: 'screen' });
    else notify('You stopped sharing your screen', { key: 'screen' });
  }

  /** Sent beside the track, so that the others fit a screen into its tile instead of cropping it. */
  #tellMeta() {
    if (this.#room.state === 'closed') return;
    this.#room.update({ name: this.#name, screen: this.#screen.track !== null });
  }

  #ownPicture() {
    const { track } = this.#screen;
    return track === null ? this.#media.stream : new MediaStream([track]);
  }

  #showConnection(state) {
    const lost = state === 'away' || state === 'resuming';
    byId('banner').hidden = !lost;
    byId('banner').textContent = lost ? 'Reconnecting to the meeting… Your call goes on meanwhile.' : '';
    if (this.#tiles.get(SELF) !== undefined) this.#showSelf();
  }

  #showAlone() {
    byId('alone').hidden = this.#room.peers.size > 0;
  }

  #levels(level) {
    const levels = new Map([[SELF, level.level]]);
    for (const peer of this.#room.peers.values()) {
      const source = peer.sources.get(SOURCE);
      levels.set(peer.id, isLive(source?.audio) ? source.audioLevel : 0);
    }
    return levels;
  }
}

/** Whether something of this kind is being sent. */
function isLive(side) {
  return side !== null && side !== undefined && !side.muted;
}
