// The view of one joined room.

import { bindControls } from './controls.js';
import { Chat } from './chat.js';
import { copyLink } from './copy-link.js';
import { Crowd } from './crowd.js';
import { byId } from './dom.js';
import { oncePerFrame } from './frame.js';
import { Host } from './host.js';
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
  #crowd;
  /** Ids of peers that have joined, left or changed since the last draw. */
  #changed = new Set();
  #draw = oncePerFrame(() => this.#drawOthers());
  /** Ids of peers whose connection failure was announced: there is one notice for each. */
  #failed = new Set();
  /** Ids of peers whose refusal was announced. */
  #refused = new Set();
  #scope = new AbortController();

  constructor({ room, media, screen, level }) {
    this.#room = room;
    this.#media = media;
    this.#screen = screen;
    const { signal } = this.#scope;

    this.#tiles = new Tiles(signal);
    this.#crowd = new Crowd(signal);
    const tellRequest = (name) => this.#crowd.tell('knocking', name, { quiet: byId('scrim').hidden });
    const host = new Host(room, { media, tellRequest }, signal);
    this.#people = new People((id, action) => {
      const peer = room.peers.get(id);
      if (peer !== undefined) host.perform(action, peer);
    });
    const panel = new Panel(signal);
    new Chat(room, panel, signal);
    const controls = bindControls(media, screen, signal);
    this.#bindButtons(panel, controls, signal);
    stayAwake(signal);

    this.ended = new Promise((resolve) => this.#followRoom(resolve, signal));
    this.#tiles.add(SELF);
    this.#showSelf();
    void this.#tiles.play(SELF, this.#ownPicture());
    this.#draw();
    watchSpeaking(() => this.#levels(level), (key, speaking) => {
      this.#tiles.get(key)?.setSpeaking(speaking);
      this.#people.setSpeaking(key, speaking);
    }, signal);
  }

  leave() {
    void this.#room.leave();
  }

  rename(name) {
    this.#tellMeta(name);
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
      this.#crowd.tell('joined', nameOf(detail.peer.meta));
      this.#drawSoon(detail.peer);
    }, { signal });
    room.on('peerleft', ({ detail }) => {
      this.#crowd.tell('left', nameOf(detail.peer.meta));
      this.#failed.delete(detail.peer.id);
      this.#refused.delete(detail.peer.id);
      this.#drawSoon(detail.peer);
    }, { signal });
    room.on('peerchanged', ({ detail }) => {
      this.#tellFailure(detail.peer);
      this.#drawSoon(detail.peer);
    }, { signal });
    for (const type of ['sourceadded', 'sourcechanged', 'sourceremoved']) {
      room.on(type, ({ detail }) => this.#drawSoon(detail.peer), { signal });
    }
    room.on('permissionschanged', ({ detail }) => {
      // What a host sees of each person is not what others see.
      for (const peer of detail.peer === null ? room.peers.values() : [detail.peer]) this.#drawSoon(peer);
      this.#showSelf();
    }, { signal });
    room.on('error', ({ detail }) => this.#explain(detail), { signal });
    room.on('statechange', ({ detail }) => {
      this.#showConnection(detail.state);
      if (detail.state !== 'closed') return;
      this.#scope.abort();
      resolve(detail.reason);
    }, { signal });
    this.#showConnection(room.state);
  }

  #drawSoon(peer) {
    this.#changed.add(peer.id);
    this.#draw();
  }

  /** A peer that has joined and left since the last draw is never drawn. */
  #drawOthers() {
    if (this.#scope.signal.aborted) return;
    const { peers } = this.#room;
    const changed = this.#changed;
    this.#changed = new Set();
    for (const id of changed) {
      if (peers.has(id)) continue;
      this.#tiles.remove(id);
      this.#people.remove(id);
    }
    for (const [id, peer] of peers) {
      const isNew = !this.#tiles.has(id);
      if (isNew && this.#tiles.size > MAX_OTHERS) continue;
      if (isNew) this.#tiles.add(id);
      if (isNew || changed.has(id)) this.#showPeer(peer);
    }
    this.#people.setTotal(peers.size + 1);
    byId('alone').hidden = peers.size > 0;
  }

  #tellFailure({ id, meta, connection }) {
    if (connection === 'connected') {
      this.#failed.delete(id);
      this.#refused.delete(id);
    }
    if (connection !== 'failed' || this.#failed.has(id)) return;
    this.#failed.add(id);
    // An `error` with the reason follows in the same task.
    queueMicrotask(() => {
      if (this.#refused.has(id) || this.#scope.signal.aborted) return;
      this.#crowd.tell(hasTurnServer(this.#room) ? 'failed' : 'unrelayed', nameOf(meta));
    });
  }

  #explain({ error: { code, message }, peer }) {
    // Not the error itself: the console would keep its cause, and with that a closed connection.
    console.warn(`meet-signal: ${code}: ${String(message).slice(0, 300)}`);
    // The rejected message may be an update of this page's state.
    this.#showSelf();
    if (code === 'rate-limited') notify('Too much at once: the last message was not sent.');
    else if (code === 'peer-unreachable') notify('The last message did not reach everybody.');
    else if (peer === null && REJECTED[code] !== undefined) notify(REJECTED[code], { key: 'attempt' });
    else if (peer && code === 'refused' && !this.#refused.has(peer.id)) {
      this.#refused.add(peer.id);
      this.#crowd.tell('refused', nameOf(peer.meta));
    }
  }

  #showPeer(peer) {
    const tile = this.#tiles.get(peer.id);
    const source = peer.sources.get(SOURCE);
    const person = {
      name: nameOf(peer.meta),
      audio: isLive(source?.audio),
      video: isLive(source?.video),
      screen: peer.meta?.screen === true && isLive(source?.video),
      connection: peer.connection,
      status: peer.status,
      host: isHost(peer),
      manageable: this.#room.can('moderate'),
    };
    this.#tiles.update(peer.id, person);
    this.#people.update(peer.id, person, false);
    if (source === undefined) tile.clear();
    else void this.#tiles.play(peer.id, source.stream);
  }

  #showSelf() {
    const screen = this.#screen.track !== null;
    const person = {
      name: this.#ownName,
      audio: this.#media.isOn('audio'),
      video: this.#media.isOn('video') || screen,
      screen,
      mirrored: !screen && this.#media.mirrored,
      connection: this.#room.state === 'joined' ? 'connected' : 'reconnecting',
      status: 'here',
      host: isHost(this.#room.self),
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

  /** The data for the others, which the server may have replaced. */
  get #ownName() {
    return nameOf(this.#room.self?.meta);
  }

  /** `screen` is sent beside the track, so that the others fit it into its tile instead of cropping it. */
  #tellMeta(name = this.#ownName) {
    if (this.#room.state === 'closed') return;
    try {
      this.#room.update({ name, screen: this.#screen.track !== null });
    } catch (error) {
      notify(`The others could not be told (${error.message}).`, { key: 'meta' });
    }
  }

  #ownPicture() {
    const { track } = this.#screen;
    return track === null ? this.#media.stream : new MediaStream([track]);
  }

  #showConnection(state) {
    const text = BANNERS[state] ?? '';
    byId('banner').hidden = text === '';
    byId('banner').textContent = text;
    if (this.#tiles.get(SELF) !== undefined) this.#showSelf();
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

function hasTurnServer({ iceServers }) {
  return iceServers.some(({ urls }) => [urls].flat().some((url) => /^turns?:/.test(url)));
}

/** Whether this kind is being sent. */
function isLive(side) {
  return side !== null && side !== undefined && !side.muted;
}

function isHost(member) {
  return member?.permissions?.includes('moderate') ?? false;
}

const RECONNECTING = 'Reconnecting to the meeting… Your call goes on meanwhile.';

/** By state of the room. A session that was away for too long may have to ask again. */
const BANNERS = {
  away: RECONNECTING,
  resuming: RECONNECTING,
  waiting: 'You were away for long. Waiting for the host to let you in again…',
  connecting: 'Reconnecting to the meeting… The host has not let you in again yet.',
};

/** What hosts asked for, and the server rejected. */
const REJECTED = {
  'no-such-peer': 'They are no longer there',
  'room-full': 'The meeting is full: they go on waiting',
  'not-allowed': 'That is not allowed. Somebody whose browser keeps no cookies can be removed, but not blocked.',
};

/** How many other peers have a tile: more than a room holds by default. The page only counts the rest. */
const MAX_OTHERS = 48;
