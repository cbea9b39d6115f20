// What hosts do in the meeting, and what everybody learns of it.

import { ask } from './ask.js';
import { isolate } from './dom.js';
import { followMuteRequests, sendMuteRequest } from './mute-requests.js';
import { notify } from './notices.js';
import { OwnTabs } from './own-tabs.js';
import { nameOf } from './person.js';
import { Requests } from './requests.js';
import { bindSwitches } from './switches.js';

export class Host {
  #room;
  #ownTabs;
  #isHost;

  /** `tellRequest(name)` announces somebody who asks to join. */
  constructor(room, { media, tellRequest }, signal) {
    this.#room = room;
    this.#ownTabs = new OwnTabs(room, signal);
    this.#isHost = room.can('moderate');
    new Requests(room, { attempt, tell: tellRequest }, signal);
    bindSwitches(room, attempt, signal);
    followMuteRequests(room, media, signal);
    room.on('permissionschanged', ({ detail }) => this.#permissionsChanged(detail), { signal });
  }

  /** Does what a person's button in the list says. `peer` is of the room, and may be gone by now. */
  perform(action, peer) {
    switch (action) {
      case 'mute': return attempt(() => sendMuteRequest(this.#room, peer));
      case 'host': return attempt(() => this.#room.setPermissions(peer.id, [...peer.permissions, 'moderate']));
      case 'remove': return this.#remove(peer);
      case 'block': return this.#block(peer);
      default: throw new Error(`there is no action ${action}`);
    }
  }

  async #remove({ id, meta }) {
    const reason = await ask({
      content: ['Remove ', isolate(nameOf(meta)), '?'],
      text: 'They leave the meeting at once. With the link, they can come back, unless the meeting is locked.',
      yes: 'Remove',
    });
    if (reason !== null) attempt(() => this.#room.kick(id, reason || undefined));
  }

  async #block({ id, meta }) {
    if (this.#ownTabs.has(id)) {
      notify('This is your own browser in another tab: you would block yourself', { key: 'block' });
      return;
    }
    const reason = await ask({
      content: ['Block ', isolate(nameOf(meta)), '?'],
      text: 'They leave the meeting at once, and cannot come back with this browser while the meeting lasts.',
      yes: 'Block',
    });
    if (reason !== null) attempt(() => this.#room.ban(id, BAN_SECONDS, reason || undefined));
  }

  #permissionsChanged({ peer, permissions }) {
    const isHost = permissions.includes('moderate');
    if (peer !== null) {
      if (isHost) notify([isolate(nameOf(peer.meta)), ' is host now'], { key: `host ${peer.id}` });
      return;
    }
    if (isHost === this.#isHost) return;
    this.#isHost = isHost;
    notify(isHost ? 'You are the host of this meeting now' : 'You are no longer a host of this meeting', { key: 'host' });
  }
}

/** Runs a function of the room. It throws if the permission or the peer has just gone. */
function attempt(run) {
  try {
    run();
  } catch (error) {
    notify(ATTEMPTS[error.code] ?? `That did not work (${error.message}).`, { key: 'attempt' });
  }
}

const ATTEMPTS = {
  'no-such-peer': 'They are no longer there',
  'not-allowed': 'You are not a host of this meeting',
};

/** A day, the longest that servers allow by default. */
const BAN_SECONDS = 86_400;
