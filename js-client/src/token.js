// The token for the application's authorisation.

/**
 * @param {{ token?: string | (() => string | Promise<string>), tokenTimeoutMs?: number }} options
 * @param {import('./environment.js').Environment} env
 * @param {AbortSignal} signal aborted when the token is not needed any more
 * @returns {Promise<string | undefined>} rejects with what the application throws, or if it gives no token in time
 */
export async function readToken({ token, tokenTimeoutMs = TOKEN_TIMEOUT_MS }, env, signal) {
  if (token === undefined) return undefined;
  /** @type {any} */
  let timer;
  /** @type {() => void} */
  let give = () => {};
  try {
    const given = typeof token !== 'function' ? token : await new Promise((resolve, reject) => {
      give = () => reject(new Error('it took too long'));
      timer = env.setTimeout(give, tokenTimeoutMs);
      signal.addEventListener('abort', give);
      Promise.resolve(token()).then(resolve, reject);
    });
    if (typeof given !== 'string') throw new TypeError('a token is a string');
    return given;
  } finally {
    env.clearTimeout(timer);
    signal.removeEventListener('abort', give);
  }
}

/** The default of `tokenTimeoutMs`. */
const TOKEN_TIMEOUT_MS = 30_000;
