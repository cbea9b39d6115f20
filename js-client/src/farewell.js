// The end of a session whose connection is gone.

import { Connection } from './connection.js';

/**
 * Says on a connection of its own that a session is over, in the background; again and again where the network is down,
 * but no longer than the session lives by itself.
 *
 * @param {import('./environment.js').Environment} env
 * @param {{ url: string, ticket: string, withinMs: number, signal: AbortSignal }} options
 * @returns {Promise<boolean>} whether the server has heard it. Never rejects
 */
export function farewell(env, { url, ticket, withinMs, signal }) {
  const end = env.now() + withinMs;
  return new Promise((resolve) => {
    /** @type {Connection | null} */
    let connection = null;
    /** @type {any} */
    let timer = null;
    let pause = FIRST_PAUSE_MS;
    const done = (heard = false) => {
      env.clearTimeout(timer);
      signal.removeEventListener('abort', aborted);
      connection?.close();
      resolve(heard);
    };
    const aborted = () => done();
    const say = () => {
      const left = end - env.now();
      if (left <= 0 || signal.aborted) return done();
      try {
        connection = new Connection(url, env, Math.min(left, OPEN_MS));
      } catch {
        return done();
      }
      connection.on('open', () => connection?.send(JSON.stringify({ type: 'leave', ticket })));
      // An older server knows no such message.
      connection.on('frame', () => done());
      connection.on('end', ({ detail: { error, comeBack } }) => {
        if (!comeBack) return done(true);
        timer = env.setTimeout(say, Math.min(Math.max(pause, error.retryAfterMs), Math.max(end - env.now(), 0)));
        pause *= 2;
      });
    };
    signal.addEventListener('abort', aborted);
    say();
  });
}

const FIRST_PAUSE_MS = 500;
const OPEN_MS = 10_000;
