// Pages in browsers, and all that a client takes from its surroundings.

import { FakeStream, FakeTrack } from './fake-media.js';
import { FakeNetwork } from './fake-network.js';
import { FakeEventTarget, makeEvent } from './webrtc/basics.js';
import { Scheduler } from './scheduler.js';
import { SignalServer } from './signal-server.js';

/** @typedef {import('./fake-network.js').FlavourName} FlavourName */
/** @typedef {import('./fake-peer-connection.js').FakePeerConnection} FakePeerConnection */
/** @typedef {import('./signal-server.js').ServerOptions} ServerOptions */
/** @typedef {import('./fake-socket.js').FakeWebSocket} FakeWebSocket */

/**
 * One network, one server, and the pages that meet there.
 *
 * ```js
 * const harness = new Harness({ seed, latencyMs: [5, 50] });
 * const [ada, bob] = ['ada', 'bob'].map((name) => {
 *   const page = harness.page(name, { flavour: 'firefox' });
 *   const room = new MeetRoom('/signal/standup', { environment: page.environment });
 *   room.publish('camera', page.camera());
 *   return { page, room };
 * });
 * await harness.scheduler.run(() => Promise.all([ada.room.join(), bob.room.join()]), { withinMs: 5_000 });
 * await harness.scheduler.until(() => bob.room.peers.size === 1, { withinMs: 10_000 });
 *
 * harness.server.session('bob').socket?.cut(); // or stall(), unstall(), close(4002)
 * harness.network.cut('ada', 'bob');
 * await harness.clock.advance(20_000);
 * harness.network.mend('ada', 'bob');
 * harness.network.failNext('setRemoteDescription', { matches: (type, page) => page === 'ada' });
 * ```
 */
export class Harness {
  /** @type {FakePage[]} */
  #pages = [];

  /**
   * @param {object} [options]
   * @param {number} [options.seed] see `Scheduler`
   * @param {readonly [min: number, max: number]} [options.latencyMs] likewise
   * @param {FlavourName} [options.flavour] of the browsers
   * @param {ServerOptions} [options.server]
   */
  constructor({ seed, latencyMs, flavour, server } = {}) {
    this.scheduler = new Scheduler({ seed, latencyMs });
    this.clock = this.scheduler.clock;
    this.network = new FakeNetwork(this.scheduler, { flavour });
    this.server = new SignalServer(this.scheduler, server);
  }

  /**
   * Opens a page.
   *
   * @param {string} name of the page, and of everything in the network and the server that is its
   * @param {{ flavour?: FlavourName | undefined, storage?: FakeStorage }} [options] `storage` is the
   *   tab's, which a reload keeps
   */
  page(name, options) {
    const page = new FakePage(this, name, options);
    this.#pages.push(page);
    return page;
  }

  /** What clients that were left should not leave behind. */
  get leaks() {
    return {
      connections: this.network.open,
      sockets: this.server.sockets.open,
      timers: this.#pages.reduce((sum, page) => sum + page.timers, 0),
      listeners: this.#pages.reduce((sum, page) => sum + page.listeners, 0),
    };
  }
}

export class FakePage {
  #harness;
  #options;
  #alive = true;
  /** @type {Set<number>} */
  #timers = new Set();
  /** @type {FakePeerConnection[]} */
  #connections = [];
  /** @type {FakeWebSocket[]} */
  #sockets = [];
  #wallMs = 0;

  /** What the page hears of the network, of its end and of its return. */
  window = new FakeEventTarget();
  document = Object.assign(new FakeEventTarget(), { visibilityState: 'visible' });

  /**
   * @param {Harness} harness
   * @param {string} name
   * @param {{ flavour?: FlavourName | undefined, storage?: FakeStorage }} [options]
   */
  constructor(harness, name, { flavour, storage = new FakeStorage() } = {}) {
    this.#harness = harness;
    this.#options = { flavour };
    this.name = name;
    this.storage = storage;
    /** For the client's option of this name. Its types are the fakes', so a test that is checked says `any`. */
    this.environment = this.#makeEnvironment();
  }

