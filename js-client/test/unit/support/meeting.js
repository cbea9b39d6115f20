// Rooms of several pages on one server.

import assert from 'node:assert/strict';

import { MeetRoom } from '../../../src/meet-room.js';
import { Harness } from '../../support/harness.js';

export class Meeting {
  rooms = new Map();

  constructor(options) {
    this.harness = new Harness(options);
    this.scheduler = this.harness.scheduler;
    this.clock = this.harness.clock;
    this.server = this.harness.server;
  }

  /** A page's room, whose events are written down. */
  room(name, { page = this.harness.page(name), ...options } = {}) {
    const room = new MeetRoom('/signal/room', { meta: name, environment: page.environment, ...options });
    const events = [];
    for (const type of ['peerjoined', 'peerleft', 'sourceadded', 'sourceremoved']) {
      room.on(type, ({ detail }) => events.push(`${type} ${detail.peer.id}${detail.source ? ` ${detail.source.name}` : ''}`));
    }
    room.on('message', ({ detail }) => events.push(`message ${detail.peer.meta} ${JSON.stringify(detail.data)}${detail.direct ? ' direct' : ''}`));
    room.on('statechange', ({ detail }) => events.push(`state ${detail.state}`));
    this.rooms.set(name, room);
    return Object.assign(room, { page, events });
  }

  /** The same, with a camera. */
  roomWithCamera(name, options) {
    const room = this.room(name, options);
    room.publish('camera', room.page.camera());
    return room;
  }

  /** All of them at once. */
  joinTogether(names, options) {
    const joins = names.map((name) => this.roomWithCamera(name, options).join());
    return this.scheduler.run(Promise.all(joins), { withinMs: 60_000 });
  }

  async join(name, { camera = true, ...options } = {}) {
    const room = camera ? this.roomWithCamera(name, options) : this.room(name, options);
    await this.scheduler.run(room.join(), { withinMs: 60_000 });
    return room;
  }

  settle(ms = 120_000) {
    return this.clock.advance(ms);
  }

  /** Everybody who is joined is in a call with everybody else, and sees all that they publish. */
  assertCalls(context) {
    const joined = [...this.rooms.values()].filter(({ state }) => state === 'joined');
    for (const one of joined) {
      const others = joined.filter((other) => other !== one);
      assert.deepEqual([...one.peers.keys()].sort(), others.map(({ self }) => self.id).sort(), context);
      for (const other of others) {
        const peer = one.peers.get(other.self.id);
        assert.equal(peer.connection, 'connected', context);
        assert.equal(peer.status, 'here', context);
        const live = [...peer.sources.values()].map(({ name, audio, video }) => `${name} ${audio?.track?.readyState} ${video?.track?.readyState}`);
        assert.deepEqual(live, ['camera live live'], context);
      }
      assertBalanced(one.events, context);
    }
    assert.equal(this.harness.network.open, joined.length ** 2 - joined.length, context);
  }
}

/** Each peer, and each of its sources, is announced once and goes once; sources only while their peer is there. */
function assertBalanced(events, context) {
  const present = new Set();
  for (const event of events) {
    const [, type, what] = /^(\w+) (.*)$/.exec(event);
    const note = `${context}: ${event} in\n${events.join('\n')}`;
    if (type.endsWith('joined') || type.endsWith('added')) {
      assert.ok(!present.has(what), note);
      if (type === 'sourceadded') assert.ok(present.has(what.split(' ')[0]), note);
      present.add(what);
    } else if (type.endsWith('left') || type.endsWith('removed')) {
      assert.ok(present.delete(what), note);
      if (type === 'peerleft') assert.ok(![...present].some((other) => other.startsWith(`${what} `)), note);
    }
  }
}
