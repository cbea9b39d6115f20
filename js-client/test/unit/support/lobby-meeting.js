// A room with a lobby.

import assert from 'node:assert/strict';

import { Meeting } from './meeting.js';

export const ALL = ['signal', 'broadcast', 'moderate'];

const NOTHING_LEFT = { connections: 0, sockets: 0, timers: 0, listeners: 0 };

/** Ada and Bob are let in at once, and Ada moderates. All others wait. */
export class LobbyMeeting extends Meeting {
  constructor(server = {}) {
    super({
      server: {
        authorize: ({ page }) => ({
          lobby: page !== 'ada' && page !== 'bob',
          permissions: page === 'ada' ? ALL : ['signal', 'broadcast'],
        }),
        limits: { authorizeTimeoutMs: 300_000 },
        ...server,
      },
    });
  }

  room(name, options) {
    const room = super.room(name, options);
    const told = [];
    for (const type of ['knock', 'knockgone']) {
      room.on(type, ({ detail: { peer } }) => told.push(`${type} ${peer.meta}${room.knocking.get(peer.id) === peer ? '' : ' not there'}`));
    }
    for (const type of ['waiting', 'permissionschanged']) room.on(type, () => told.push(type));
    room.on('error', ({ detail: { error, peer } }) => told.push(`error ${error.code} ${peer}`));
    return Object.assign(room, { told });
  }

  async knock(name, { camera = true, ...options } = {}) {
    const room = this.room(name, options);
    if (camera) room.publish('camera', room.page.camera());
    room.joined = room.join();
    room.joined.catch(() => {});
    await this.settle(100);
    assert.equal(room.state, 'waiting');
    return room;
  }

  get waiting() {
    return this.server.lobby.waiting('room');
  }

  async end() {
    for (const room of this.rooms.values()) void room.leave();
    await this.settle(60_000);
    assert.deepEqual(this.harness.leaks, NOTHING_LEFT);
  }
}

/** The id of somebody who waits. */
export const idOf = (room, name) => [...room.knocking.values()].find(({ meta }) => meta === name)?.id;
