// The room page: from the lobby into the call, and out again.

import { MeetRoom } from '/meet-signal/index.js';
import { AudioLevel } from './audio-level.js';
import { Call } from './call.js';
import { LocalMedia } from './devices.js';
import { Ended } from './ended.js';
import { Lobby } from './lobby.js';
import { Outgoing } from './outgoing.js';
import { remember } from './preferences.js';
import { addressOfRoom, roomInAddress } from './room-name.js';
import { ScreenShare } from './screen.js';
import { bindSettings } from './settings.js';
import { showView } from './views.js';
import { followWait, takeReloadedWait } from './waiting.js';

const { name: roomName, problem } = roomInAddress(location.pathname);
/** Devices that were allowed before open within this time; longer is a question to a person. */
const DEVICES_MS = 1500;
const media = new LocalMedia();
const level = new AudioLevel(media);
const screen = new ScreenShare();
const lobby = new Lobby(media, level);
const ended = new Ended();
/** The call that is on, if one is. */
let call = null;
/** Aborted to give up joining; null when not joining. */
let joining = null;
/** For the next call, while the person is in the lobby. */
let prepared = null;

for (const place of document.querySelectorAll('[data-room-name]')) place.textContent = roomName;
if (problem !== null) {
  ended.showImpossible(problem);
  showView('ended');
} else {
  // A copied link has the name in the form in which others type it.
  history.replaceState(history.state, '', `${addressOfRoom(roomName)}${location.search}${location.hash}`);
  openLobby();
  void media.open();
  // A page that waited and was loaded again goes on waiting.
  if (takeReloadedWait()) void meet(lobby, { atOnce: true });
}
lobby.addEventListener('join', () => meet(lobby));
lobby.addEventListener('cancel', () => joining?.abort());
ended.addEventListener('rejoin', () => meet(ended));
bindSettings(media, lobby, (name) => {
  lobby.name = name;
  remember('name', name);
  call?.rename(name);
});

/**
 * Joins and stays until the call is over. `view` is where the person clicked: it shows progress and failure. `atOnce`: without
 * waiting for the devices, since a place in the meeting's lobby is kept for a short time only.
 */
async function meet(view, { atOnce = false } = {}) {
  if (joining !== null || call !== null) return;
  const scope = new AbortController();
  joining = scope;
  view.setBusy(true);
  level.resume();
  // A person joins without devices while the browser asks for permission, and is seen once it is granted.
  await Promise.race([media.open(), delay(atOnce ? 0 : DEVICES_MS)]);
  const name = lobby.name;
  const room = prepared ?? newRoom();
  prepared = null;
  room.update({ name, screen: false });
  window.room = room;
  const outgoing = new AbortController();
  const settled = new AbortController();
  try {
    new Outgoing(room, media, screen).start(outgoing.signal);
    followWait(room, (state) => {
      if (view !== lobby) view = returnToLobby(view);
      lobby.setWaiting(state);
    }, settled.signal);
    await room.join({ signal: scope.signal });
  } catch (error) {
    outgoing.abort();
    view.setBusy(false);
    if (!scope.signal.aborted) showFailure(view, error);
    return;
  } finally {
    settled.abort();
    joining = null;
  }
  view.setBusy(false);
  lobby.close();
  showView('call');
  call = new Call({ room, media, screen, level });

  const reason = await call.ended;
  call = null;
  outgoing.abort();
  screen.stop();
  media.close();
  document.querySelector('dialog[open]')?.close();
  ended.show(reason);
  showView('ended');
}

/** After a call, too, one waits where camera and microphone can be chosen. */
function returnToLobby(view) {
  view.setBusy(false);
  lobby.open();
  lobby.setBusy(true);
  showView('lobby');
  return lobby;
}

/** While a person looks at the lobby, the page gets ready, so that joining takes one message. */
function openLobby() {
  lobby.open();
  showView('lobby');
  prepared = newRoom();
  void prepared.prepare();
}

function newRoom() {
  return new MeetRoom(`/signal/${encodeURIComponent(roomName)}`);
}

function delay(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function showFailure(view, error) {
  console.warn(`could not join: ${error.code ?? error.name}: ${error.message}`);
  if (view === lobby) lobby.showFailure(error);
  else {
    // The call is over, so all devices are released.
    media.close();
    ended.show(error);
    showView('ended');
  }
}
