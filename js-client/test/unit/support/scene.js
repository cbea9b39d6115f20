// Pages with only a SignalingSocket, and their server.

import assert from 'node:assert/strict';

import { SignalingSocket } from '../../../src/signaling-socket.js';
import { Harness } from '../../support/harness.js';

export class Scene {
  constructor(options = {}) {
    this.harness = new Harness(options);
    this.scheduler = this.harness.scheduler;
    this.clock = this.harness.clock;
    this.server = this.harness.server;
  }

  /** A page's socket that writes down what it is told. */
  socket(name, { page = this.harness.page(name), ...options } = {}) {
    const socket = new SignalingSocket('/signal/room', { meta: name, environment: page.environment, ...options });
    const log = { states: [], reasons: [], messages: [], welcomes: [], rejected: [] };
    socket.on('statechange', ({ detail }) => { log.states.push(detail.state); log.reasons.push(detail.reason?.code ?? null); });
    socket.on('welcome', ({ detail }) => log.welcomes.push(detail.welcome));
    socket.on('message', ({ detail }) => log.messages.push(detail.message));
    socket.on('rejected', ({ detail }) => log.rejected.push([detail.error.code, detail.message?.data]));
    return Object.assign(socket, { log, page });
  }

  async join(name, options) {
    const socket = this.socket(name, options);
    await this.scheduler.run(socket.join(), { withinMs: 60_000 });
    return socket;
  }

  /** What the sockets were told by broadcast. */
  heard(socket) {
    return socket.log.messages.filter(({ type }) => type === 'broadcast').map(({ data }) => data);
  }

  sent(page, type) {
    return this.server.log.filter((entry) => entry.page === page && entry.frame?.type === type).map(({ frame }) => frame);
  }
}

/** What a promise rejects with. */
export const failure = (promise) => promise.then(() => assert.fail('it did not reject'), (error) => error);
