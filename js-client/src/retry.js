// When to reconnect.

import { MeetError } from './errors.js';

/**
 * @typedef {object} RetryContext
 * @property {number} attempt how many attempts have failed since the last success, from 1
 * @property {boolean} joined whether this session was in the room, or in its lobby, before
 * @property {import('./errors.js').MeetError} error why the last attempt failed, or why the connection ended
 */

/**
 * Returns how long to wait, in milliseconds, or `null` or `Infinity` to give up. The client waits at least as long as the
 * server asks for (`error.retryAfterMs`). A policy that throws, or returns another value, ends the session with the error
 * `retry`.
 *
 * @callback RetryPolicy
 * @param {RetryContext} context
 * @returns {number | null}
 */

/**
 * Exponential backoff with full jitter: a random delay between 0 and a ceiling that doubles with each attempt, so that the
 * clients of a restarted server do not reconnect all at once.
 *
 * After a timeout, the first attempt is immediate: other clients have probably not lost their connections.
 *
 * A session that was in the room or its lobby before is retried without end (a laptop may be closed for hours). A first join fails after
 * `maxJoinAttempts`, since a person waits for it, and the URL may be wrong.
 *
 * @param {{ initialDelayMs?: number, maxDelayMs?: number, maxJoinAttempts?: number, random?: () => number }} [options]
 * @returns {RetryPolicy}
 */
export function fullJitter({ initialDelayMs = 500, maxDelayMs = 10_000, maxJoinAttempts = 4, random = Math.random } = {}) {
  return ({ attempt, joined, error }) => {
    if (!joined && attempt >= maxJoinAttempts) return null;
    if (joined && attempt === 1 && error.code === 'timeout') return error.retryAfterMs;
    // 2 ** 30 exceeds any ceiling; without a bound the power would become infinite.
    const ceiling = Math.min(maxDelayMs, initialDelayMs * 2 ** Math.min(attempt - 1, 30));
    return error.retryAfterMs + random() * ceiling;
  };
}

/**
 * The delay by a policy that may be faulty; `null` to give up, for this reason.
 *
 * @param {RetryPolicy} policy
 * @param {RetryContext} context
 * @returns {{ delay: number | null, reason: MeetError }}
 */
export function delayBy(policy, context) {
  const reason = context.error;
  let cause;
  try {
    const delay = policy(context);
    if (delay === null || delay === Infinity) return { delay: null, reason };
    if (Number.isFinite(delay)) return { delay: Math.min(Math.max(delay, reason.retryAfterMs, 0), MAX_TIMER_MS), reason };
  } catch (error) {
    cause = error;
  }
  return { delay: null, reason: new MeetError('retry', 'the retry policy returned no time', { cause }) };
}

/** A longer timer fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;
