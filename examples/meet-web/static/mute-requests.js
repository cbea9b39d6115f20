// Hosts ask others to mute. It is a request: the own page mutes, and its person can undo that.

import { byId, isolate } from './dom.js';
import { notify, withdraw } from './notices.js';
import { nameOf } from './person.js';

export function sendMuteRequest(room, { id, meta }) {
  room.send(id, { request: 'mute' });
  notify(['You asked ', isolate(nameOf(meta)), ' to mute'], { key: `mute ${id}` });
}

/** Follows requests of hosts. What others send is ignored. */
export function followMuteRequests(room, media, signal) {
  room.on('message', ({ detail: { peer, data, direct } }) => {
    if (!direct || data?.request !== 'mute' || !peer.permissions?.includes('moderate')) return;
    if (!media.isOn('audio') && !media.isStarting('audio') && !media.isSilenced('audio')) return;
    void media.setOn('audio', false);
    notify(() => [isolate(nameOf(peer.meta)), ' asked you to mute. Your microphone is off now. ', undo(media)], { key: KEY });
  }, { signal });
  signal.addEventListener('abort', () => withdraw(KEY), { once: true });
}

function undo(media) {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'notice-button';
  button.textContent = 'Turn it on again';
  button.addEventListener('click', () => {
    void media.setOn('audio', true);
    byId('mic').focus();
    withdraw(KEY);
  });
  return button;
}

const KEY = 'mute request';
