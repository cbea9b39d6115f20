// A hostile participant costs a page only the transport to that participant.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';

import { Hostile, offer, offering } from './support/hostile.js';
import { Participant } from './support/participant.js';
import { setUp } from './support/setup.js';

const { browsers, server, newRoom } = setUp();

/** What a person takes for a page that hangs, on a busy machine. */
const MAX_GAP_MS = 2500;

for (const kind of ['chromium', 'firefox']) {
  describe(`against ${kind}`, { concurrency: 1 }, () => {
    let room;
    let people;
    let ada;
    let mallory;

    beforeEach(async () => {
      room = newRoom();
      people = [];
      ada = await joins(kind, 'Ada');
      await ada.page.evaluate(watch);
      mallory = await Hostile.join(browsers, { server, room });
      people.push(mallory);
      await ada.until((id) => window.room.peers.has(id), await mallory.id());
    });

    afterEach(async () => {
      for (const one of people) await one.close();
    });

    async function joins(browser, name) {
      const person = await Participant.join(browsers, browser, {
        url: server.url(`/room/${room}`), name, prepare: (page) => page.evaluateOnNewDocument(countConnections),
      });
      people.push(person);
      return person;
    }

    /** The victim's transport to the attacker has failed, and an event names the attacker. */
    async function assertRefused() {
      await ada.until((id) => window.refused.includes(id), await mallory.id());
      await ada.until((id) => window.room.peers.get(id).connection === 'failed', await mallory.id());
    }

    /** The victim goes on: it is in the room, its page was never still for long, and a newcomer sees and hears it. */
    async function assertUnharmed(maxConnections = 20) {
      // The last of the attack has arrived.
      await mallory.says('done');
      await ada.until(() => window.heard === 'done');
      const bob = await joins('chromium', 'Bob');
      await bob.seesPlaying(ada);
      await ada.seesPlaying(bob);
      const { state, gap, anonymous, created } = await ada.page.evaluate(() => ({
        state: window.room.state, gap: window.gap, anonymous: window.anonymous, created: window.created,
      }));
      if (process.env.VERBOSE) console.log(`${kind}: ${Math.round(gap)} ms, ${created} connections`);
      assert.equal(state, 'joined');
      assert.deepEqual(anonymous, [], 'errors that name no peer');
      assert.ok(gap < MAX_GAP_MS, `the page stood still for ${Math.round(gap)} ms`);
      assert.ok(created < maxConnections, `${created} connections were made`);
      assert.deepEqual(ada.complaints, []);
    }

    test('an offer of 180 sections', async () => {
      await mallory.sends([offering(1, 1, { sections: 180 })]);
      await assertRefused();
      await assertUnharmed();
    });

    test('as many sections as there may be, again and again', async () => {
      const all = Array.from({ length: 40 }, (_, id) => offering(1, id + 1, { sections: 64 }));
      await mallory.sends(all, 100);
      await assertUnharmed();
    });

    test('sections whose names are long', async () => {
      await mallory.sends([offering(1, 1, { sections: 60, named: (mid) => `${mid}${'x'.repeat(300)}` })]);
      await assertUnharmed();
    });

    test('520 messages that each claim a new connection', async () => {
      const all = Array.from({ length: 520 }, (_, index) => offering(index + 1, 1));
      await mallory.sends(all, 18);
      await assertRefused();
      await assertUnharmed();
    });

    test('3,000 candidates', async () => {
      const candidate = (n) => ({
        candidate: `candidate:${n} 1 udp 2113937151 10.${n >> 16}.${(n >> 8) & 255}.${n & 255} ${1024 + n} typ host generation 0 ufrag abcd`,
        sdpMid: '0', sdpMLineIndex: 0, usernameFragment: 'abcd',
      });
      const batches = Array.from({ length: 24 }, (_, batch) => ({
        epoch: 1, to: null, candidates: Array.from({ length: 125 }, (_, n) => candidate(batch * 125 + n + 1)),
      }));
      await mallory.sends([offering(1, 1), ...batches]);
      await assertUnharmed();
    });

    for (const [generations, ufrag] of [['one generation', () => 'abcd'], ['many generations', (id) => `abcd${id}`]]) {
      test(`3,000 candidates in offers of ${generations}`, async () => {
        const more = (id) => () => Array.from({ length: 240 }, (_, n) => (
          `a=candidate:${n} 1 udp 2113937151 10.0.${id}.${n} ${1024 + n} typ host`));
        const all = Array.from({ length: 13 }, (_, id) => offering(1, id + 1, { ufrag: ufrag(id), more: more(id) }));
        await mallory.sends(all);
        await assertRefused();
        await assertUnharmed();
      });
    }

    test('lines without end', async () => {
      await mallory.sends([
        offering(1, 1, { more: () => [`a=fmtp:111 x=${'y'.repeat(50_000)}`] }),
        offering(2, 1, { more: () => Array.from({ length: 5000 }, (_, n) => `a=x:${n}`) }),
        offering(3, 1, { more: () => Array.from({ length: 1500 }, (_, n) => `a=ssrc:${n + 1} cname:abcdefgh`) }),
        { epoch: 4, to: null, offerId: 1, description: { type: 'offer', lines: ['a=x', ...Array.from({ length: 40 }, (_, n) => [0, 2 ** n])] } },
      ]);
      await assertUnharmed();
    });

    test('as many lines as a description may have', async () => {
      const sections = offer({ sections: 60 }).split('\r\n');
      const junk = Array.from({ length: 100 }, (_, n) => `a=junk-${n}:${'x'.repeat(50)}`);
      const lines = [...sections.slice(0, 5), ...junk.map((line) => line), ...sections.slice(5, -1)];
      while (lines.length < 7000) lines.push(5 + (lines.length % 100));
      const description = { type: 'offer', lines: [...lines, ''] };
      await mallory.sends(Array.from({ length: 20 }, (_, id) => ({ epoch: 1, to: null, description, offerId: id + 1 })), 500);
      await assertUnharmed();
    });

    test('requests, answers to nothing, and sources that change without end', async () => {
      await mallory.sends([offering(1, 1, { sections: 30 })]);
      await ada.until((id) => window.room.peers.get(id).connection !== 'x', await mallory.id());
      const sources = (revision) => ({
        revision,
        list: Array.from({ length: 16 }, (_, n) => ({ name: `${n} ${revision % 2}`, audio: { mid: String(n), muted: false }, video: { mid: 'none', muted: true } })),
      });
      const all = Array.from({ length: 400 }, (_, n) => ([
        { request: 'again' }, { request: 'restart' }, { request: 'offer' }, { sources: sources(n + 1) },
        { description: { type: 'answer', sdp: 'v=0' }, offerId: 1 }, offering(1, 1, { sections: 30 }),
      ][n % 6]));
      await mallory.sends(all.map((message) => ({ epoch: 1, to: null, ...message })), 15);
      await assertUnharmed();
    });

    test('400 joins and leaves in half a second, each with an offer', async () => {
      // No server lets so many in. The room of this page is told by a socket of its own.
      const { connections, longest } = await ada.page.evaluate(storm, offering(1, 1));
      if (process.env.VERBOSE) console.log(`${kind}: ${Math.round(longest)} ms, ${connections} connections`);
      assert.ok(connections < 40, `${connections} connections were made`);
      assert.ok(longest < MAX_GAP_MS, `the page stood still for ${Math.round(longest)} ms`);
      await assertUnharmed(40);
    });

    test('two thousand data channels', async () => {
      await mallory.connects(() => {
        for (let n = 0; n < 2000; n += 1) window.pc.createDataChannel(`${n}`);
      });
      await assertRefused();
      await assertUnharmed();
    });

    test('a flood of the control channel', async () => {
      await mallory.connects(async () => {
        for (let n = 0; n < 5000; n += 1) {
          const list = [{ name: `source ${n}`, audio: null, video: { mid: '1', muted: n % 2 === 0 } }];
          window.control.send(JSON.stringify({ sources: { revision: n + 1, list } }));
        }
      });
      await assertRefused();
      await assertUnharmed();
    });
  });
}

