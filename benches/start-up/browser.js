// Chromium with a fake camera.

import { createRequire } from 'node:module';

const { default: puppeteer } = createRequire(new URL('../../js-client/package.json', import.meta.url))('puppeteer-core');

export function launch() {
  return puppeteer.launch({
    browser: 'chrome',
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox', // CI runs as root
      '--disable-gpu',
      '--use-fake-device-for-media-stream=fps=30',
      '--use-fake-ui-for-media-stream',
      // Several windows are open at once: none of them is in the background.
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
