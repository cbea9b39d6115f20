// Properties of any history, which fast-check shrinks to the shortest counterexample.

import '../support/abort-fix.js';

import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { SignalingSocket } from '../../src/signaling-socket.js';
import { FakeTrack } from '../support/fake-media.js';
import { Harness } from '../support/harness.js';
import { ConnectedPages } from './support/connected-pages.js';

/** For a longer look: `PROPERTY_RUNS=5000 node --test test/unit/properties.test.js`. */
const RUNS = { numRuns: Number(process.env.PROPERTY_RUNS ?? 150) };

const seed = fc.nat(2 ** 31);
const side = fc.constantFrom('a', 'b');
const name = fc.constantFrom('camera', 'screen', 'third');
const kind = fc.constantFrom('audio', 'video');

/** How the schedule goes on between two acts: some tasks, or some time. */
const pause = fc.oneof(
  fc.record({ act: fc.constant('steps'), count: fc.nat(25) }),
  fc.record({ act: fc.constant('time'), ms: fc.nat(20_000) }),
);

const linkAct = fc.oneof(
  { weight: 6, arbitrary: pause },
  fc.record({ act: fc.constant('publish'), side, name, kinds: fc.subarray(['audio', 'video']) }),
  fc.record({ act: fc.constant('unpublish'), side, name }),
  fc.record({ act: fc.constant('replace'), side, name, kind, track: fc.boolean() }),
  fc.record({ act: fc.constant('mute'), side, name, kind, muted: fc.boolean() }),
  fc.record({ act: fc.constant('lose'), side }),
  fc.record({ act: fc.constant('duplicate'), side, type: fc.constantFrom('offer', 'answer', undefined) }),
  fc.record({ act: fc.constant('reject'), method: fc.constantFrom('setLocalDescription', 'setRemoteDescription', 'addIceCandidate') }),
  fc.record({ act: fc.constant('outage'), ms: fc.nat(60_000) }),
  fc.record({ act: fc.constant('refuse'), side, ms: fc.nat(30_000) }),
);

test('whatever is published, lost, doubled, refused and rejected, both pages end in a call and see what there is', async () => {
  await fc.assert(fc.asyncProperty(seed, fc.array(linkAct, { maxLength: 40 }), async (schedule, acts) => {
    const pages = new ConnectedPages(schedule);
    for (const one of acts) await doToLink(pages, one);
    await pages.settle();
    // A rejection that is still planned is met by what follows, and survived.
    for (const method of ['setLocalDescription', 'setRemoteDescription', 'addIceCandidate']) {
      assert.equal(typeof method, 'string');
      for (const page of [pages.a, pages.b]) page.publish(`last ${method}`, 'audio', 'video');
      await pages.settle();
    }
    pages.assertInCall();
  }), RUNS);
});

async function doToLink(pages, act) {
  const page = pages[act.side];
  const known = page?.publications.get(act.name) !== undefined;
  switch (act.act) {
    case 'steps':
      for (let count = act.count; count > 0; count -= 1) await pages.scheduler.step();
      break;
    case 'time': return pages.scheduler.clock.advance(act.ms);
    case 'publish': return page.publish(act.name, ...act.kinds);
    case 'unpublish': return page.publications.delete(act.name);
    case 'replace':
      if (known) page.publications.replaceTrack(act.name, act.kind, act.track ? new FakeTrack(act.kind) : null);
      break;
    case 'mute':
      if (known) page.publications.setMuted(act.name, act.kind, act.muted);
      break;
    case 'lose':
      for (const one of pages.pages) one.end.lose();
      return page.transport.wake({ lossy: true });
    case 'duplicate':
      return page.end.next('duplicate', ({ description }) => description?.type === act.type);
    case 'refuse':
      page.refuses = () => true;
      pages.scheduler.clock.setTimeout(() => { page.refuses = () => false; }, act.ms);
      return undefined;
    case 'reject': return pages.network.failNext(act.method);
    case 'outage':
      pages.network.cut();
      await pages.scheduler.clock.advance(act.ms);
      return pages.network.mend();
    default: assert.fail(act.act);
  }
  return undefined;
}

const page = fc.constantFrom('ada', 'bob');

