// The server's core, in this process: the addon of `test/core-addon`, which `npm test` builds.

/**
 * @typedef {object} CoreEvent
 * @property {number} connection
 * @property {'text' | 'close' | 'gone' | 'authorize'} kind `gone`: without a close frame; `authorize`: `decide` is waited for
 * @property {string} text the frame; the reason of a close; `token` and `meta` of a join, as JSON
 * @property {number} code of a close
 */

/**
 * @typedef {object} CoreServer
 * @property {(limits: Record<string, number>) => void} restart
 * @property {(limits: Record<string, number>) => void} drain later connections are another server's
 * @property {(room: string, subprotocols: string[]) => { id: number, subprotocol: string } | null} connect
 * @property {(connection: number, decision: { refuse?: number, permissions?: string[], meta?: string, stun?: string[] }) => void} decide
 * @property {(connection: number, text: string) => void} receive
 * @property {(connection: number, code: number) => void} closed
 * @property {(connection: number, blocked: boolean) => void} block
 * @property {(connection: number, keepsSession: boolean) => void} close
 * @property {(connection: number) => void} abort
 * @property {(room: string, peer: string, data: string) => void} send
 * @property {(room: string) => { id: string, meta: string }[]} roster
 * @property {(to: number) => number} advance
 * @property {() => CoreEvent[]} take
 */

/** @type {{ exports: { Core?: new (limits: Record<string, number>) => CoreServer } }} */
const addon = { exports: {} };
process.dlopen(addon, new URL('../core-addon/core.node', import.meta.url).pathname);

/** `core-addon/src/lib.rs` says what each method does. */
export const Core = /** @type {new (limits: Record<string, number>) => CoreServer} */ (addon.exports.Core);
