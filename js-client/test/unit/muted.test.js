// Muting belongs to the source, takes effect at once, and survives every change of track.

import '../support/abort-fix.js';

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import fc from 'fast-check';

import { FakeTrack } from '../support/fake-media.js';
import { Meeting } from './support/meeting.js';

const RUNS = { numRuns: Number(process.env.PROPERTY_RUNS ?? 60) };

const KINDS = ['audio', 'video'];

/** A track that writes down when it is live although it should be muted. */
class WatchedTrack extends FakeTrack {
  #enabled;
  #mayBeLive;

  constructor(kind, { enabled = true, mayBeLive = () => true } = {}) {
    super(kind);
    this.#mayBeLive = mayBeLive;
    this.#enabled = enabled;
    // Over the field of the base class.
    Object.defineProperty(this, 'enabled', {
      get: () => this.#enabled,
      set: (enabled) => {
        if (enabled) assert.ok(this.#mayBeLive(this), 'a muted track is enabled');
        this.#enabled = enabled;
      },
    });
  }
}

async function two() {
  const meeting = new Meeting();
  const ada = await meeting.join('ada', { camera: false });
  const bob = await meeting.join('bob');
  await meeting.settle();
  const shown = (name = 'camera') => bob.peers.get(ada.self.id)?.sources.get(name);
  return { meeting, ada, bob, shown };
}

describe('a muted microphone', () => {
  const track = () => new FakeTrack('audio');

  for (const [what, change] of Object.entries({
    'is taken out, and another one put in': (room, next) => {
      room.replaceTrack('camera', 'audio', null);
      room.replaceTrack('camera', 'audio', next);
    },
    'is exchanged': (room, next) => room.replaceTrack('camera', 'audio', next),
    'is published again': (room, next) => room.publish('camera', [next]),
    'is published again without any, and then put in': (room, next) => {
      room.publish('camera', []);
      room.replaceTrack('camera', 'audio', next);
    },
    'ends, and another one is put in': (room, next, first) => {
      first.end();
      room.replaceTrack('camera', 'audio', next);
    },
  })) {
    test(`that ${what} stays muted`, async () => {
      const { meeting, ada, shown } = await two();
      const [first, next] = [track(), track()];
      ada.publish('camera', [first]);
      ada.setMuted('camera', 'audio', true);
      await meeting.settle(1000);
      change(ada, next, first);
      assert.equal(next.enabled, false);
      assert.equal(ada.isMuted('camera', 'audio'), true);
      await meeting.settle();
      assert.equal(shown().audio.muted, true);
      ada.setMuted('camera', 'audio', false);
      assert.equal(next.enabled, true);
      await meeting.settle(1000);
      assert.equal(shown().audio.muted, false);
    });
  }

  test('may be muted before there is one, and unmuted while there is none', async () => {
    const { meeting, ada, shown } = await two();
    ada.publish('camera', []);
    ada.setMuted('camera', 'audio', true);
    const first = track();
    ada.replaceTrack('camera', 'audio', first);
    assert.equal(first.enabled, false);
    await meeting.settle(1000);
    assert.equal(shown().audio.muted, true);
    ada.replaceTrack('camera', 'audio', null);
    ada.setMuted('camera', 'audio', false);
    // It was disabled here, for a wish that is over.
    ada.replaceTrack('camera', 'audio', first);
    assert.equal(first.enabled, true);
    await meeting.settle(1000);
    assert.equal(shown().audio.muted, false);
  });

  test('is what a disabled track is taken for, wherever it comes in', async () => {
    const { meeting, ada, shown } = await two();
    const disabled = Object.assign(track(), { enabled: false });
    ada.publish('camera', [track()]);
    ada.replaceTrack('camera', 'audio', disabled);
    assert.equal(ada.isMuted('camera', 'audio'), true);
    await meeting.settle(1000);
    assert.equal(shown().audio.muted, true);
    const later = track();
    ada.replaceTrack('camera', 'audio', later);
    assert.equal(later.enabled, false);
    ada.setMuted('camera', 'audio', false);
    assert.deepEqual([disabled.enabled, later.enabled], [false, true]);
  });

  test('is forgotten with its source', async () => {
    const { ada } = await two();
    ada.publish('camera', []);
    ada.setMuted('camera', 'audio', true);
    ada.unpublish('camera');
    assert.equal(ada.isMuted('camera', 'audio'), false);
    assert.throws(() => ada.setMuted('camera', 'audio', true), { code: 'state' });
    ada.publish('camera', [track()]);
    assert.equal(ada.isMuted('camera', 'audio'), false);
  });

  test('says nothing of the camera beside it', async () => {
    const { ada } = await two();
    const camera = ada.page.camera();
    ada.publish('camera', camera);
    ada.setMuted('camera', 'audio', true);
    assert.deepEqual(KINDS.map((kind) => ada.isMuted('camera', kind)), [true, false]);
    assert.deepEqual(camera.getTracks().map(({ enabled }) => enabled), [false, true]);
    assert.throws(() => ada.setMuted('camera', 'sound', true), { code: 'state' });
    assert.equal(ada.isMuted('camera', 'sound'), false);
  });

  for (const muted of [undefined, null, 0, 1, '', 'false']) {
    test(`stays as it is when setMuted gets ${JSON.stringify(muted)} instead of a boolean`, async () => {
      const { ada } = await two();
      const microphone = track();
      ada.publish('camera', [microphone]);
      for (const before of [true, false]) {
        ada.setMuted('camera', 'audio', before);
        assert.throws(() => ada.setMuted('camera', 'audio', muted), { code: 'state', message: /true or false/ });
        assert.equal(ada.isMuted('camera', 'audio'), before);
        assert.equal(microphone.enabled, !before);
      }
    });
  }

  test('of two sources is silent while it is muted in one of them', async () => {
    const { ada } = await two();
    const shared = track();
    ada.publish('camera', [shared]);
    ada.publish('backup', [shared]);
    for (const name of ['camera', 'backup']) ada.setMuted(name, 'audio', true);
    ada.setMuted('camera', 'audio', false);
    assert.equal(shared.enabled, false);
    ada.setMuted('backup', 'audio', false);
    assert.equal(shared.enabled, true);
  });

  test('is one to those who come later, and over new connections', async () => {
    const { meeting, ada, shown } = await two();
    ada.publish('camera', [track(), new FakeTrack('video')]);
    await meeting.settle();
    meeting.harness.network.cut();
    await meeting.clock.advance(10_000);
    ada.setMuted('camera', 'audio', true);
    ada.replaceTrack('camera', 'audio', null);
    ada.replaceTrack('camera', 'audio', track());
    meeting.harness.network.mend();
    await meeting.settle();
    assert.equal(shown().audio.muted, true);
    const cleo = await meeting.join('cleo');
    await meeting.settle();
    assert.equal(cleo.peers.get(ada.self.id).sources.get('camera').audio.muted, true);
  });
});

const name = fc.constantFrom('camera', 'screen');
const kind = fc.constantFrom('audio', 'video');
const enabled = fc.boolean();
const act = fc.oneof(
  { weight: 4, arbitrary: fc.record({ act: fc.constant('steps'), count: fc.nat(25) }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant('time'), ms: fc.nat(20_000) }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant('publish'), name, kinds: fc.subarray(KINDS), enabled }) },
  fc.record({ act: fc.constant('publish again'), name }),
  fc.record({ act: fc.constant('unpublish'), name }),
  { weight: 3, arbitrary: fc.record({ act: fc.constant('replace'), name, kind, what: fc.constantFrom('none', 'new', 'disabled', 'former') }) },
  { weight: 4, arbitrary: fc.record({ act: fc.constant('mute'), name, kind, muted: fc.boolean() }) },
  fc.record({ act: fc.constant('end'), name, kind }),
  fc.record({ act: fc.constant('cut') }),
  fc.record({ act: fc.constant('resume'), outcome: fc.constantFrom('partial', 'no') }),
  fc.record({ act: fc.constant('outage'), ms: fc.nat(40_000) }),
  fc.record({ act: fc.constant('leave') }),
);

