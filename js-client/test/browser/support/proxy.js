// The network between a page and its server, with faults.

import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/** Forwards TCP, and reads along: what a server sends to a browser is not masked (RFC 6455, section 5.1). */
export class Proxy {
  #server;
  #target;
  /** @type {Set<{ client: import('node:net').Socket, server: import('node:net').Socket }>} */
  #pairs = new Set();
  #refusing = false;
  /** Cuts the connection on which this text is sent to a browser. */
  #tripwire = null;

  constructor(target) {
    this.#target = target;
    this.#server = createServer((client) => this.#accept(client));
  }

  /** Before the server that listens at `port`. */
  static async start(port) {
    const proxy = new Proxy(port);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  url(path = '/') {
    return `http://127.0.0.1:${this.#server.address().port}${path}`;
  }

  /** Ends every connection, as a router does that is switched off and on. */
  cut() {
    for (const { client, server } of this.#pairs) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
  }

  /** While it refuses, no new connection comes about. */
  refuse(refusing) {
    this.#refusing = refusing;
  }

  /** Holds everything that is sent, without an error. */
  stall() {
    for (const { client, server } of this.#pairs) {
      client.pause();
      server.pause();
    }
  }

  /** Everything that waited gets through. */
  flow() {
    for (const { client, server } of this.#pairs) {
      client.resume();
      server.resume();
    }
  }

  /** The server's end is gone, and the browser is not told. */
  halfOpen() {
    for (const pair of this.#pairs) {
      pair.server.removeAllListeners('close');
      pair.server.resetAndDestroy();
    }
  }

  /**
   * Cuts the next connection on which `text` is sent to the browser; resolves then. `deliver`: after it got through,
   * or instead.
   */
  cutAt(text, { deliver }) {
    return new Promise((resolve) => {
      this.#tripwire = { text, deliver, resolve };
    });
  }

  async stop() {
    this.#server.close();
    this.cut();
    await once(this.#server, 'close');
  }

  #accept(client) {
    if (this.#refusing) return client.resetAndDestroy();
    const server = connect(this.#target, '127.0.0.1');
    const pair = { client, server };
    this.#pairs.add(pair);
    client.setNoDelay(true);
    server.setNoDelay(true);
    client.on('data', (chunk) => server.write(chunk));
    server.on('data', (chunk) => this.#toBrowser(pair, chunk));
    client.on('close', () => { this.#pairs.delete(pair); server.destroy(); });
    server.on('close', () => { this.#pairs.delete(pair); client.destroy(); });
    // What ends with an error ends, and `close` follows.
    client.on('error', () => {});
    server.on('error', () => {});
  }

  #toBrowser({ client, server }, chunk) {
    const wire = this.#tripwire;
    if (wire === null || !chunk.includes(wire.text)) {
      client.write(chunk);
      return;
    }
    this.#tripwire = null;
    const cut = () => {
      client.resetAndDestroy();
      server.resetAndDestroy();
      wire.resolve();
    };
    if (wire.deliver) client.write(chunk, () => client.end(cut));
    else cut();
  }
}
