// What the Meet page says about errors: `examples/meet-web/static/failures.js`.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { describeFailure } from '../../../examples/meet-web/static/failures.js';
import { MeetError, closeError } from '../../src/errors.js';

const UNKNOWN = describeFailure(new MeetError('of a newer server', ''));

test('each end of a call that the server decides has a text of its own', () => {
  for (let close = 4000; close < 4600; close += 1) {
    const { code } = closeError(close, '');
    // A code of a newer server.
    if (code === 'lost' && close !== 4002) continue;
    const { title, text } = describeFailure(closeError(close, ''));
    assert.ok(title !== UNKNOWN.title && /^[A-Z].+\.$/.test(text), `${close} ${code}`);
  }
});

test('so has each refusal to join', () => {
  for (const code of [
    'unauthorized', 'denied', 'not-found', 'bad-request', 'banned', 'duplicate', 'room-full', 'room-locked', 'rate-limited',
    'unavailable', 'bad-message', 'too-large', 'unreachable', 'websocket-blocked', 'timeout', 'blocked', 'unsupported', 'rtc',
  ]) {
    const { title, text } = describeFailure(new MeetError(code, code));
    assert.ok(title !== UNKNOWN.title && /^[A-Z].+\.$/.test(text), code);
    assert.ok(!text.includes(code), 'no code is shown');
  }
});

test('another error is shown with its message', () => {
  const { title, text, retry } = describeFailure(new MeetError('new', 'something new', { retryable: true }));
  assert.deepEqual([title, text, retry], [UNKNOWN.title, 'What went wrong: something new.', true]);
});