/** What a page wants of its sources, kept apart from the client. */
class Model {
  /** @type {Map<string, { audio: any, video: any, silenced: Set<FakeTrack>, former: FakeTrack[] }>} */
  sources = new Map();

  /** Whether any source wants this track silent. */
  wantsSilent(track) {
    return [...this.sources.values()].some((source) => KINDS.some((each) => source[each].track === track && source[each].muted));
  }

  publish(where, tracks) {
    const side = () => ({ track: null, muted: false });
    if (!this.sources.has(where)) this.sources.set(where, { audio: side(), video: side(), silenced: new Set(), former: [] });
    for (const each of KINDS) this.put(where, each, tracks.find((track) => track.kind === each) ?? null);
  }

  put(where, each, track) {
    const source = this.sources.get(where);
    const side = source[each];
    if (side.track !== null) source.former.push(side.track);
    side.track = track;
    if (track !== null && !track.enabled && !source.silenced.has(track)) side.muted = true;
    this.#note(source, side);
  }

  setMuted(where, each, muted) {
    const source = this.sources.get(where);
    source[each].muted = muted;
    this.#note(source, source[each]);
  }

  #note({ silenced }, { track, muted }) {
    if (track === null) return;
    if (!muted) silenced.delete(track);
    else if (track.enabled) silenced.add(track);
  }
}