/** In the victim's page: how long it stood still, whom it has refused, and how many connections it made. */
function watch() {
  window.gap = 0;
  window.refused = [];
  window.anonymous = [];
  let last = performance.now();
  setInterval(() => {
    const now = performance.now();
    window.gap = Math.max(window.gap, now - last);
    last = now;
  }, 20);
  window.room.on('error', ({ detail: { error, peer } }) => {
    if (peer === undefined) window.anonymous.push(error.code);
    else if (error.code === 'refused') window.refused.push(peer.id);
  });
  window.room.on('message', ({ detail: { data } }) => { window.heard = data; });
}

async function storm(first) {
  const { MeetRoom } = await import('/meet-signal/index.js');
  let socket;
  const say = (frame) => socket.dispatchEvent(new MessageEvent('message', { data: JSON.stringify(frame) }));
  class Socket extends EventTarget {
    static OPEN = 1;
    readyState = 1;
    protocol = 'meet-signal.v1';
    bufferedAmount = 0;

    constructor() {
      super();
      socket = this;
      setTimeout(() => this.dispatchEvent(new Event('open')));
    }

    send(text) {
      if (JSON.parse(text).type !== 'join') return;
      say({
        type: 'welcome', self: { id: 'self', meta: null, permissions: ['signal', 'broadcast'] }, peers: [], ticket: 'ticket',
        resumed: 'no', received: 0, iceServers: [], locked: false, heartbeatMs: 10_000, graceMs: 30_000,
      });
    }

    close() {}
  }
  const room = new MeetRoom('/signal/storm', { environment: { WebSocket: Socket, storage: null } });
  await room.join();
  const before = window.created;
  window.gap = 0;
  for (let n = 0; n < 400; n += 1) {
    const id = `peer ${n}`;
    say({ type: 'joined', peer: { id, meta: null, status: 'here', polite: true } });
    say({ type: 'signal', from: id, data: first });
    if (n >= 4) say({ type: 'left', peer: `peer ${n - 4}`, reason: 'left' });
    // 400 in half a second.
    if (n % 8 === 0) await new Promise((resolve) => { setTimeout(resolve, 10); });
  }
  const connections = window.created - before;
  const longest = window.gap;
  await room.leave();
  return { connections, longest };
}

function countConnections() {
  window.created = 0;
  window.RTCPeerConnection = class extends window.RTCPeerConnection {
    constructor(...options) {
      super(...options);
      window.created += 1;
    }
  };
}
