// The Meet application as a child process, one for each test file.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));

/** What `cargo build -p` has built. */
export function built(name) {
  return `${ROOT}target/debug/${name}`;
}

/** The Meet application on axum; another server of the same pages can be named instead. */
const MEET = process.env.MEET_SERVER ?? built('meet-axum');

export class Server {
  #options;
  #process = null;
  #url;

  /** On a free port unless one is given. */
  constructor({ program = MEET, port = 0, args = [], env = { PORT: String(port) } } = {}) {
    this.#options = { program, args, env };
  }

  static async start(options) {
    const server = new Server(options);
    await server.start();
    return server;
  }

  async start() {
    const { program, args, env } = this.#options;
    this.#process = spawn(program, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'] });
    for await (const line of createInterface({ input: this.#process.stdout })) {
      const [url] = line.match(/https?:\/\/\S+/) ?? [];
      if (url === undefined) continue;
      this.#url = new URL(url);
      return;
    }
    throw new Error(`${program} ended without printing its URL`);
  }

  get port() {
    return Number(this.#url.port);
  }

  url(path = '/') {
    return new URL(path, this.#url).href;
  }

  /** As with Ctrl-C: the server asks participants to reconnect later. */
  stop() {
    return this.#end('SIGINT');
  }

  /** As in a crash, without a word to participants. */
  kill() {
    return this.#end('SIGKILL');
  }

  /** Suspends the process. */
  pause() {
    this.#process.kill('SIGSTOP');
  }

  continue() {
    this.#process.kill('SIGCONT');
  }

  async #end(signal) {
    if (this.#process === null || this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exited = once(this.#process, 'exit');
    this.#process.kill(signal);
    await exited;
  }
}
