// Builds the addon and puts it beside this file, where `support/core.js` loads it. Runs before `npm test`.

import { spawnSync } from 'node:child_process';
import { copyFileSync, renameSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const PACKAGE = 'meet-signal-core-addon';

const options = ['--locked', '--profile', 'addon', '--package', PACKAGE, '--message-format', 'json-render-diagnostics'];
const { status, stdout, error } = spawnSync('cargo', ['build', ...options], {
  cwd: fileURLToPath(new URL('../../..', import.meta.url)),
  encoding: 'utf8',
  maxBuffer: 2 ** 26,
  stdio: ['ignore', 'pipe', 'inherit'],
});
if (error) throw error;
if (status !== 0) process.exit(status ?? 1);

const built = stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line))
  .find(({ reason, target }) => reason === 'compiler-artifact' && target.name === PACKAGE.replaceAll('-', '_'));
if (built === undefined) throw new Error(`cargo reports no artifact of ${PACKAGE}`);
const addon = fileURLToPath(new URL('core.node', import.meta.url));
// Not in place: a test that runs may have the addon loaded, and another one may load it now.
const copy = `${addon}.${process.pid}`;
copyFileSync(built.filenames[0], copy);
renameSync(copy, addon);
