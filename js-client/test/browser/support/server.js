// The Meet application, started for one test file and stopped by its pid.

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
  #process;
  #url;

  constructor(process, url) {
    this.#process = process;
    this.#url = url;
  }

  /** On a free port unless one is given. */
  static async start({ program = MEET, port = 0, args = [], env = { PORT: String(port) } } = {}) {
    const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'] });
    for await (const line of createInterface({ input: child.stdout })) {
      const [url] = line.match(/https?:\/\/\S+/) ?? [];
      if (url !== undefined) return new Server(child, new URL(url));
    }
    throw new Error(`${program} ended without saying where it listens`);
  }

  get port() {
    return Number(this.#url.port);
  }

  url(path = '/') {
    return new URL(path, this.#url).href;
  }

  /** As a person does with Ctrl-C: participants are told to come back later. */
  stop() {
    return this.#end('SIGINT');
  }

  /** As a crash does: nobody is told anything. */
  kill() {
    return this.#end('SIGKILL');
  }

  /** The process exists, and does nothing. */
  pause() {
    this.#process.kill('SIGSTOP');
  }

  continue() {
    this.#process.kill('SIGCONT');
  }

  async #end(signal) {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exited = once(this.#process, 'exit');
    this.#process.kill(signal);
    await exited;
  }
}
