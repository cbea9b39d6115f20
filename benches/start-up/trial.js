// One measurement: a room with people in it, and two visits of a browser that was never there before.

import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { DelayingProxy } from './delaying-proxy.js';

/**
 * @typedef {object} Setup
 * @property {import('./systems.js').System} system
 * @property {import('../../js-client/test/browser/support/server.js').Server} server
 * @property {string[]} clients the URLs of the client
 * @property {number} delay the round trip in milliseconds
 * @property {number} people how many are in the room then
 * @property {boolean} prepares whether the page awaits `prepare()` before it joins
 *
 * @typedef {object} Visit milliseconds
 * @property {'first' | 'later'} visit of the same browser, in which case its cache has the client
 * @property {number} load until the client is loaded
 * @property {number} joined from joining until joined
 * @property {number} firstPicture from joining until a frame of one of the others is shown
 * @property {number} lastPicture of all of the others
 */

let rooms = 0;

/**
 * @param {{ members: import('puppeteer-core').Browser, newcomer: import('puppeteer-core').Browser }} browsers
 * @param {Setup} setup
 * @returns {Promise<Visit[] | null>} `null` if the client cannot prepare
 */
export async function measure(browsers, setup) {
  const { people, prepares, server, delay } = setup;
  const room = `room-${process.pid}-${rooms++}`;
  const proxy = await DelayingProxy.start(server.port, delay);
  const ids = Array.from({ length: people - 1 }, (_, index) => `${room}-${index}`);
  // Each in a window of its own, where it is visible.
  const contexts = await Promise.all(ids.map(() => browsers.members.createBrowserContext()));
  const newcomer = await browsers.newcomer.createBrowserContext();
  try {
    const members = await Promise.all(contexts.map((context) => Page.open(context, proxy, setup)));
    if (prepares && !await members[0].canPrepare()) return null;
    for (const [index, member] of members.entries()) {
      await member.call({ room, id: ids[index], others: ids.slice(0, index), prepares });
    }
    const visits = [];
    for (const visit of ['first', 'later']) {
      const page = await Page.open(newcomer, proxy, setup);
      await sleep(CALM);
      visits.push({ visit, ...await page.call({ room, id: `${room}-${visit}`, others: ids, prepares }) });
      await page.leave();
      await sleep(delay);
      await page.close();
    }
    return visits;
  } finally {
    await Promise.all([...contexts, newcomer].map((context) => context.close()));
    await proxy.stop();
  }
}

class Page {
  #page;
  #load;
  #options;

  constructor(page, load, options) {
    this.#page = page;
    this.#load = load;
    this.#options = options;
  }

  /** Loads the client, and opens the camera. */
  static async open(context, proxy, { system, clients }) {
    const page = await context.newPage();
    await page.goto(proxy.url(system.page));
    await page.evaluate(COMMON);
    await page.evaluate(script(system.script));
    await within(TIMEOUT, page.evaluate(() => globalThis.openCamera()));
    const load = await within(TIMEOUT, page.evaluate(async (urls) => {
      const start = performance.now();
      await globalThis.system.load(urls);
      return performance.now() - start;
    }, clients));
    return new Page(page, load, system.options);
  }

  canPrepare() {
    return this.#page.evaluate(() => globalThis.system.canPrepare());
  }

  /** Joins. @returns {Promise<Omit<Visit, 'visit'>>} when the page shows all of the others */
  async call(call) {
    const calling = this.#page.evaluate((init) => globalThis.system.call(init), { ...call, options: this.#options });
    const { start, joined, shown } = await within(TIMEOUT, calling);
    return {
      load: this.#load,
      joined: joined - start,
      firstPicture: shown.at(0) - start,
      lastPicture: shown.at(-1) - start,
    };
  }

  leave() {
    return this.#page.evaluate(() => globalThis.system.leave());
  }

  close() {
    return this.#page.close();
  }
}

function script(name) {
  return readFileSync(new URL(`page/${name}`, import.meta.url), 'utf8');
}

async function within(milliseconds, promise) {
  const abort = new AbortController();
  const late = sleep(milliseconds, undefined, { signal: abort.signal }).then(() => {
    throw new Error(`not within ${milliseconds} ms`);
  });
  late.catch(() => {});
  try {
    return await Promise.race([promise, late]);
  } finally {
    abort.abort();
  }
}

const COMMON = script('common.js');
/** For what a page does beside: it starts the encoders of the camera, and compiles. */
const CALM = 250;
const TIMEOUT = 30_000;
