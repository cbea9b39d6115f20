// The switches for lobby and lock, for hosts.

import { byId } from './dom.js';
import { notify } from './notices.js';

/** `attempt` runs a function of the room that may throw, and says so. */
export function bindSwitches(room, attempt, signal) {
  const lobby = byId('lobby-switch');
  const lock = byId('lock-switch');

  function show() {
    byId('host-tools').hidden = !room.can('moderate');
    lobby.checked = room.lobby;
    lock.checked = room.locked;
  }

  lobby.addEventListener('change', () => attempt(() => room.setLobby(lobby.checked)), { signal });
  lock.addEventListener('change', () => attempt(() => room.lock(lock.checked)), { signal });
  room.on('lobbychanged', ({ detail: { enabled } }) => {
    show();
    notify(enabled ? 'The lobby is on: those who come wait until a host lets them in' : 'The lobby is off: those who have the link come in directly', { key: 'lobby' });
  }, { signal });
  room.on('locked', ({ detail: { locked } }) => {
    show();
    notify(locked ? 'The meeting is locked: nobody new can join' : 'The meeting is open again', { key: 'lock' });
  }, { signal });
  for (const type of ['permissionschanged', 'error', 'statechange']) room.on(type, show, { signal });
  show();
}
