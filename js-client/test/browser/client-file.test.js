// How browsers load the client: one compressed file.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { setUp } from './support/setup.js';
import { LOADS_SOURCES } from './support/sources.js';

const { browsers, server } = setUp();

const size = (name) => readFileSync(new URL(`../../dist/${name}`, import.meta.url)).length;

for (const kind of ['chromium', 'firefox']) {
  test(`the page of a room loads the client as one compressed file, in ${kind}`, { skip: LOADS_SOURCES }, async () => {
    const page = await (await browsers.context(kind)).newPage();
    await page.goto(server.url('/room/standup'));
    await page.waitForSelector('#join:not([disabled])');
    const files = await page.evaluate(() => performance.getEntriesByType('resource')
      .filter(({ name }) => name.includes('/meet-signal/'))
      .map(({ name, encodedBodySize, decodedBodySize }) => [new URL(name).pathname, encodedBodySize, decodedBodySize]));
    const [path, encoded, decoded] = files[0];
    // The preload and the import are one, also where both have an entry.
    assert.deepEqual([...new Set(files.map(String))], [String(files[0])]);
    assert.equal(path, '/meet-signal/index.js');
    assert.equal(decoded, size('index.js'));
    assert.ok([size('index.js.br'), size('index.js.gz')].includes(encoded), `${encoded} bytes`);
  });
}
