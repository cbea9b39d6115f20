// When to try to connect again.

import { MeetError } from './errors.js';

/**
 * @typedef {object} Attempt
 * @property {number} attempt how many tries have failed since the last success, from 1
 * @property {boolean} joined whether this session was in the room before
 * @property {import('./errors.js').MeetError} error why the last try failed, or why the connection ended
 */

/**
 * Decides how long to wait, in milliseconds, or `null` to give up; `Infinity` does so, too. What the server asks for
 * (`error.retryAfterMs`) is waited in any case. A policy that throws, or gives something else, ends the session with the
 * error `retry`.
 *
 * @callback RetryPolicy
 * @param {Attempt} attempt
 * @returns {number | null}
 */

/**
 * Exponential back-off with full jitter: anything between nothing and a ceiling that doubles with each try, so that
 * those whom a restarted server has lost do not come back all at once.
 *
 * A connection that has died in silence is no sign of a server that others have lost, too: the first try is at once.
 *
 * A session that was in the room before is tried for ever (a laptop may be closed for hours). A first join is given up
 * after `firstTries`, since somebody waits in front of the page, and the path may be wrong.
 *
 * @param {{ firstMs?: number, mostMs?: number, firstTries?: number, random?: () => number }} [options]
 * @returns {RetryPolicy}
 */
export function fullJitter({ firstMs = 500, mostMs = 10_000, firstTries = 4, random = Math.random } = {}) {
  return ({ attempt, joined, error }) => {
    if (!joined && attempt >= firstTries) return null;
    if (joined && attempt === 1 && error.code === 'timeout') return error.retryAfterMs;
    // 2 ** 30 is over any ceiling; without a bound it would be infinity one day.
    const ceiling = Math.min(mostMs, firstMs * 2 ** Math.min(attempt - 1, 30));
    return error.retryAfterMs + random() * ceiling;
  };
}

/**
 * How long to wait, by a policy that may be wrong; `null` to give up, for this reason.
 *
 * @param {RetryPolicy} policy
 * @param {Attempt} attempt
 * @returns {{ delay: number | null, reason: MeetError }}
 */
export function delayBy(policy, attempt) {
  const reason = attempt.error;
  let cause;
  try {
    const delay = policy(attempt);
    if (delay === null || delay === Infinity) return { delay: null, reason };
    if (Number.isFinite(delay)) return { delay: Math.min(Math.max(delay, reason.retryAfterMs, 0), LONGEST_TIMER_MS), reason };
  } catch (error) {
    cause = error;
  }
  return { delay: null, reason: new MeetError('retry', 'the retry policy gave no time', { cause }) };
}

/** A longer one fires at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
