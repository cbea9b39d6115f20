// What happens to a connection that does not work, and when.

import { TokenBucket } from './token-bucket.js';

/** @typedef {'connecting' | 'connected' | 'reconnecting' | 'failed'} TransportState */

/**
 * @typedef {object} RecoveryOptions
 * @property {boolean} polite
 * @property {import('./environment.js').Environment} env
 * @property {() => boolean} isReady whether signaling reaches the other page now
 * @property {() => void} requestOffer requests the first offer of the other page
 * @property {() => void} restart restarts ICE on the same connection
 * @property {(byRemote: boolean) => void} replace starts a new connection; `byRemote` if the other page has started one
 * @property {(event: 'lost' | 'changed') => void} notify `lost`: no route was found in time; `changed`: `shown` has changed
 */

/**
 * The recovery of one transport, as a state machine. Each state has at most one timer, which ends with the state.
 *
 * It distinguishes two failures. Without a *route through the network* (`disconnected`, `restarting`, `lost`), a connection
 * that is `connected` again has recovered. A *broken* negotiation has not: the connection may still send what was negotiated
 * before, but accepts nothing new.
 *
 * | state          | its timer                           | connected   | disconnected   | failed       | dead   | broken   | elapsed      | wake         | loss      |
 * |----------------|-------------------------------------|-------------|----------------|--------------|--------|----------|--------------|--------------|-----------|
 * | `waiting`      | polite: for the first offer         |             |                |              |        |          | requests an offer, `connecting` | | *replace* |
 * | `connecting`   | for a route                         | `connected` |                | `restarting` | `lost` | `broken` | `lost`       |              | *replace* |
 * | `connected`    | until failures are forgotten        |             | `disconnected` | `restarting` | `lost` | `broken` | forgets them |              |           |
 * | `disconnected` | for it to recover by itself         | `connected` |                | `restarting` | `lost` | `broken` | `restarting` | `restarting` | *replace* |
 * | `restarting`   | for another route                   | `connected` |                |              | `lost` | `broken` | `lost`       |              | *replace* |
 * | `lost`         | longer with each failure            | `connected` |                |              |        | `broken` | *replace*    | *replace*    | *replace* |
 * | `broken`       | the same                            |             |                |              |        |          | *replace*    | *replace*    | *replace* |
 *
 * - `dead` is a failure from which the browser does not recover by another route on the same connection.
 * - `started`, a connection was made: to `connecting`, from `waiting`, `connecting` and `lost`. `refused`, the other page
 *   exceeds its limits or the browser makes no connection: to `broken` from any state, as after many failures.
 *   `renewed`, the other page has started a new connection: *replace* from any state.
 * - *replace* starts a new connection and is `waiting` for it. There are only a few a minute: beyond that the state is
 *   `lost` from `waiting` and `lost`, otherwise `broken`, until another one is allowed.
 * - Without signaling, steps that need it are not done: `restarting` becomes `disconnected`, and `lost` and `broken` stay,
 *   without a timer, until `wake` (signaling works again, or the network has changed).
 * - Pages see `connected` in that state; after a few failures in a row `failed` in all others but `disconnected` and
 *   `restarting`; else `connecting` before the first time, and `reconnecting` after it.
 */
export class Recovery {
  #options;
  #env;
  /** @type {RecoveryState} */
  state = 'closed';
  /** What pages see. @type {TransportState} */
  shown = 'connecting';
  /** @type {any} */
  #timer = null;
  /** Connections that failed since the last one that worked for some time. */
  #failures = 0;
  /** What pages see while it does not work. @type {TransportState} */
  #shownOtherwise = 'connecting';
  #replacements = new TokenBucket(REPLACEMENTS_PER_SECOND, MAX_REPLACEMENTS);

  /** @param {RecoveryOptions} options */
  constructor(options) {
    this.#options = options;
    this.#env = options.env;
    this.#enter('waiting');
  }

  /** @param {Event} event */
  handle(event) {
    const step = STEPS[this.state][event];
    switch (step) {
      case undefined: return;
      case 'lost':
      case 'broken':
        this.#fail(step);
        if (step === 'lost') this.#options.notify(step);
        break;
      case 'replace':
        if (this.#options.isReady()) this.#replace(false);
        else this.#postpone(0);
        break;
      case 'restarting':
        if (!this.#options.isReady()) {
          this.#enter('disconnected', 0);
          break;
        }
        this.#enter(step);
        this.#options.restart();
        break;
      case 'request':
        this.#enter('connecting');
        this.#options.requestOffer();
        break;
      default:
        if (step === 'connected') {
          this.#shownOtherwise = 'reconnecting';
          if (this.state === step) this.#failures = 0;
        }
        this.#enter(step);
    }
    this.#show();
  }

  /** The other page exceeds its limits, or the browser makes no connection. The next attempt is not soon. */
  refuse() {
    if (this.state === 'closed') return;
    this.#fail('broken', SHOWN_FAILURES);
    this.#show();
  }

  /**
   * The other page has started a new connection.
   *
   * @returns {boolean} whether this page may start one, too
   */
  renew() {
    const isAllowed = this.#replace(true);
    this.#show();
    return isAllowed;
  }

  close() {
    this.#enter('closed');
  }

  /**
   * @param {'lost' | 'broken'} state
   * @param {number} [min] the failures that it counts as at least
   */
  #fail(state, min = 0) {
    if (this.state !== 'lost' && this.state !== 'broken') this.#failures += 1;
    this.#failures = Math.max(this.#failures, min);
    // The first time at once, then at growing intervals.
    this.#enter(state, Math.min(MAX_DELAY_MS, this.#failures < 2 ? 1 : 250 * 3 ** this.#failures));
  }

