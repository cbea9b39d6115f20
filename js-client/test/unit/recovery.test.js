// The recovery of a transport: every state with every event, and invariants of any history of events.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import fc from 'fast-check';

import { Recovery } from '../../src/recovery.js';
import { Scheduler } from '../support/scheduler.js';

class Machine {
  isReady = true;
  did = [];
  shown = [];

  constructor({ polite = false } = {}) {
    this.clock = new Scheduler().clock;
    const act = (what) => () => { this.did.push(what); };
    this.recovery = new Recovery({
      polite,
      env: this.clock,
      isReady: () => this.isReady,
      requestOffer: act('request'),
      restart: act('restart'),
      replace: (byRemote) => {
        this.did.push(byRemote ? 'replace, by remote' : 'replace');
        this.replacedAt = this.clock.now();
      },
      notify: (event) => { if (event === 'changed') this.shown.push(this.recovery.shown); else this.did.push(event); },
    });
  }

  get state() {
    return this.recovery.state;
  }

  handle(...events) {
    for (const event of events) {
      if (event === 'refused') this.recovery.refuse();
      else if (event === 'renewed') this.recovery.renew();
      else this.recovery.handle(event);
    }
    return this;
  }
}

/** How many connections may be replaced at once. */
const MAX_REPLACEMENTS = 6;

/** The shortest ways into the states. */
const WAYS = {
  waiting: [],
  connecting: ['started'],
  connected: ['started', 'connected'],
  disconnected: ['started', 'connected', 'disconnected'],
  restarting: ['started', 'connected', 'failed'],
  lost: ['started', 'elapsed'],
  broken: ['started', 'broken'],
};

/** As in the comment of the class: where each event leads, and what is done. What is not listed changes nothing. */
const TABLE = {
  waiting: { started: 'connecting', elapsed: 'connecting: request', loss: 'waiting: replace' },
  connecting: {
    started: 'connecting', connected: 'connected', failed: 'restarting: restart', dead: 'lost: lost', broken: 'broken',
    elapsed: 'lost: lost', loss: 'waiting: replace',
  },
  connected: { disconnected: 'disconnected', failed: 'restarting: restart', dead: 'lost: lost', broken: 'broken' },
  disconnected: {
    connected: 'connected', failed: 'restarting: restart', dead: 'lost: lost', broken: 'broken', elapsed: 'restarting: restart',
    wake: 'restarting: restart', loss: 'waiting: replace',
  },
  restarting: {
    connected: 'connected', dead: 'lost: lost', broken: 'broken', elapsed: 'lost: lost', loss: 'waiting: replace',
  },
  lost: {
    started: 'connecting', connected: 'connected', broken: 'broken', elapsed: 'waiting: replace', wake: 'waiting: replace',
    loss: 'waiting: replace',
  },
  broken: { elapsed: 'waiting: replace', wake: 'waiting: replace', loss: 'waiting: replace' },
};
const EVENTS = ['started', 'connected', 'disconnected', 'failed', 'dead', 'broken', 'elapsed', 'wake', 'loss'];

describe('every state with every event', () => {
  for (const [state, way] of Object.entries(WAYS)) {
    for (const event of EVENTS) {
      const [next, deed] = (TABLE[state][event] ?? state).split(': ');
      test(`${state}, ${event}: ${next}${deed === undefined ? '' : `, ${deed}`}`, () => {
        const machine = new Machine().handle(...way);
        assert.equal(machine.state, state);
        machine.did.length = 0;
        machine.handle(event);
        assert.equal(machine.state, next);
        assert.deepEqual(machine.did, deed === undefined ? [] : [deed]);
        assert.ok(machine.clock.pending <= 1, 'one timer at most');
      });
    }

    test(`${state}, refused: broken, and pages see that it has failed`, () => {
      const machine = new Machine().handle(...way, 'refused');
      assert.equal(machine.state, 'broken');
      assert.equal(machine.recovery.shown, 'failed');
    });

    test(`${state}, renewed: waiting for the new connection`, () => {
      const machine = new Machine().handle(...way);
      machine.did.length = 0;
      assert.equal(machine.handle('renewed').state, 'waiting');
      assert.deepEqual(machine.did, ['replace, by remote']);
    });

    test(`${state}, closed: nothing any more`, () => {
      const machine = new Machine().handle(...way);
      machine.recovery.close();
      const { length } = machine.did;
      machine.handle(...EVENTS, 'refused');
      assert.equal(machine.state, 'closed');
      assert.equal(machine.clock.pending, 0);
      assert.equal(machine.did.length, length);
    });
  }
});

describe('a loss while the connection waits for the limiter', () => {
  const waiting = () => {
    const machine = new Machine();
    machine.handle(...Array.from({ length: MAX_REPLACEMENTS }, () => 'loss'));
    assert.deepEqual([machine.state, machine.clock.pending], ['waiting', 0]);
    machine.did.length = 0;
    return machine;
  };

  test('waiting, loss, without tokens: lost, until another replacement is allowed', async () => {
    const machine = waiting().handle('loss');
    assert.equal(machine.state, 'lost');
    assert.deepEqual(machine.did, []);
    await machine.clock.advance(10_100);
    assert.equal(machine.state, 'waiting');
    assert.deepEqual(machine.did, ['replace']);
  });

  test('waiting, loss, without tokens, started: connecting, and the connection is kept', async () => {
    const machine = waiting().handle('loss', 'started');
    assert.equal(machine.state, 'connecting');
    await machine.clock.advance(14_000);
    assert.deepEqual([machine.state, machine.did], ['connecting', []]);
  });
});

