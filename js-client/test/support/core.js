// The server's core, in this process: the addon of `test/core-addon`, which `npm test` builds.

import { fileURLToPath } from 'node:url';

/**
 * What the core tells. `gone`: the connection ended without a close frame; `authorize`: a join waits for `decide`.
 *
 * @typedef {{ connection: number, kind: 'text' | 'close' | 'gone' | 'authorize', text: string, code: number }} CoreEvent
 */

/** @type {{ exports: any }} */
const addon = { exports: {} };
process.dlopen(addon, fileURLToPath(new URL('../core-addon/core.node', import.meta.url)));

/** `core-addon/src/lib.rs` says what each method does. */
export const { Core, roomInSegment } = addon.exports;
