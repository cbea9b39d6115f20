// A long way between a browser and a server.

import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/**
 * Forwards TCP, and delays each chunk by half of the round trip, in both directions. Connecting is not delayed: how many
 * round trips that takes depends on the versions of HTTP and TLS, not on the client.
 */
export class DelayingProxy {
  #server;
  #delay;
  /** @type {Set<import('node:net').Socket>} */
  #sockets = new Set();

  constructor(port, roundTrip) {
    this.#delay = roundTrip / 2;
    this.#server = createServer((client) => this.#accept(client, connect(port, '127.0.0.1')));
  }

  /** Before the server that listens at `port`. @param {number} roundTrip in milliseconds */
  static async start(port, roundTrip) {
    const proxy = new DelayingProxy(port, roundTrip);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  url(path) {
    return `http://127.0.0.1:${this.#server.address().port}${path}`;
  }

  async stop() {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, 'close');
  }

  #accept(client, server) {
    this.#forward(client, server);
    this.#forward(server, client);
  }

  #forward(from, to) {
    this.#sockets.add(from);
    from.setNoDelay(true);
    from.on('data', (chunk) => this.#later(() => to.write(chunk)));
    from.on('close', () => {
      this.#sockets.delete(from);
      this.#later(() => to.end());
    });
    // What ends with an error ends, and `close` follows.
    from.on('error', () => {});
  }

  /** In order: Node's timers of the same duration fire in the order in which they were set. */
  #later(action) {
    if (this.#delay === 0) action();
    else setTimeout(action, this.#delay);
  }
}
