// The sources use no API that is newer than the oldest browsers in the README.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

/** What one of Chromium 100, Firefox 113 and Safari 15.4 does not have. */
const NEWER = [
  /AbortSignal\.(any|timeout)\b/,
  /Promise\.(withResolvers|try)\b/,
  /Array\.fromAsync\b/,
  /(Object|Map)\.groupBy\b/,
  /\.(toSorted|toReversed|toSpliced|isWellFormed|toWellFormed|transferToFixedLength)\(/,
  /\.(getOrInsert|getOrInsertComputed)\(/,
  /\.(isSubsetOf|isSupersetOf|isDisjointFrom|intersection|symmetricDifference|difference|union)\(/,
  /\.(values|keys|entries)\(\)\.(map|filter|some|every|find|flatMap|take|drop|toArray|forEach|reduce)\(/,
  /\bIterator\.from\b/,
  /\bstatic \{/,
  /\(\?<[=!]/, // lookbehind: Safari 16.4
  /\/[dgimsuy]*v[dgimsuy]*[.,;)]/, // sets in regular expressions
  /\b(await )?using\b [a-z]/,
  /\b(CompressionStream|DecompressionStream|CloseWatcher|URLPattern|scheduler|documentPictureInPicture)\b/,
  /URL\.(canParse|parse)\(/,
  /\.(showPopover|togglePopover|checkVisibility|setHTMLUnsafe|moveBefore|requestClose)\(/,
  /\bnavigator\.locks\.query|\bOffscreenCanvas\b|\bRTCEncodedVideoFrame\b/,
  /import .* with \{/,
];

for (const [what, folder] of [['the client', '../../src/'], ['the Meet pages', '../../../examples/meet-web/static/']]) {
  test(`nothing in ${what} is newer than the browsers of the README`, () => {
    const sources = new URL(folder, import.meta.url);
    const files = readdirSync(sources).filter((name) => name.endsWith('.js'));
    assert.ok(files.length > 10);
    for (const name of files) {
      const lines = readFileSync(new URL(name, sources), 'utf8').split('\n');
      lines.forEach((line, index) => {
        if (/^\s*(\/\/|\/?\*)/.test(line)) return;
        for (const newer of NEWER) assert.doesNotMatch(line, newer, `${name}:${index + 1}`);
      });
    }
  });
}
