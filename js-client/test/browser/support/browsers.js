// Real browsers with fake cameras.

import puppeteer from 'puppeteer-core';

import { launchChromium } from './chromium.js';
import { LOADS_SOURCES, loadSources } from './sources.js';

/** One process of each kind for each test file; participants are contexts of their own in it. */
const launchers = {
  // Pictures enough: several people's are encoded at once, by one machine.
  chromium: (more) => launchChromium(10, more),
  firefox: () => puppeteer.launch({
    browser: 'firefox',
    executablePath: process.env.FIREFOX ?? '/usr/bin/firefox-esr',
    extraPrefsFirefox: {
      'media.navigator.streams.fake': true,
      'media.navigator.video.default_fps': 10,
      'media.navigator.permission.disabled': true,
      'media.autoplay.default': 0,
      // No mDNS responder is needed for addresses that are not hidden.
      'media.peerconnection.ice.obfuscate_host_addresses': false,
      'media.peerconnection.ice.loopback': true,
      // Several participants share a window: none of them is a background tab.
      'dom.min_background_timeout_value': 4,
      'dom.timeout.enable_budget_timer_throttling': false,
    },
  }),
};

export class Browsers {
  #running = new Map();
  /** @type {Set<import('puppeteer-core').BrowserContext>} */
  #contexts = new Set();

  /** A context with cookies and storage of its own. */
  context(kind) {
    return this.#contextOf(kind, launchers[kind]);
  }

  /** A context of a Chromium that takes any certificate, as a person does who clicks the warning away. */
  incautious() {
    return this.#contextOf('incautious', () => launchers.chromium({ acceptInsecureCerts: true }));
  }

  async #contextOf(key, launch) {
    if (!this.#running.has(key)) this.#running.set(key, launch());
    const browser = await this.#running.get(key);
    const context = await browser.createBrowserContext();
    this.#contexts.add(context);
    if (!LOADS_SOURCES) return context;
    const newPage = context.newPage.bind(context);
    context.newPage = async () => {
      const page = await newPage();
      await loadSources(page);
      return page;
    };
    return context;
  }

  /** Closes what is open, so that a test that fails leaves nothing to the next one. */
  async closeContexts() {
    const open = [...this.#contexts].filter(({ closed }) => !closed);
    this.#contexts.clear();
    await Promise.all(open.map((context) => context.close()));
  }

  async close() {
    const browsers = await Promise.all(this.#running.values());
    await Promise.all(browsers.map((browser) => browser.close()));
    this.#running.clear();
  }
}
