// A TURN server on loopback.

import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const PROGRAM = process.env.TURNSERVER ?? '/usr/bin/turnserver';

/** coturn with a shared secret. */
export class Coturn {
  /** What it has logged: one line for each refused request, among others. @type {string[]} */
  log = [];
  #folder;
  #port;
  #process;

  constructor(folder, port) {
    this.#folder = folder;
    this.#port = port;
  }

  static async start() {
    const coturn = new Coturn(await mkdtemp(join(tmpdir(), 'meet-turn-')), await freePort());
    await writeFile(coturn.secretFile, `${SECRET}\n`);
    await coturn.#start();
    return coturn;
  }

  get url() {
    return `turn:127.0.0.1:${this.#port}?transport=udp`;
  }

  get secretFile() {
    return join(this.#folder, 'secret');
  }

  async stop() {
    const exited = once(this.#process, 'exit');
    if (this.#process.kill('SIGKILL')) await exited;
    await rm(this.#folder, { recursive: true });
  }

  async #start() {
    this.#process = spawn(PROGRAM, [
      '-n', // no configuration file
      '--listening-ip=127.0.0.1', '--relay-ip=127.0.0.1', `--listening-port=${this.#port}`,
      '--no-tls', '--no-dtls', '--no-cli',
      '--use-auth-secret', `--static-auth-secret=${SECRET}`, '--realm=meet.example',
      '--allow-loopback-peers',
      '--log-file=stdout', '--simple-log', '--verbose', `--pidfile=${join(this.#folder, 'pid')}`,
      `--userdb=${join(this.#folder, 'users')}`,
    ], { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise((resolve, reject) => {
      this.#process.once('error', reject);
      this.#process.once('exit', () => reject(new Error(`${PROGRAM} ended:\n${this.log.join('\n')}`)));
      createInterface({ input: this.#process.stdout }).on('line', (line) => {
        this.log.push(line);
        if (line.includes('UDP listener opened')) resolve();
      });
    });
  }
}

async function freePort() {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  await once(socket, 'close');
  return port;
}

const SECRET = 'a secret of this test';
