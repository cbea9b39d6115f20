// Builds `dist`: the client as one minified module, which the crate `meet-signal-js` embeds.
//
// `node bundle.js` writes it; with `--check` it fails if `dist` is not what the sources give, and with `--sizes` it
// prints how many bytes each source contributes.

import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';

import { Dist } from './dist-folder.js';

const ROOT = fileURLToPath(new URL('./', import.meta.url));
const DIST = `${ROOT}dist/`;

/** The module and its source map, by name, and what esbuild reports of them. */
async function bundle() {
  const { outputFiles, metafile } = await build({
    absWorkingDir: ROOT,
    banner: { js: '/* meet-signal, MIT OR Apache-2.0 */' },
    bundle: true,
    charset: 'utf8',
    entryPoints: ['src/index.js'],
    format: 'esm',
    logLevel: 'warning',
    metafile: true,
    minify: true,
    outdir: 'dist',
    sourcemap: 'linked',
    target: 'es2022',
    write: false,
  });
  const files = outputFiles.map(({ path, contents }) => [path.slice(DIST.length), Buffer.from(contents)]);
  return { files: Object.fromEntries(files), metafile };
}

function printSizes({ outputs }) {
  const { inputs } = outputs['dist/index.js'];
  const sizes = Object.entries(inputs).map(([name, { bytesInOutput }]) => [bytesInOutput, name]);
  for (const [bytes, name] of sizes.sort(([one], [other]) => other - one)) console.log(`${String(bytes).padStart(6)} ${name}`);
  for (const name of readdirSync(DIST)) console.log(`${String(readFileSync(DIST + name).length).padStart(6)} dist/${name}`);
}

const [option, ...more] = process.argv.slice(2);
if (more.length > 0 || ![undefined, '--check', '--sizes'].includes(option)) {
  console.error('usage: node bundle.js [--check | --sizes]');
  process.exit(2);
}
const { files, metafile } = await bundle();
const dist = new Dist(DIST, 'js-client/dist');
if (option === undefined) dist.write(files, ['index.js']);
if (option === '--sizes') printSizes(metafile);
if (option === '--check') dist.check(files, ['index.js']);