describe('while signaling does not get through', () => {
  const away = (...events) => {
    const machine = new Machine().handle(...events.slice(0, -1));
    machine.isReady = false;
    machine.did.length = 0;
    return machine.handle(events.at(-1));
  };

  for (const [events, state] of [
    [['loss'], 'lost'],
    [['started', 'connected', 'failed'], 'disconnected'],
    [['started', 'connected', 'disconnected', 'elapsed'], 'disconnected'],
    [['started', 'elapsed', 'elapsed'], 'lost'],
    [['started', 'broken', 'elapsed'], 'broken'],
  ]) {
    test(`${events.join(', ')}: ${state}, until it does`, async () => {
      const machine = away(...events);
      assert.equal(machine.state, state);
      await machine.clock.advance(3_600_000);
      assert.deepEqual(machine.did, []);
      assert.equal(machine.clock.pending, 0);
      machine.isReady = true;
      machine.handle('wake');
      assert.deepEqual(machine.did, [state === 'disconnected' ? 'restart' : 'replace']);
    });
  }

  test('a way that is found meanwhile ends what was to be done about the network, and not about the negotiation', () => {
    assert.deepEqual(away('started', 'connected', 'failed').handle('connected', 'wake').did, []);
    assert.deepEqual(away('started', 'elapsed', 'elapsed').handle('connected', 'wake').did, []);
    const machine = away('started', 'broken', 'elapsed').handle('connected');
    machine.isReady = true;
    assert.deepEqual(machine.handle('wake').did, ['replace']);
  });
});

test('a failure is followed by a new connection at once, then ever later, and pages see that it has failed', async () => {
  const machine = new Machine();
  const times = [];
  let shown = null;
  for (let round = 0; round < 12; round += 1) {
    machine.handle('started', 'elapsed');
    const began = machine.clock.now();
    await machine.clock.advance(700_000);
    times.push(machine.replacedAt - began);
    if (machine.recovery.shown === 'failed') shown ??= round;
  }
  assert.deepEqual(times.slice(0, 8), [1, 2250, 6750, 20_250, 60_750, 182_250, 546_750, 600_000]);
  assert.equal(shown, 3);
  machine.handle('started', 'connected');
  assert.equal(machine.recovery.shown, 'connected');
});

test('failures are forgotten after a minute that works, not before', async () => {
  const machine = new Machine();
  for (let round = 0; round < 5; round += 1) machine.handle('started', 'broken', 'wake');
  machine.handle('started', 'connected', 'broken');
  assert.equal(machine.recovery.shown, 'failed');
  machine.handle('wake', 'started', 'connected');
  await machine.clock.advance(61_000);
  machine.handle('broken');
  assert.equal(machine.recovery.shown, 'reconnecting');
});

test('under any history, there is one timer, few replacements, and always a way on', async () => {
  const event = fc.constantFrom(...EVENTS.filter((each) => each !== 'elapsed'), 'refused', 'renewed');
  const act = fc.oneof(
    event.map((each) => ({ event: each })),
    fc.nat(30_000).map((ms) => ({ ms })),
    fc.boolean().map((isReady) => ({ isReady })),
  );
  await fc.assert(fc.asyncProperty(fc.boolean(), fc.array(act, { maxLength: 60 }), async (polite, acts) => {
    const machine = new Machine({ polite });
    const { clock } = machine;
    const replacements = [];
    let connected = false;
    let broken = false;
    const look = () => {
      for (const deed of machine.did.splice(0)) {
        if (!deed.startsWith('replace')) continue;
        replacements.push(clock.now());
        [connected, broken] = [false, false];
      }
      assert.ok(clock.pending <= 1);
      // The model: a connection works where it said so last, unless its negotiation is broken.
      assert.equal(machine.recovery.shown === 'connected', connected && !broken, machine.state);
      assert.notEqual(machine.recovery.shown === 'connecting' && machine.shown.includes('connected'), true);
    };
    for (const { event: told, ms, isReady } of acts) {
      if (isReady !== undefined) machine.isReady = isReady;
      else if (ms !== undefined) await clock.advance(ms);
      else {
        const { state } = machine;
        machine.handle(told);
        if (machine.state === 'broken' && state !== 'broken') broken = true;
        if (state !== 'waiting' && told === 'connected') connected = true;
        if (told === 'disconnected' || told === 'failed') connected &&= machine.state === 'connected';
        // A new one that is made before the old one was replaced is the same one.
        if (told === 'started' && state === 'lost') connected = false;
        if (told === 'started' && state === 'connecting') connected = false;
      }
      if (machine.state === 'lost' || machine.state === 'restarting' || machine.state === 'disconnected') connected = false;
      look();
    }
    for (const [index, time] of replacements.entries()) {
      assert.ok(replacements.slice(index).filter((other) => other - time <= 60_000).length <= 13, replacements.join());
    }
    // Signaling gets through, and connections work: so does the transport.
    machine.isReady = true;
    machine.handle('wake');
    for (let tries = 0; tries < 100 && machine.recovery.shown !== 'connected'; tries += 1) {
      machine.handle('started', 'connected');
      await clock.advance(10_000);
    }
    assert.equal(machine.recovery.shown, 'connected');
    machine.recovery.close();
    assert.equal(clock.pending, 0);
  }), { numRuns: 300 });
});
