// Chromium with a fake camera. `benches/start` uses it, too.

import puppeteer from 'puppeteer-core';

/**
 * @param {number} fps of its camera
 * @param {object} [more] options of puppeteer
 */
export function launchChromium(fps, more = {}) {
  return puppeteer.launch({
    ...more,
    browser: 'chrome',
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox', // CI runs as root
      '--disable-gpu',
      `--use-fake-device-for-media-stream=fps=${fps}`,
      '--use-fake-ui-for-media-stream',
      // Several pages are open at once: none of them is in the background.
      '--disable-background-timer-throttling',
      '--disable-backgrounding-occluded-windows',
      '--disable-renderer-backgrounding',
      // Nothing leaves the machine.
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--disable-quic',
      '--no-first-run',
      // A machine without a network has only loopback.
      '--allow-loopback-in-peer-connection',
    ],
  });
}
