// A person in the Meet application: clicks, types, and looks.

import { showsFrames } from './frames.js';

const TIMEOUT = { timeout: 40_000, polling: 100 };

/** Firefox counts what a test does to the network among the errors of the page. */
const NETWORK_REPORT = /^The connection to wss?:\S+ was interrupted|^Firefox can’t establish a connection|^WebRTC: ICE failed/;

export class Participant {
  /** The page, for what has no word here. */
  page;
  name;
  /** What the page complained of; a test ends by looking that it is empty. */
  complaints = [];
  #context;

  constructor(context, page, name) {
    this.#context = context;
    this.page = page;
    this.name = name;
    page.setDefaultTimeout(TIMEOUT.timeout);
    page.on('pageerror', (error) => {
      if (!NETWORK_REPORT.test(error.message)) this.complaints.push(`${name}: ${error.stack ?? error}`);
    });
  }

  /** Opens the room's page and stays in its lobby. */
  static async inLobby(browsers, kind, options) {
    return Participant.in(await browsers.context(kind), options);
  }

  /** Opens the room's page in a context of its own. `prepare` is for what must be there before the page is. */
  static async in(context, { url, name, prepare = async () => {} }) {
    const page = await context.newPage();
    const participant = new Participant(context, page, name);
    await prepare(page);
    await page.goto(url);
    return participant;
  }

  /** Opens the room's page and joins with camera and microphone. */
  static async join(browsers, kind, options) {
    const participant = await Participant.inLobby(browsers, kind, options);
    await participant.page.waitForFunction(
      () => document.querySelector('#preview').videoWidth > 0,
      TIMEOUT,
    );
    await participant.joinFromLobby();
    return participant;
  }

  async joinFromLobby() {
    // Before its script has run, the form would only load the page again.
    await this.until(() => document.body.dataset.view === 'lobby');
    await this.page.type('input[name=name]', this.name);
    await this.page.click('#join');
    await this.until(() => window.room?.state === 'joined' && document.querySelector('[data-self]') !== null);
  }

  /** Waits until `condition` holds in the page. */
  async until(condition, ...args) {
    try {
      await this.page.waitForFunction(condition, TIMEOUT, ...args);
    } catch (error) {
      const state = await this.page.evaluate(describePage).catch((failure) => String(failure));
      throw new Error(`${this.name} waits in vain for ${condition}\n${args.join(', ')}\n${state}`, { cause: error });
    }
  }

  /** Writes down from now on what the room tells. */
  async keepsLog() {
    await this.page.evaluate(() => {
      window.log = [];
      const { room } = window;
      room.on('statechange', ({ detail }) => window.log.push(`state ${detail.state}`));
      room.on('peerjoined', ({ detail }) => window.log.push(`peerjoined ${detail.peer.id}`));
      room.on('peerleft', ({ detail }) => window.log.push(`peerleft ${detail.peer.id} ${detail.reason}`));
      room.on('peerchanged', ({ detail: { peer } }) => window.log.push(`peer ${peer.id} ${peer.status} ${peer.connection}`));
      room.on('error', ({ detail }) => window.log.push(`error ${detail.error.message}`));
    });
  }

  async log({ clear = false } = {}) {
    return this.page.evaluate((empty) => (empty ? window.log.splice(0) : window.log), clear);
  }

  /** Another tab with a copy of this one's session storage, as browsers duplicate tabs. */
  async duplicateTab() {
    const opened = new Promise((resolve) => this.page.once('popup', resolve));
    await this.page.evaluate(() => void window.open(location.href));
    const page = await opened;
    return new Participant(this.#context, page, `${this.name} again`);
  }

  async id() {
    return this.page.evaluate(() => window.room.self.id);
  }

  /** Sees exactly these others, by name. */
  async seesOnly(...others) {
    const ids = await Promise.all(others.map((other) => other.id()));
    await this.until((expected) => {
      const shown = [...document.querySelectorAll('[data-peer]')].map((tile) => tile.dataset.peer);
      return shown.sort().join() === expected;
    }, ids.sort().join());
  }

  /** Sees each of these others move. */
  async seesPlaying(...others) {
    for (const other of others) await this.until(showsFrames, `[data-peer="${await other.id()}"]`);
  }

  async seesSelfPlaying() {
    await this.until(() => {
      const video = document.querySelector('[data-self] video');
      if (video === null || video.videoWidth === 0) return false;
      // Two looks: the first one notes the time, a later one finds that it went on.
      const before = video.seenTime;
      video.seenTime = video.currentTime;
      return before !== undefined && video.currentTime > before;
    });
    await this.page.evaluate(() => { delete document.querySelector('[data-self] video').seenTime; });
  }

  /** Sees `data-<field>` of somebody's tile become `value`. */
  async seesState(other, field, value) {
    const id = await other.id();
    await this.until(
      (peer, name, expected) => document.querySelector(`[data-peer="${peer}"]`)?.dataset[name] === expected,
      id, field, value,
    );
  }

  async press(selector) {
    await this.page.click(selector);
  }

  async says(text) {
    await this.page.type('#chat-input', text);
    await this.page.keyboard.press('Enter');
  }

  async reads(text) {
    await this.until((said) => document.querySelector('#chat-log').textContent.includes(said), text);
  }

  async leave() {
    await this.press('#leave');
    await this.until(() => window.room.state === 'closed' || window.room.state === 'idle');
  }

  async closeTab() {
    await this.page.close();
  }

  async close() {
    if (!this.#context.closed) await this.#context.close();
  }
}

/** For the message of a test that fails: what this participant knows. */
function describePage() {
  const tiles = [...document.querySelectorAll('[data-self], [data-peer]')].map((tile) => {
    const video = tile.querySelector('video');
    return { ...tile.dataset, width: video?.videoWidth, time: video?.currentTime, paused: video?.paused };
  });
  const sources = [...window.room?.peers.values() ?? []].map((peer) => [
    peer.connection,
    ...[...peer.sources.values()].map(({ name, audio, video }) => `${name} ${audio?.track?.readyState} ${video?.track?.readyState}`),
  ]);
  return JSON.stringify({ state: window.room?.state, sources, tiles, title: document.title, log: window.log });
}
