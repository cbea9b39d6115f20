// Long descriptions are compacted on the wire, and restored without a change.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import fc from 'fast-check';

import { compact, expand } from '../../src/description.js';
import { parseTransportMessage } from '../../src/transport-message.js';

/** Through JSON, as the server relays it. */
function relayed(sdp, type = 'offer') {
  const data = JSON.parse(JSON.stringify({ epoch: 1, to: null, description: compact({ type, sdp }), offerId: 1 }));
  return parseTransportMessage(data)?.negotiation?.description;
}

const line = fc.oneof(
  fc.constantFrom('m=audio 9 UDP/TLS/RTP/SAVPF 111', 'm=video 9 UDP/TLS/RTP/SAVPF 96', 'c=IN IP4 0.0.0.0', 'a=sendrecv', '', '0'),
  fc.nat(30).map((id) => `a=rtpmap:${id} codec/90000`),
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.string({ maxLength: 200 }).map((text) => `a=fmtp:96 ${text}`),
);

test('whatever is in it, and however its lines end, nothing is lost', () => {
  fc.assert(fc.property(fc.array(line, { maxLength: 400 }), fc.constantFrom('\r\n', '\n', '\r'), fc.nat(40), (lines, end, times) => {
    const section = lines.join(end) + end;
    const sdp = section.repeat(times);
    const { sdp: short } = compact({ type: 'offer', sdp });
    assert.ok(short === undefined || sdp.length < 16_384, 'an ordinary description stays readable');
    if (sdp.length <= 512 * 1024 - 2) assert.deepEqual(relayed(sdp), { type: 'offer', sdp });
  }), { numRuns: 300 });
});

test('sections that are alike take a fraction', () => {
  const section = (mid) => [
    'm=video 9 UDP/TLS/RTP/SAVPF 96 97', `a=mid:${mid}`, ...Array.from({ length: 90 }, (_, n) => `a=rtpmap:${n} codec-${n}/90000`), '',
  ].join('\r\n');
  const sdp = Array.from({ length: 64 }, (_, mid) => section(mid)).join('');
  assert.ok(JSON.stringify(compact({ type: 'offer', sdp })).length < sdp.length / 5);
  assert.deepEqual(relayed(sdp), { type: 'offer', sdp });
});

describe('what makes no description is no message:', () => {
  for (const [what, lines] of Object.entries({
    'a line that is not there yet': ['v=0', 1],
    'the line itself': [0],
    'a negative number': ['v=0', -1],
    'a fraction': ['v=0', 0.5],
    'no number': ['v=0', null],
    'a list': ['v=0', [0]],
    'an object': ['v=0', { 0: 'v=0' }],
    'the name of a property': ['v=0', 'length', { toString: 'length' }],
    'a long line, a thousand times': ['x'.repeat(50_000), ...Array(1000).fill(0)],
    'a short line, a million times': ['x', ...Array(1_000_000).fill(0)],
  })) {
    test(what, () => {
      assert.equal(expand(lines), undefined);
      assert.equal(parseTransportMessage({ epoch: 1, description: { type: 'offer', lines }, offerId: 1 }).negotiation, null);
    });
  }

  test('anything else, without an exception', () => {
    fc.assert(fc.property(fc.array(fc.oneof(fc.anything(), fc.integer(), fc.string())), (lines) => {
      const sdp = expand(lines);
      assert.ok(sdp === undefined || typeof sdp === 'string');
    }));
  });
});
