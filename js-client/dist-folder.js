// A folder of built files, which is committed.

import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { brotliCompressSync, brotliDecompressSync, constants, gunzipSync, gzipSync } from 'node:zlib';

/** The compressed forms, by the end of their names: how to make and to read them. */
const CODINGS = {
  '.br': { compress: brotli, decompress: brotliDecompressSync },
  '.gz': { compress: (bytes) => gzipSync(bytes, { level: 9 }), decompress: gunzipSync },
};

function brotli(bytes) {
  const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_SIZE_HINT, BROTLI_MAX_QUALITY } = constants;
  return brotliCompressSync(bytes, {
    params: { [BROTLI_PARAM_QUALITY]: BROTLI_MAX_QUALITY, [BROTLI_PARAM_SIZE_HINT]: bytes.length },
  });
}

export class Dist {
  #path;
  #name;

  /**
   * @param {string} path with a slash at its end
   * @param {string} name for messages
   */
  constructor(path, name) {
    this.#path = path;
    this.#name = name;
  }

  /**
   * Writes these files, and nothing else.
   *
   * @param {Record<string, Buffer>} files
   * @param {string[]} [compressed] the names of those that are written in compressed forms, too
   */
  write(files, compressed = []) {
    rmSync(this.#path, { recursive: true, force: true });
    mkdirSync(this.#path);
    for (const [name, bytes] of Object.entries(files)) writeFileSync(this.#path + name, bytes);
    for (const name of compressed) {
      for (const [end, { compress }] of Object.entries(CODINGS)) writeFileSync(this.#path + name + end, compress(files[name]));
    }
  }

  /** Exits with 1 if the folder has anything else than `write` would write. */
  check(files, compressed = []) {
    const names = this.#stale(files, compressed);
    if (names.length === 0) return;
    console.error(`not what the sources give: ${names.map((name) => `${this.#name}/${name}`).join(', ')}; run scripts/bundle`);
    process.exit(1);
  }

  /** The names of what is missing, different or too much. */
  #stale(files, compressed) {
    const found = new Map(readdirSync(this.#path).map((name) => [name, readFileSync(this.#path + name)]));
    const expected = new Map(Object.entries(files).map(([name, bytes]) => [name, (content) => content.equals(bytes)]));
    for (const name of compressed) {
      // Versions of Node compress differently, so the content is compared.
      for (const [end, { decompress }] of Object.entries(CODINGS)) {
        expected.set(name + end, (content) => {
          try {
            return decompress(content).equals(files[name]);
          } catch {
            return false;
          }
        });
      }
    }
    const wrong = [...expected].filter(([name, is]) => !found.has(name) || !is(found.get(name))).map(([name]) => name);
    return [...wrong, ...[...found.keys()].filter((name) => !expected.has(name))];
  }
}

/**
 * FNV-1a over 64 bits, in hexadecimal, as the crate `meet-signal-js` names the client.
 *
 * @param {Uint8Array} bytes
 */
export function hashOf(bytes) {
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash.toString(16).padStart(16, '0');
}
