// A proxy that lets HTTP through and destroys WebSockets.

import { once } from 'node:events';
import { createServer, request } from 'node:http';

export class BlockingProxy {
  #server;

  constructor(port) {
    this.#server = createServer(({ method, url, headers }, response) => {
      request({ port, method, path: url, headers }, (answer) => {
        response.writeHead(answer.statusCode, answer.headers);
        answer.pipe(response);
      }).end();
    });
    this.#server.on('upgrade', (_, client) => client.destroy());
  }

  /** Before the server that listens at `port`. */
  static async start(port) {
    const proxy = new BlockingProxy(port);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  url(path = '/') {
    return `http://127.0.0.1:${this.#server.address().port}${path}`;
  }

  async stop() {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
