// A site of empty pages without a policy, which uses the client and the signaling of another server.

import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { connect } from 'node:net';

export class PlainSite {
  #server;

  constructor(port) {
    this.#server = createServer(({ url, headers }, response) => {
      if (!url.startsWith('/meet-signal/')) {
        response.setHeader('content-type', 'text/html').end('<!doctype html><title>plain</title><body>');
        return;
      }
      request({ port, path: url, headers }, (answer) => {
        const kept = Object.entries(answer.headers).filter(([name]) => name.startsWith('content-'));
        response.writeHead(answer.statusCode, Object.fromEntries(kept));
        answer.pipe(response);
      }).end();
    });
    this.#server.on('upgrade', ({ method, url, rawHeaders }, client) => {
      const server = connect(port, '127.0.0.1');
      const lines = rawHeaders.flatMap((name, n) => (n % 2 === 0 ? [`${name}: ${rawHeaders[n + 1]}`] : []));
      server.write(`${method} ${url} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
      server.pipe(client).pipe(server);
      client.on('error', () => server.destroy());
      server.on('error', () => client.destroy());
    });
  }

  /** Before the server that listens at `port`. */
  static async start(port) {
    const site = new PlainSite(port);
    site.#server.listen(0, '127.0.0.1');
    await once(site.#server, 'listening');
    return site;
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
