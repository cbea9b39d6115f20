// A room with a lobby, for pages with only a SignalingSocket.

import assert from 'node:assert/strict';

import { Scene } from './scene.js';

const NOTHING_LEFT = { connections: 0, sockets: 0, timers: 0, listeners: 0 };

/** Mod moderates, and all others have to wait. */
export class LobbyScene extends Scene {
  constructor({ server, ...options } = {}) {
    super({
      server: {
        authorize: ({ page }) => ({ lobby: page !== 'mod', permissions: page === 'mod' ? ['broadcast', 'moderate'] : ['broadcast'] }),
        limits: { authorizeTimeoutMs: 300_000 },
        ...server,
      },
      ...options,
    });
  }

  /** A page that waits; `joined` is what `join` gives. */
  async knock(name, { signal, ...options } = {}) {
    const socket = this.socket(name, options);
    socket.log.waits = 0;
    socket.on('waiting', () => { socket.log.waits += 1; });
    socket.joined = socket.join({ signal });
    socket.joined.catch(() => {});
    await this.clock.advance(100);
    return socket;
  }

  get waiting() {
    return this.server.lobby.waiting('room');
  }

  socket(name, options) {
    const socket = super.socket(name, options);
    /** Who knocks, by id, as this page was told. */
    const knocks = new Map();
    socket.on('welcome', ({ detail: { welcome: { knocking = [] } } }) => {
      knocks.clear();
      for (const { id, meta } of knocking) knocks.set(id, meta);
    });
    socket.on('message', ({ detail: { message: { type, peer } } }) => {
      if (type === 'knock') knocks.set(peer.id, peer.meta);
      else if (type === 'knockGone') knocks.delete(peer);
    });
    return Object.assign(socket, { knocks });
  }

  async admit(mod) {
    for (const id of mod.knocks.keys()) mod.send({ type: 'admit', peer: id });
    await this.clock.advance(100);
  }

  async end(...sockets) {
    for (const socket of sockets) void socket.leave();
    await this.clock.advance(60_000);
    assert.deepEqual(this.harness.leaks, NOTHING_LEFT);
    assert.deepEqual(this.waiting, []);
  }
}
