// The bundle, as servers and the npm package serve it. That it is what the sources give, `bundle.js --check` tests.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { test } from 'node:test';

import * as bundle from '../../dist/index.js';
import * as sources from '../../src/index.js';

const DIST = new URL('../../dist/', import.meta.url);
const SRC = new URL('../../src/', import.meta.url);

/** In bytes. Every page that has meetings loads it before anything else happens. */
const MAX_GZIP = 20 * 1024;

test('the bundle exports what the sources do', () => {
  assert.deepEqual(Object.keys(bundle).sort(), Object.keys(sources).sort());
  for (const [name, value] of Object.entries(bundle)) assert.equal(typeof value, 'function', name);
});

test('errors of the bundle have the names that pages see', () => {
  const error = new bundle.MeetError('state', 'a message');
  assert.ok(error instanceof Error);
  assert.equal(error.name, new sources.MeetError('state', 'a message').name);
  assert.equal(String(error), String(new sources.MeetError('state', 'a message')));
});

test('the source map leads from the bundle to the sources', () => {
  const payload = JSON.parse(readFileSync(new URL('index.js.map', DIST), 'utf8'));
  const names = payload.sources.map((source) => source.replace('../src/', ''));
  for (const name of names) {
    const content = payload.sourcesContent[payload.sources.indexOf(`../src/${name}`)];
    assert.equal(content, readFileSync(new URL(name, SRC), 'utf8'), name);
  }
  // A message of the client, which the minifier does not change.
  const text = 'setMuted takes true or false as its third argument';
  const [file, line] = find(text) ?? assert.fail('no source has the text');
  const code = readFileSync(new URL('index.js', DIST), 'utf8');
  const before = code.slice(0, code.indexOf(text)).split('\n');
  const entry = new SourceMap(payload).findEntry(before.length - 1, before.at(-1).length - 1);
  assert.deepEqual([entry.originalSource, entry.originalLine], [`../src/${file}`, line]);
});

/** The source and the line, from 0, that has this text. */
function find(text) {
  for (const name of readdirSync(SRC)) {
    const line = readFileSync(new URL(name, SRC), 'utf8').split('\n').findIndex((one) => one.includes(text));
    if (line !== -1) return [name, line];
  }
  return undefined;
}

test('the bundle stays small', () => {
  const { length } = readFileSync(new URL('index.js.gz', DIST));
  assert.ok(length <= MAX_GZIP, `${length} bytes; scripts/bundle --sizes shows where they are`);
});
