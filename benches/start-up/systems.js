// What is measured: a server, and the client that its pages load.

import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { Server } from '../../js-client/test/browser/support/server.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PEERS = `${ROOT}target/bench-peers/node`;

/**
 * @typedef {object} System
 * @property {string} name
 * @property {string} title
 * @property {boolean} isOwn
 * @property {string} script in the folder `page`: how a page of the system loads its client, and calls
 * @property {string} page an empty page of the server's, so that what follows has its origin
 * @property {() => Promise<Server>} start
 * @property {(server: Server) => Promise<string[]>} clients the files of the client, by their URLs that browsers keep
 * @property {object} [options] of the client
 */

/** What has been built: `MEET_SERVER`, or a release build before one for debugging. */
export const MEET = process.env.MEET_SERVER
  ?? [`${ROOT}target/release/meet-axum`, `${ROOT}target/debug/meet-axum`].find(existsSync);

const meetSignal = {
  isOwn: true,
  script: 'meet-signal.js',
  // It is not found, which is a short text.
  page: '/meet-signal/none',
  start() {
    if (MEET === undefined) throw new Error('build the server before: cargo build --package meet-axum');
    return Server.start({ program: MEET, env: { PORT: '0', RUST_LOG: 'meet_signal=warn' } });
  },
  /** The tag of the client that is not compressed is the hash in its name. */
  async clients(server) {
    const entry = await fetch(server.url('/meet-signal/index.js'), { headers: { 'accept-encoding': 'identity' } });
    const served = Buffer.from(await entry.arrayBuffer());
    if (!served.equals(readFileSync(`${ROOT}js-client/dist/index.js`))) {
      console.error('the server has another client than js-client/dist: is it built from these sources?');
    }
    return [`/meet-signal/index-${JSON.parse(entry.headers.get('etag'))}.js`];
  },
};

/** @param {string} name of a server in `benches/peers/node` */
const peer = (name) => ({
  isOwn: false,
  script: `${name}.js`,
  page: '/',
  start: () => Server.start({ program: process.execPath, args: [`${PEERS}/${name}.js`] }),
});

/** @type {System[]} */
export const SYSTEMS = [
  { name: 'meet-signal', title: 'meet-signal', ...meetSignal },
  {
    name: 'meet-signal-rtc',
    title: 'meet-signal with `rtc`',
    ...meetSignal,
    options: { rtc: { iceServers: [] } },
  },
  {
    name: 'peerjs',
    title: 'PeerJS',
    ...peer('peerjs'),
    clients: async () => ['/client/peerjs/dist/peerjs.min.js'],
  },
  {
    name: 'simple-peer',
    title: 'simple-peer over Socket.IO',
    ...peer('simple-peer'),
    clients: async () => ['/client/socket.io-client/dist/socket.io.min.js', '/client/simple-peer/simplepeer.min.js'],
  },
];

/** The version of a package that `benches/peers` has installed; undefined without it. */
export function installed(name) {
  const manifest = `${PEERS}/node_modules/${name}/package.json`;
  return existsSync(manifest) ? JSON.parse(readFileSync(manifest, 'utf8')).version : undefined;
}
