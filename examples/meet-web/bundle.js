// Builds `dist`: the pages as the servers serve them, from `static`.
//
// A page is its HTML with its style sheets inline, and one module beside the client's. All that a page refers to has the hash
// of its content in its name, so that browsers keep it. `node bundle.js` writes it; with `--check` it fails if `dist` is not
// what the sources give. The client comes first: its name is in the module.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { Dist, hashOf } from '../../js-client/dist-folder.js';
import { build, transform } from '../../js-client/node_modules/esbuild/lib/main.js';

const ROOT = fileURLToPath(new URL('./', import.meta.url));
const PAGES = ['home', 'room'];
const IMAGES = ['favicon.svg', 'icons.svg'];
const CLIENT = '/meet-signal/index.js';
const TARGET = ['es2022', 'chrome100', 'firefox113', 'safari15.4'];

const read = (name) => readFileSync(`${ROOT}static/${name}`);
const hashed = (name, bytes) => name.replace('.', `-${hashOf(bytes)}.`);

/** What to write instead of each URL in the sources. */
const urls = new Map([[CLIENT, CLIENT.replace('index.js', hashed('index.js', readFileSync(`${ROOT}../../js-client/dist/index.js`)))]]);
/** The files of `dist`. */
const files = {};
/** Of the inline style sheets, as the pages' policy allows them (CSP Level 3, section 2.3.1). */
const styles = [];

for (const name of IMAGES) {
  const to = hashed(name, read(name));
  files[to] = read(name);
  urls.set(`/assets/${name}`, `/assets/${to}`);
}

/** Those of `urls` in a text. */
function rename(text) {
  for (const [from, to] of urls) text = text.replaceAll(from, to);
  return text;
}

const renaming = {
  name: 'renaming',
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /^\/meet-signal\// }, ({ path }) => ({ path, external: true }));
    onLoad({ filter: /\.js$/ }, ({ path }) => ({ contents: rename(readFileSync(path, 'utf8')) }));
  },
};

for (const page of PAGES) {
  const { outputFiles: [map, module] } = await build({
    absWorkingDir: ROOT,
    bundle: true,
    charset: 'utf8',
    entryPoints: [`static/${page}.js`],
    format: 'esm',
    logLevel: 'warning',
    minify: true,
    outdir: 'dist',
    plugins: [renaming],
    sourcemap: 'external',
    target: TARGET,
    write: false,
  });
  const name = hashed(`${page}.js`, module.contents);
  files[name] = Buffer.from(`${module.text}//# sourceMappingURL=${name}.map\n`);
  files[`${name}.map`] = Buffer.from(map.contents);
  urls.set(`/assets/${page}.js`, `/assets/${name}`);

  let sheets = '';
  const html = rename(read(`${page}.html`).toString().replace(/ *<link rel="stylesheet" href="\/assets\/([^"]+)">\n/g, (_, sheet) => {
    sheets += read(sheet);
    return '';
  }));
  const { code } = await transform(sheets, { loader: 'css', minify: true, target: TARGET });
  const style = rename(code.trim());
  styles.push(`'sha256-${createHash('sha256').update(style).digest('base64')}'`);
  files[`${page}.html`] = Buffer.from(html.replace('</head>', () => `  <style>${style}</style>\n</head>`));
}
files['styles.txt'] = Buffer.from(styles.join(' '));

const dist = new Dist(`${ROOT}dist/`, 'examples/meet-web/dist');
const [option] = process.argv.slice(2);
if (option === '--check') dist.check(files);
else dist.write(files);
