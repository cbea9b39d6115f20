// What browsers load for the page of a room: the page, its module and the client, each compressed, and nothing in a chain.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { setUp } from './support/setup.js';
import { LOADS_SOURCES } from './support/sources.js';

const { browsers, server } = setUp();

const size = (name) => readFileSync(new URL(`../../dist/${name}`, import.meta.url)).length;

/** Runs in a page: its files, and how many bytes were transferred for each, or 0. */
const loaded = () => performance.getEntriesByType('resource')
  .filter(({ name }) => /\/(assets|meet-signal)\//.test(name))
  .map(({ name, transferSize, encodedBodySize, decodedBodySize }) => (
    { path: new URL(name).pathname, transferSize, encodedBodySize, decodedBodySize }));

for (const kind of ['chromium', 'firefox']) {
  test(`the page of a room loads two modules, compressed, and keeps them, in ${kind}`, { skip: LOADS_SOURCES }, async () => {
    const context = await browsers.context(kind);
    const visit = async () => {
      const page = await context.newPage();
      await page.goto(server.url('/room/standup'));
      await page.waitForFunction(() => document.body.dataset.view === 'lobby');
      assert.equal(await page.$eval('#join', (join) => getComputedStyle(join).cursor), 'pointer', 'its style is not refused');
      return page.evaluate(loaded);
    };
    const files = await visit();
    // The preload and the import are one, also where both have an entry.
    const modules = [...new Map(files.filter(({ path }) => path.endsWith('.js')).map((file) => [file.path, file])).values()];
    const [client, page] = modules.sort((one, other) => (one.path < other.path ? 1 : -1));
    assert.match(client.path, /^\/meet-signal\/index-[0-9a-f]{16}\.js$/);
    assert.match(page.path, /^\/assets\/room-[0-9a-f]{16}\.js$/);
    assert.equal(modules.length, 2);
    assert.equal(client.decodedBodySize, size('index.js'));
    assert.ok([size('index.js.br'), size('index.js.gz')].includes(client.encodedBodySize), `${client.encodedBodySize} bytes`);
    assert.ok(page.encodedBodySize < page.decodedBodySize / 2, 'compressed');
    for (const { path } of files) assert.match(path, /-[0-9a-f]{16}\./);

    for (const { path, transferSize } of await visit()) assert.equal(transferSize, 0, path);
  });
}