  /** The page's connections, oldest first. */
  get connections() {
    return [...this.#connections];
  }

  /** How many of the page's own timers are set. */
  get timers() {
    return this.#timers.size;
  }

  /**
   * How many listeners are attached to what belongs to the browser rather than to the client: none in
   * a page that is gone.
   */
  get listeners() {
    return this.#alive ? this.window.listenerCount + this.document.listenerCount : 0;
  }

  /** A camera and a microphone, as a stream. */
  camera() {
    return new FakeStream([new FakeTrack('audio'), new FakeTrack('video')]);
  }

  /**
   * Fires an event at the window.
   *
   * @param {'online' | 'offline' | 'pageshow' | 'pagehide'} type
   * @param {{ persisted?: boolean }} [properties]
   */
  fire(type, properties = {}) {
    this.window.dispatchEvent(makeEvent(type, properties));
  }

  /** @param {'visible' | 'hidden'} state */
  setVisibility(state) {
    this.document.visibilityState = state;
    this.document.dispatchEvent(makeEvent('visibilitychange'));
  }

  /**
   * The machine sleeps: only the clock on the wall goes on. A negative time sets that clock back.
   *
   * @param {number} ms
   */
  sleep(ms) {
    this.#wallMs += ms;
  }

  /** The user closes the tab. */
  close() {
    this.fire('pagehide', { persisted: false });
    this.crash();
  }

  /** The page is gone, without any of its code running once more. */
  crash() {
    if (!this.#alive) return;
    this.#alive = false;
    for (const handle of this.#timers) this.#harness.clock.clearTimeout(handle);
    this.#timers.clear();
    this.#harness.network.vanish(this.name);
    for (const socket of this.#sockets) socket.disappear();
  }

  /**
   * The user reloads: another page in the same tab.
   *
   * @returns {FakePage}
   */
  reload() {
    this.close();
    return this.#harness.page(this.name, { ...this.#options, storage: this.storage });
  }

  #makeEnvironment() {
    const { clock, network, scheduler, server } = this.#harness;
    const page = this;
    const { PeerConnection } = network.page(this.name, { flavour: this.#options.flavour ?? network.flavour });
    const { WebSocket } = server.page(this.name);
    return {
      RTCPeerConnection: class extends PeerConnection {
        /** @param {any} [configuration] */
        constructor(configuration) {
          super(configuration);
          page.#connections.push(this);
        }
      },
      WebSocket: class extends WebSocket {
        /**
         * @param {string | URL} url
         * @param {string | string[]} [protocols]
         */
        constructor(url, protocols) {
          super(url, protocols);
          page.#sockets.push(this);
        }
      },
      MediaStream: FakeStream,
      // The server answers no HTTP.
      fetch: async () => { throw new TypeError('there is no HTTP here'); },
      setTimeout: (/** @type {() => void} */ run, /** @type {number} */ ms) => this.#setTimeout(run, ms),
      clearTimeout: (/** @type {number | null} */ handle) => {
        clock.clearTimeout(handle);
        if (handle !== null) this.#timers.delete(handle);
      },
      now: clock.now,
      wall: () => clock.now() + this.#wallMs,
      random: () => scheduler.random.next(),
      window: this.window,
      document: this.document,
      storage: this.storage,
      base: 'https://host/page',
    };
  }

  /**
   * @param {() => void} run
   * @param {number} ms
   */
  #setTimeout(run, ms) {
    // Code of a page that is gone does not run; here it may have had a promise left.
    if (!this.#alive) return 0;
    const handle = this.#harness.clock.setTimeout(() => {
      this.#timers.delete(handle);
      run();
    }, ms);
    this.#timers.add(handle);
    return handle;
  }
}

/** `sessionStorage` of a tab. */
export class FakeStorage {
  /** @type {Map<string, string>} */
  #items = new Map();

  /** @param {string} key */
  getItem(key) {
    return this.#items.get(key) ?? null;
  }

  /**
   * @param {string} key
   * @param {string} value
   */
  setItem(key, value) {
    this.#items.set(key, String(value));
  }

  /** @param {string} key */
  removeItem(key) {
    this.#items.delete(key);
  }
}