  /** @param {boolean} byRemote */
  #replace(byRemote) {
    const wait = this.#replacements.tryTake(this.#env.now(), 1);
    if (wait === 0) {
      this.#enter('waiting');
      this.#options.replace(byRemote);
    } else if (!byRemote) this.#postpone(wait);
    return wait === 0;
  }

  /**
   * A replacement is not allowed yet. In `waiting`, the connection may still be made meanwhile.
   *
   * @param {number} ms until it is; 0 if `wake` will tell
   */
  #postpone(ms) {
    this.#enter(this.state === 'waiting' || this.state === 'lost' ? 'lost' : 'broken', ms);
  }

  /**
   * @param {RecoveryState} state
   * @param {number} [ms] until `elapsed`; at 0, there is no timer
   */
  #enter(state, ms = this.#duration(state)) {
    this.#env.clearTimeout(this.#timer);
    this.state = state;
    this.#timer = ms === 0 ? null : this.#env.setTimeout(() => this.handle('elapsed'), ms);
  }

  #show() {
    /** @type {TransportState} */
    let shown = this.#shownOtherwise;
    if (this.state === 'connected') shown = this.state;
    else if (this.#failures >= SHOWN_FAILURES && this.state !== 'disconnected' && this.state !== 'restarting') shown = 'failed';
    if (shown === this.shown || this.state === 'closed') return;
    this.shown = shown;
    this.#options.notify('changed');
  }

  /** @param {RecoveryState} state */
  #duration(state) {
    const ms = DURATIONS[state] ?? 0;
    // The impolite side replaces first in most cases, and waits without a timer until the limiter lets it offer.
    if (this.#options.polite) return ms * 1.5;
    return state === 'waiting' ? 0 : ms;
  }
}

/** @typedef {'started' | 'connected' | 'disconnected' | 'failed' | 'dead' | 'broken' | 'elapsed' | 'wake' | 'loss'} Event */
/** @typedef {'waiting' | 'connecting' | 'connected' | 'disconnected' | 'restarting' | 'lost' | 'broken' | 'closed'} RecoveryState */

/** The next state, or the step to take. @type {Record<RecoveryState, Partial<Record<Event, RecoveryState | 'request' | 'replace'>>>} */
const STEPS = {
  waiting: { started: 'connecting', elapsed: 'request', loss: 'replace' },
  connecting: {
    started: 'connecting', connected: 'connected', failed: 'restarting', dead: 'lost', broken: 'broken', elapsed: 'lost',
    loss: 'replace',
  },
  connected: { disconnected: 'disconnected', failed: 'restarting', dead: 'lost', broken: 'broken', elapsed: 'connected' },
  disconnected: {
    connected: 'connected', failed: 'restarting', dead: 'lost', broken: 'broken', elapsed: 'restarting', wake: 'restarting',
    loss: 'replace',
  },
  restarting: { connected: 'connected', dead: 'lost', broken: 'broken', elapsed: 'lost', loss: 'replace' },
  lost: {
    started: 'connecting', connected: 'connected', broken: 'broken', elapsed: 'replace', wake: 'replace', loss: 'replace',
  },
  broken: { elapsed: 'replace', wake: 'replace', loss: 'replace' },
  closed: {},
};

/** How long the states last on the impolite side, in milliseconds. @type {Partial<Record<RecoveryState, number>>} */
const DURATIONS = {
  waiting: 4000,
  // Gathering, checks over TURN, DTLS.
  connecting: 15_000,
  // A connection that works for so long is a success, whatever was before.
  connected: 60_000,
  // Longer than after a dropped packet.
  disconnected: 3000,
  restarting: 12_000,
};

/** After this many failures in a row, pages see `failed`: a minute and a half after the first attempt. */
const SHOWN_FAILURES = 4;

/** Finds a network again after hours, at six connections an hour until then. */
const MAX_DELAY_MS = 600_000;

/** More than a healthy pair needs, and few enough for the browser to collect closed ones. */
const MAX_REPLACEMENTS = 6;
const REPLACEMENTS_PER_SECOND = 0.1;
