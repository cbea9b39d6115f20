// Loads the client's sources instead of the bundle that the server has, to debug them, with MEET_SOURCES=1.

import { readFileSync } from 'node:fs';

const SRC = new URL('../../../src/', import.meta.url);
const MODULE = /\/meet-signal\/([\w-]+\.js)$/;
const HASHED = /^index-[0-9a-f]{16}\.js$/;

export const LOADS_SOURCES = (process.env.MEET_SOURCES ?? '') !== '';

/** Has this page load them, as they are in their folder now: no build is needed after a change. */
export async function loadSources(page) {
  await page.setRequestInterception(true);
  page.on('request', (request) => {
    const [, name] = MODULE.exec(new URL(request.url()).pathname) ?? [];
    if (name === undefined) return request.continue();
    return request.respond({
      contentType: 'text/javascript',
      headers: { 'access-control-allow-origin': '*' },
      body: readFileSync(new URL(name.replace(HASHED, 'index.js'), SRC)),
    });
  });
}
