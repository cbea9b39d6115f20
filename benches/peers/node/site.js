// The site of a peer, for `benches/start`: an empty page, and the client, which browsers keep like one with a hash in its URL.

import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';

import express from 'express';

const MODULES = fileURLToPath(new URL('node_modules', import.meta.url));

/** @returns the application, and the server that has it */
export function site() {
  const app = express();
  app.get('/', (_, response) => { response.send('<!doctype html><title>Call</title>'); });
  app.use('/client', express.static(MODULES, { immutable: true, maxAge: '1y' }));
  return { app, server: createServer(app) };
}

/** Prints the URL, on a free port. */
export function listen(server) {
  server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}/`));
}
