// The golden frames and schemas, which the Rust side is tested against, too.

import '../support/abort-fix.js';

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, test } from 'node:test';

import { Ajv2020 } from 'ajv/dist/2020.js';

import { MeetRoom } from '../../src/meet-room.js';
import { isSequenced, parseFrame } from '../../src/protocol.js';
import { Harness } from '../support/harness.js';

const read = async (path) => JSON.parse(await readFile(new URL(`../../../docs/${path}`, import.meta.url), 'utf8'));
const ajv = new Ajv2020({ strict: true, allowUnionTypes: true });
const isClientMessage = ajv.compile(await read('schema/client-message.schema.json'));
const isServerMessage = ajv.compile(await read('schema/server-message.schema.json'));

for (const file of ['server-sent', 'server-variants']) {
  describe(file, async () => {
    for (const { name, frame, is, sequenced } of await read(`frames/${file}.json`)) {
      test(name, () => {
        const message = parseFrame(frame);
        assert.notEqual(message, null);
        assert.deepEqual(pick(message, is ?? JSON.parse(frame)), is ?? JSON.parse(frame));
        assert.equal(isSequenced(message), sequenced);
      });
    }
  });
}

describe('frames of clients', async () => {
  for (const { name, frame } of await read('frames/client-valid.json')) {
    test(`${name} is of the schema`, () => assert.ok(isClientMessage(JSON.parse(frame)), frame));
  }
  for (const { name, frame, passesSchema = false } of await read('frames/client-invalid.json')) {
    test(`${name} is not of the schema`, () => {
      let message;
      try {
        message = JSON.parse(frame);
      } catch {
        return;
      }
      assert.equal(isClientMessage(message), passesSchema, frame);
    });
  }
});

test('frames of a later version do no harm, and are counted', async () => {
  const frames = (await read('frames/server-variants.json')).filter(({ ignored }) => ignored);
  assert.ok(frames.length > 2);
  const harness = new Harness();
  const page = harness.page('ada');
  const room = new MeetRoom('/signal/room', { environment: page.environment });
  await harness.scheduler.run(room.join(), { withinMs: 1000 });
  const session = harness.server.session('ada');
  for (const { frame } of frames) session.sendRaw(frame);
  await harness.clock.advance(11_000);
  const pong = harness.server.log.findLast(({ frame }) => frame.type === 'pong').frame;
  assert.equal(pong.received, frames.length);
  assert.equal(room.state, 'joined');
});

test('all that the client sends in a meeting, and the server too, is of the schemas', async () => {
  const authorize = ({ page }) => ({ lobby: page === 'cleo' || page === 'dan', permissions: ['signal', 'broadcast', 'moderate'] });
  const harness = new Harness({ server: { iceServers: [{ urls: ['stun:a.example'] }], authorize } });
  const received = [];
  const [cleo, dan, ...rooms] = ['cleo', 'dan', 'ada', 'bob'].map((name) => {
    const page = harness.page(name);
    const { WebSocket } = page.environment;
    page.environment.WebSocket = class extends WebSocket {
      constructor(...given) {
        super(...given);
        this.addEventListener('message', ({ data }) => received.push(data));
      }
    };
    const room = new MeetRoom('/signal/room', { meta: { name }, token: 'sesame', environment: page.environment });
    room.publish('camera', page.camera());
    return room;
  });
  for (const room of rooms) await harness.scheduler.run(room.join(), { withinMs: 1000 });
  for (const room of [cleo, dan]) room.join().catch(() => {});
  await harness.clock.advance(100);
  rooms[0].deny([...rooms[0].knocking.keys()][0], 'not today');
  rooms[0].admit([...rooms[0].knocking.keys()][1]);
  await harness.clock.advance(30_000);
  rooms[0].broadcast('hello');
  rooms[0].update({ name: 'Ada' });
  rooms[0].send(rooms[1].self.id, null);
  harness.server.session('bob').socket.cut();
  await harness.clock.advance(30_000);
  void rooms[0].leave();
  await harness.clock.advance(1000);

  const types = new Set();
  for (const { frame } of harness.server.log) {
    types.add(frame.type);
    assert.ok(isClientMessage(frame), `${JSON.stringify(frame)} ${JSON.stringify(isClientMessage.errors)}`);
  }
  assert.deepEqual([...types].sort(), ['ack', 'admit', 'broadcast', 'deny', 'join', 'leave', 'pong', 'signal', 'update']);
  for (const frame of received) {
    assert.ok(isServerMessage(JSON.parse(frame)), `${frame} ${JSON.stringify(isServerMessage.errors)}`);
  }
});

/** The fields of `value` that `like` has, at every depth. */
function pick(value, like) {
  if (Array.isArray(like)) return value.map((item, index) => pick(item, like[index]));
  if (typeof like !== 'object' || like === null) return value;
  return Object.fromEntries(Object.keys(like).map((key) => [key, pick(value[key], like[key])]));
}
