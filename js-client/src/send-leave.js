// Ends a session that has no connection.

import { Connection } from './connection.js';

/**
 * Sends `leave` on a connection of its own, in the background. It retries while the network is down, but no longer than the
 * server keeps the session.
 *
 * @param {import('./environment.js').Environment} env
 * @param {{ url: string, ticket: string, withinMs: number, signal: AbortSignal }} options
 * @returns {Promise<boolean>} whether the server has handled it. Never rejects
 */
export function sendLeave(env, { url, ticket, withinMs, signal }) {
  const deadline = env.now() + withinMs;
  return new Promise((resolve) => {
    /** @type {Connection | null} */
    let connection = null;
    /** @type {any} */
    let timer = null;
    let delay = INITIAL_DELAY_MS;
    const done = (handled = false) => {
      env.clearTimeout(timer);
      signal.removeEventListener('abort', aborted);
      connection?.close();
      resolve(handled);
    };
    const aborted = () => done();
    const attempt = () => {
      const remaining = deadline - env.now();
      if (remaining <= 0 || signal.aborted) return done();
      try {
        connection = new Connection(url, env, Math.min(remaining, OPEN_TIMEOUT_MS));
      } catch {
        return done();
      }
      connection.on('open', () => connection?.send(JSON.stringify({ type: 'leave', ticket })));
      // An older server does not know this message.
      connection.on('frame', () => done());
      connection.on('end', ({ detail: { error, mayReconnect } }) => {
        if (!mayReconnect) return done(true);
        timer = env.setTimeout(attempt, Math.min(Math.max(delay, error.retryAfterMs), Math.max(deadline - env.now(), 0)));
        delay *= 2;
      });
    };
    signal.addEventListener('abort', aborted);
    attempt();
  });
}

const INITIAL_DELAY_MS = 500;
const OPEN_TIMEOUT_MS = 10_000;
