// The browsers, the server and the rooms of one file of browser tests.

import { after, afterEach, before } from 'node:test';

import { Browsers } from './browsers.js';
import { Server } from './server.js';

/**
 * Registers hooks that start a server before the tests of the calling file, and that stop it and the browsers after them.
 *
 * After each test, it closes what is open in the browsers, unless the subtests of the file share pages (`keepsPages`).
 *
 * @param {{ args?: string[], keepsPages?: boolean }} [options] `args` of the server
 */
export function setUp({ keepsPages = false, ...options } = {}) {
  const browsers = new Browsers();
  const server = new Server(options);
  let rooms = 0;

  let started;
  /** Resolves when the server runs. Hooks of one file may run at the same time, so a hook that needs the server awaits it. */
  const start = () => (started ??= server.start());

  before(start);
  // Node runs it after subtests, too.
  if (!keepsPages) afterEach(() => browsers.closeContexts());
  after(async () => {
    await browsers.close();
    await server.stop();
  });

  /** The name of a room that no other test uses. */
  const newRoom = () => `room-${rooms++}`;
  return { browsers, server, newRoom, start };
}
