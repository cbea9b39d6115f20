// Builds `dist`: the client as one minified module, which the crate `meet-signal-js` embeds.
//
// `node bundle.js` writes it; with `--check` it fails if `dist` is not what the sources give, and with `--sizes` it
// prints how many bytes each source contributes.

import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, brotliDecompressSync, constants, gunzipSync, gzipSync } from 'node:zlib';

import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('./', import.meta.url));
const DIST = `${ROOT}dist/`;

/** The compressed forms: how to make and to read them. */
const CODINGS = {
  'index.js.br': { compress: brotli, decompress: brotliDecompressSync },
  'index.js.gz': { compress: (bytes) => gzipSync(bytes, { level: 9 }), decompress: gunzipSync },
};

function brotli(bytes) {
  const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_SIZE_HINT, BROTLI_MAX_QUALITY } = constants;
  return brotliCompressSync(bytes, {
    params: { [BROTLI_PARAM_QUALITY]: BROTLI_MAX_QUALITY, [BROTLI_PARAM_SIZE_HINT]: bytes.length },
  });
}

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

function write(files) {
  rmSync(DIST, { recursive: true, force: true });
  mkdirSync(DIST);
  for (const [name, bytes] of Object.entries(files)) writeFileSync(DIST + name, bytes);
  for (const [name, { compress }] of Object.entries(CODINGS)) writeFileSync(DIST + name, compress(files['index.js']));
}

/** The names of what is missing, different or too much in `dist`. */
function stale(files) {
  const found = new Map(readdirSync(DIST).map((name) => [name, readFileSync(DIST + name)]));
  const names = [...Object.keys(files), ...Object.keys(CODINGS)];
  const is = (name) => {
    const bytes = found.get(name);
    if (bytes === undefined) return false;
    if (!(name in CODINGS)) return bytes.equals(files[name]);
    // Versions of Node compress differently, so the content is compared.
    try {
      return CODINGS[name].decompress(bytes).equals(files['index.js']);
    } catch {
      return false;
    }
  };
  return [...names.filter((name) => !is(name)), ...[...found.keys()].filter((name) => !names.includes(name))];
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
if (option === undefined) write(files);
if (option === '--sizes') printSizes(metafile);
if (option === '--check') {
  const names = stale(files);
  if (names.length > 0) {
    console.error(`not what the sources give: ${names.map((name) => `js-client/dist/${name}`).join(', ')}; run scripts/bundle`);
    process.exit(1);
  }
}
