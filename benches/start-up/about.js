// The machine, and the versions of what is measured.

import { readFileSync } from 'node:fs';
import { cpus, release } from 'node:os';

import { MEET, installed } from './systems.js';

/** @param {import('puppeteer-core').Browser} browser */
export async function about(browser) {
  const kibibytes = Number(/MemTotal: +(\d+)/.exec(readFileSync('/proc/meminfo', 'utf8'))[1]);
  const processors = cpus();
  const [kernel] = release().split('-');
  return {
    machine: `${processors.length} cores (${processors[0].model}), ${Math.floor(kibibytes / 2 ** 20)} GiB of memory, Linux ${kernel}`,
    build: /\/target\/(release|debug)\//.exec(MEET)?.[1] ?? 'MEET_SERVER',
    versions: [
      (await browser.version()).replace('/', ' '),
      `Node ${process.versions.node}`,
      ...PACKAGES.filter(([, name]) => installed(name) !== undefined)
        .map(([title, name]) => `${title} ${installed(name)}`),
    ].join(', '),
    command: ['benches/start', ...process.argv.slice(2)].join(' '),
  };
}

const PACKAGES = [
  ['PeerJS', 'peerjs'],
  ['PeerJS server', 'peer'],
  ['simple-peer', 'simple-peer'],
  ['Socket.IO', 'socket.io'],
];
