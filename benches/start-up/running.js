// What runs meanwhile: a server for each system, and two browsers.

import { launchChromium } from '../../js-client/test/browser/support/chromium.js';
import { measure } from './trial.js';

/** @typedef {import('./systems.js').System} System */

export class Running {
  /** Those that have been in the room before. */
  #members;
  #newcomer;
  /** @type {Map<System, { server: object, clients: string[] }>} */
  #servers = new Map();
  /** @type {Set<System>} */
  #unprepared = new Set();

  /** @param {System[]} systems */
  static async start(systems) {
    const running = new Running();
    [running.#members, running.#newcomer] = await Promise.all([launchChromium(CAMERA_FPS), launchChromium(CAMERA_FPS)]);
    try {
      for (const system of systems) {
        const server = await system.start();
        running.#servers.set(system, { server, clients: [] });
        running.#servers.get(system).clients = await system.clients(server);
      }
    } catch (error) {
      await running.stop();
      throw error;
    }
    return running;
  }

  get browser() {
    return this.#newcomer;
  }

  /** Whether both browsers run. puppeteer closes them on a signal that would end this process otherwise. */
  get isAlive() {
    return this.#members.connected && this.#newcomer.connected;
  }

  /**
   * @param {{ system: System, delay: number, people: number, prepares: boolean }} trial
   * @returns {Promise<import('./trial.js').Visit[]>} empty if the client of the system cannot prepare
   */
  async measure({ system, ...trial }) {
    if (trial.prepares && this.#unprepared.has(system)) return [];
    const browsers = { members: this.#members, newcomer: this.#newcomer };
    const visits = await measure(browsers, { system, ...this.#servers.get(system), ...trial });
    if (visits === null) this.#unprepared.add(system);
    return visits ?? [];
  }

  async stop() {
    for (const { server } of this.#servers.values()) await server.kill();
    await Promise.all([this.#members.close(), this.#newcomer.close()]);
  }
}

/** As in `page/common.js`. */
const CAMERA_FPS = 30;