const socketAct = fc.oneof(
  { weight: 6, arbitrary: pause },
  { weight: 8, arbitrary: fc.record({ act: fc.constant('send'), page }) },
  { weight: 3, arbitrary: fc.record({ act: fc.constant('cut'), page }) },
  fc.record({ act: fc.constant('close'), page, code: fc.constantFrom(1001, 4001, 4002, 4004) }),
  fc.record({ act: fc.constant('stall'), page, ms: fc.nat(40_000) }),
  fc.record({ act: fc.constant('refuse'), count: fc.nat(3) }),
  fc.record({ act: fc.constant('ignore'), count: fc.nat(2) }),
  fc.record({ act: fc.constant('network'), page }),
  fc.record({ act: fc.constant('cache'), page }),
  fc.record({ act: fc.constant('look'), page }),
  fc.record({ act: fc.constant('rate'), retryAfterMs: fc.nat(1000) }),
);
const lossyAct = fc.oneof(
  { weight: 9, arbitrary: socketAct },
  fc.record({ act: fc.constant('resume'), outcome: fc.constantFrom('partial', 'no') }),
  fc.record({ act: fc.constant('restart') }),
);

class Talk {
  said = { ada: [], bob: [] };
  heard = { ada: [], bob: [] };
  #last = 0;

  constructor(schedule, server) {
    this.harness = new Harness({ seed: schedule, server });
    this.sockets = {};
    for (const who of ['ada', 'bob']) {
      const opened = this.harness.page(who);
      const socket = new SignalingSocket('/signal/room', { environment: opened.environment });
      socket.on('message', ({ detail: { message } }) => {
        if (message.type === 'broadcast') this.heard[who].push(message.data);
      });
      this.sockets[who] = Object.assign(socket, { page: opened });
    }
  }

  async begin() {
    for (const socket of Object.values(this.sockets)) {
      await this.harness.scheduler.run(socket.join(), { withinMs: 60_000 });
    }
  }

  async do(act) {
    const { server, clock, scheduler } = this.harness;
    const socket = this.sockets[act.page];
    switch (act.act) {
      case 'steps':
        for (let count = act.count; count > 0; count -= 1) await scheduler.step();
        break;
      case 'time': return clock.advance(act.ms);
      case 'send':
        this.#last += 1;
        this.said[act.page].push(this.#last);
        return socket.send({ type: 'broadcast', data: this.#last });
      case 'cut': return server.session(act.page).socket?.cut();
      case 'close': return server.close(server.session(act.page), act.code);
      case 'stall': {
        const end = server.session(act.page).socket;
        end?.stall();
        await clock.advance(act.ms);
        return end?.unstall();
      }
      case 'refuse': return server.refuseNext(act.count);
      case 'ignore': return server.ignoreNext(act.count);
      case 'network':
        socket.page.fire('offline');
        return socket.page.fire('online');
      case 'cache':
        socket.page.fire('pagehide', { persisted: true });
        await clock.advance(100);
        return socket.page.fire('pageshow', { persisted: true });
      case 'look': return socket.page.setVisibility('visible');
      case 'rate': return server.rejectNext('broadcast', { code: 'rate-limited', retryAfterMs: act.retryAfterMs });
      case 'resume': return server.nextResume(act.outcome);
      case 'restart': return server.restart();
      default: assert.fail(act.act);
    }
    return undefined;
  }
}

test('whatever happens to connections within the grace period, all that is said is heard once', async () => {
  await fc.assert(fc.asyncProperty(seed, fc.array(socketAct, { maxLength: 50 }), async (schedule, acts) => {
    const talk = new Talk(schedule, { graceMs: 86_400_000, goingAwayGraceMs: 86_400_000, limits: { unheardGraceMs: 86_400_000 } });
    await talk.begin();
    for (const act of acts) await talk.do(act);
    await talk.harness.clock.advance(300_000);
    const limited = acts.some(({ act }) => act === 'rate');
    const inOrder = (said) => (limited ? said.toSorted?.((a, b) => a - b) ?? [...said].sort((a, b) => a - b) : said);
    assert.deepEqual(inOrder(talk.heard.bob), talk.said.ada);
    assert.deepEqual(inOrder(talk.heard.ada), talk.said.bob);
    for (const socket of Object.values(talk.sockets)) assert.equal(socket.state, 'joined');
  }), RUNS);
});

test('where frames may be lost, nothing is heard twice, and both are in the room in the end', async () => {
  await fc.assert(fc.asyncProperty(seed, fc.array(lossyAct, { maxLength: 50 }), async (schedule, acts) => {
    const talk = new Talk(schedule);
    await talk.begin();
    for (const act of acts) await talk.do(act);
    await talk.harness.clock.advance(300_000);
    for (const [who, other] of [['ada', 'bob'], ['bob', 'ada']]) {
      assert.equal(new Set(talk.heard[who]).size, talk.heard[who].length);
      assert.ok(talk.heard[who].every((word) => talk.said[other].includes(word)));
      assert.equal(talk.sockets[who].state, 'joined');
    }
    assert.deepEqual(talk.harness.server.roster('room').sort(), ['ada', 'bob']);
  }), RUNS);
});
