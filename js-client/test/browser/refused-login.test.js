// What a page hears where a site with its own login, or something before it, lets no WebSocket open.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';

import { BlockingProxy } from './support/blocking-proxy.js';
import { Browsers } from './support/browsers.js';
import { PlainSite } from './support/plain-site.js';
import { Proxy } from './support/proxy.js';
import { Server, built } from './support/server.js';

const browsers = new Browsers();
afterEach(() => browsers.closeContexts());
after(() => browsers.close());

const SIGNAL = '/teams/apollo/meeting/signal';

/** A page that counts its WebSockets, and keeps what nothing has caught. */
async function open(kind, url) {
  const context = await browsers.context(kind);
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  await page.evaluateOnNewDocument(() => {
    window.sockets = 0;
    window.WebSocket = class extends WebSocket {
      constructor(...args) {
        super(...args);
        window.sockets += 1;
      }
    };
    window.complaints = [];
    window.addEventListener('error', ({ message }) => window.complaints.push(message));
    window.addEventListener('unhandledrejection', ({ reason }) => window.complaints.push(String(reason)));
  });
  await page.goto(url);
  return page;
}

async function logIn(page) {
  await page.type('input[name=login]', 'ada');
  await page.type('input[name=password]', 'demo');
  await Promise.all([page.waitForNavigation(), page.keyboard.press('Enter')]);
}

/** The cookie is gone, as when it has expired. */
const logOut = (page) => page.evaluate(() => fetch('/logout', { method: 'POST' }).then(({ ok }) => ok));

/** Joins, and returns why that fails. */
const refusal = (page, url) => page.evaluate(async (room) => {
  const { MeetRoom } = await import('/meet-signal/index.js');
  const before = window.sockets;
  const error = await new MeetRoom(room).join().then(() => ({ code: 'joined' }), (reason) => reason);
  return { code: error.code, message: error.message, attempts: window.sockets - before };
}, url);

for (const program of ['existing-app-axum', 'existing-app-actix']) {
  describe(program, { concurrency: 1 }, () => {
    const server = new Server({ program: built(program), args: [], env: { PORT: '0' } });
    before(() => server.start());
    after(() => server.stop());

    for (const kind of ['chromium', 'firefox']) {
      test(`${kind}: a page whose login has expired, that asks for no room, or is redirected, hears of it at once`, async () => {
        const page = await open(kind, server.url('/login'));
        await logIn(page);
        const missing = { code: 'not-found', message: 'the server answers: not-found', attempts: 1 };
        assert.deepEqual(await refusal(page, '/no/such/room'), missing);
        assert.ok(await logOut(page));
        const expired = { code: 'unauthorized', message: 'log in again', attempts: 1 };
        assert.deepEqual(await refusal(page, SIGNAL), expired);
        // The site's pages redirect to the login.
        const redirected = { code: 'unauthorized', message: 'the server answers: unauthorized', attempts: 1 };
        assert.deepEqual(await refusal(page, '/teams/apollo'), redirected);
        assert.deepEqual(await page.evaluate(() => window.complaints), []);
      });

      test(`${kind}: a login that expires during a meeting ends it within one attempt`, async () => {
        const proxy = await Proxy.start(server.port);
        try {
          const page = await open(kind, proxy.url('/login'));
          await logIn(page);
          await page.goto(proxy.url('/teams/apollo/meeting'));
          await page.waitForFunction(() => document.getElementById('status').textContent === '');
          assert.ok(await logOut(page));
          proxy.cut();
          await page.waitForSelector('#status a[href="/login"]');
          const status = await page.$eval('#status', ({ textContent }) => textContent);
          assert.match(status, /^No meeting: log in again\./);
          assert.equal(await page.evaluate(() => window.sockets), 2);
          assert.deepEqual(await page.evaluate(() => window.complaints), []);
        } finally {
          await proxy.stop();
        }
      });

      test(`${kind}: a proxy that lets no WebSocket through is named`, async () => {
        const proxy = await BlockingProxy.start(server.port);
        try {
          const page = await open(kind, server.url('/login'));
          await logIn(page);
          // Cookies are the host's, for every port.
          await page.goto(proxy.url('/'));
          const { code, attempts } = await refusal(page, SIGNAL);
          assert.deepEqual([code, attempts], ['websocket-blocked', 4]);
          assert.deepEqual(await page.evaluate(() => window.complaints), []);
        } finally {
          await proxy.stop();
        }
      });

      test(`${kind}: a page of another site hears nothing`, async () => {
        const site = await PlainSite.start(server.port);
        try {
          const page = await open(kind, site.url('/'));
          const { code } = await refusal(page, server.url(SIGNAL));
          assert.equal(code, 'unreachable');
          assert.deepEqual(await page.evaluate(() => window.complaints), []);
        } finally {
          await site.stop();
        }
      });
    }
  });
}