test('whatever is published, exchanged and muted, and whatever is lost, the others are shown what is wanted', async () => {
  await fc.assert(fc.asyncProperty(fc.nat(2 ** 31), fc.array(act, { maxLength: 40 }), async (seed, acts) => {
    const meeting = new Meeting({ seed });
    const model = new Model();
    const newTrack = (each, live = true) => new WatchedTrack(each, { enabled: live, mayBeLive: (track) => !model.wantsSilent(track) });
    const ada = await meeting.join('ada', { camera: false });
    for (const other of ['bob', 'cleo']) await meeting.join(other);
    for (const one of acts) await perform(one);
    if (ada.state === 'closed') await meeting.scheduler.run(ada.join(), { withinMs: 120_000 });
    await meeting.settle();

    const wanted = [...model.sources].flatMap(([where, source]) => KINDS.map((each) => {
      const { track, muted } = source[each];
      assert.equal(ada.isMuted(where, each), muted);
      if (track !== null) assert.equal(track.enabled, !muted);
      return [`${where} ${each}`, track && muted];
    }));
    for (const other of ['bob', 'cleo'].map((who) => meeting.rooms.get(who))) {
      const { sources } = other.peers.get(ada.self.id);
      const shown = wanted.map(([side]) => {
        const [where, each] = side.split(' ');
        return [side, sources.get(where)?.[each]?.muted ?? null];
      });
      assert.deepEqual(shown, wanted);
      assert.ok([...sources.keys()].every((where) => model.sources.has(where)));
    }

    async function perform(one) {
      const source = model.sources.get(one.name);
      switch (one.act) {
        case 'steps':
          for (let count = one.count; count > 0; count -= 1) await meeting.scheduler.step();
          break;
        case 'time': return meeting.clock.advance(one.ms);
        case 'publish': {
          const tracks = one.kinds.map((each) => newTrack(each, one.enabled));
          model.publish(one.name, tracks);
          return ada.publish(one.name, tracks);
        }
        case 'publish again': {
          if (source === undefined) return undefined;
          const tracks = KINDS.flatMap((each) => source[each].track ?? []);
          model.publish(one.name, tracks);
          return ada.publish(one.name, tracks);
        }
        case 'unpublish':
          model.sources.delete(one.name);
          return ada.unpublish(one.name);
        case 'replace': {
          if (source === undefined) return undefined;
          const former = source.former.find((track) => track.kind === one.kind && track.readyState === 'live') ?? null;
          const track = { none: null, former }[one.what] ?? (one.what === 'none' ? null : newTrack(one.kind, one.what !== 'disabled'));
          model.put(one.name, one.kind, track);
          return ada.replaceTrack(one.name, one.kind, track);
        }
        case 'mute':
          if (source === undefined) return undefined;
          model.setMuted(one.name, one.kind, one.muted);
          return ada.setMuted(one.name, one.kind, one.muted);
        case 'end': {
          const track = source?.[one.kind].track ?? null;
          if (track === null) return undefined;
          model.put(one.name, one.kind, null);
          return track.end();
        }
        case 'cut': return ada.state === 'closed' ? undefined : meeting.server.session('ada').socket?.cut();
        case 'resume': return meeting.server.nextResume(one.outcome);
        case 'outage':
          meeting.harness.network.cut('ada');
          await meeting.clock.advance(one.ms);
          return meeting.harness.network.mend('ada');
        case 'leave':
          if (ada.state === 'closed') ada.join().catch(() => {});
          else void ada.leave();
          break;
        default: assert.fail(one.act);
      }
      return undefined;
    }
  }), RUNS);
});
