// Why a WebSocket did not open: a page cannot see the response to its handshake.

import { MeetError } from './errors.js';

/**
 * @typedef {object} Answer
 * @property {MeetError | null} error `null` if the answer says nothing
 * @property {boolean} isCertain whether a proxy does not answer so while the server restarts
 */

/**
 * Asks the URL of a WebSocket over HTTP. Never rejects.
 *
 * @param {import('./environment.js').Environment} env
 * @param {string} url
 * @param {AbortController} request aborted by this at the end
 * @returns {Promise<Answer | null>} `null` if there is none, or it cannot be read: without a network, from another origin
 *   without CORS, against the page's policy, or too late
 */
export async function askOverHttp(env, url, request) {
  const timer = env.setTimeout(() => request.abort(), TIMEOUT_MS);
  try {
    const { signal } = request;
    // The credentials are those of a WebSocket, which sends cookies to other origins, too.
    const response = await env.fetch(url.replace('ws', 'http'), { cache: 'no-store', credentials: 'include', redirect: 'manual', signal });
    // A redirect, which no WebSocket follows, usually leads to a login.
    const status = response.type === 'opaqueredirect' ? 401 : response.status;
    return { error: errorOf(response, status, await textOf(response)), isCertain: [401, 403].includes(response.status) };
  } catch {
    return null;
  } finally {
    env.clearTimeout(timer);
    // The rest of the body.
    request.abort();
  }
}

/**
 * @param {Response} response
 * @param {number} status
 * @param {string} text
 */
function errorOf({ ok, headers }, status, text) {
  // A 400 of a framework whose WebSocket routes do not answer 426.
  if (ok || status === 426 || (status === 400 && /upgrade|websocket/i.test(text))) {
    return new MeetError('websocket-blocked', 'HTTP gets through, but no WebSocket', { retryable: true });
  }
  const retryable = status === 429 || status >= 500;
  const code = CODES[Math.min(status, 500)];
  if (code === undefined) return null;
  const seconds = /^\d{1,5}$/.exec(headers.get('retry-after') ?? '') ?? 0;
  return new MeetError(code, text === '' ? `the server answers: ${code}` : text, { retryable, retryAfterMs: Number(seconds) * 1000 });
}

/**
 * The start of a plain text; empty for anything else, such as an HTML page.
 *
 * @param {Response} response
 */
async function textOf({ headers, body }) {
  if (!/^text\/plain\b/i.test(headers.get('content-type') ?? '')) return '';
  const chunk = await body?.getReader().read();
  return new TextDecoder().decode(chunk?.value).trim().slice(0, TEXT_LENGTH);
}

/** By status; 500 for all above it. @type {Record<number, string>} */
const CODES = {
  400: 'bad-request',
  401: 'unauthorized',
  403: 'denied',
  404: 'not-found',
  429: 'rate-limited',
  500: 'unavailable',
};

/** Half of the time that a WebSocket has to open by default. */
const TIMEOUT_MS = 5000;

const TEXT_LENGTH = 256;
