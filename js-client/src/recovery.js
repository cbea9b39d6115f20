// What is done about a connection that does not work, and when.

import { TokenBucket } from './pace.js';

/** @typedef {'connecting' | 'connected' | 'reconnecting' | 'failed'} LinkState */

/**
 * @typedef {object} RecoveryOptions
 * @property {boolean} polite
 * @property {import('./environment.js').Environment} env
 * @property {() => boolean} isReady whether signaling gets through to the other page now
 * @property {() => void} ask asks the other page for its first offer
 * @property {() => void} restart looks for another way through the network, with the same connection
 * @property {(told: boolean) => void} replace begins a new connection; `told` where the other page has begun one
 * @property {(event: 'lost' | 'changed') => void} tell `lost`: no way was found in time; `changed`: `shown` has
 */

/**
 * The recovery of one link, as a state machine. Each state has at most one timer, which ends with the state.
 *
 * Two kinds of trouble are kept apart. Where there is *no way through the network* (`disconnected`, `restarting`, `lost`),
 * a connection that is `connected` ends it. A *broken* negotiation is not ended by that: the connection may well send
 * what was negotiated before, but will take nothing new.
 *
 * | state          | its timer                           | connected   | disconnected   | failed       | broken   | elapsed      | wake         | doubt     |
 * |----------------|-------------------------------------|-------------|----------------|--------------|----------|--------------|--------------|-----------|
 * | `waiting`      | polite: for the first offer         |             |                |              |          | asks, `connecting` |        | *replace* |
 * | `connecting`   | for a way                           | `connected` |                | `restarting` | `broken` | `lost`       |              | *replace* |
 * | `connected`    | until failures are forgotten        |             | `disconnected` | `restarting` | `broken` | forgets them |              |           |
 * | `disconnected` | for it to come back by itself       | `connected` |                | `restarting` | `broken` | `restarting` | `restarting` | *replace* |
 * | `restarting`   | for another way                     | `connected` |                |              | `broken` | `lost`       |              | *replace* |
 * | `lost`         | longer with each failure            | `connected` |                |              | `broken` | *replace*    | *replace*    | *replace* |
 * | `broken`       | the same                            |             |                |              |          | *replace*    | *replace*    | *replace* |
 *
 * - `begun`, a connection was made: to `connecting`, from `waiting`, `connecting` and `lost`. `refused`, the other page
 *   asks too much or the browser makes no connection: to `broken` from anywhere, as after many failures. `renewed`, the
 *   other page has begun a new connection: *replace* from anywhere.
 * - *replace* begins a new connection and is `waiting` for it. More than a few a minute are not begun: it stays, or is
 *   `broken`, until one more may be.
 * - What needs signaling while that does not get through is not done: `restarting` is `disconnected` then, and `lost` and
 *   `broken` stay, without a timer. `wake` (signaling gets through, or the network has changed) judges anew.
 * - Pages see `connected` where it is; from a few failures in a row on `failed` where `disconnected` and `restarting` are
 *   not the state; else `connecting` before the first time, and `reconnecting` after it.
 */
export class Recovery {
  #options;
  #env;
  /** @type {RecoveryState} */
  state = 'closed';
  /** What pages see. @type {LinkState} */
  shown = 'connecting';
  /** @type {any} */
  #timer = null;
  /** Connections that were given up since the last one that worked for some time. */
  #failures = 0;
  /** What pages see while it does not work. @type {LinkState} */
  #otherwise = 'connecting';
  #replacements = new TokenBucket(REPLACEMENTS_A_SECOND, MOST_REPLACEMENTS);

  /** @param {RecoveryOptions} options */
  constructor(options) {
    this.#options = options;
    this.#env = options.env;
    this.#enter('waiting');
  }

  /** @param {Event} event */
  tell(event) {
    const step = STEPS[this.state][event];
    switch (step) {
      case undefined: return;
      case 'lost':
      case 'broken':
        this.#fail(step);
        if (step === 'lost') this.#options.tell(step);
        break;
      case 'replace':
        if (this.#options.isReady()) this.#begin(false);
        else this.#enter(this.state === 'lost' ? 'lost' : 'broken', 0);
        break;
      case 'restarting':
        if (!this.#options.isReady()) {
          this.#enter('disconnected', 0);
          break;
        }
        this.#enter(step);
        this.#options.restart();
        break;
      case 'asked':
        this.#enter('connecting');
        this.#options.ask();
        break;
      default:
        if (step === 'connected') {
          this.#otherwise = 'reconnecting';
          if (this.state === step) this.#failures = 0;
        }
        this.#enter(step);
    }
    this.#show();
  }

  /** The other page asks too much, or the browser makes no connection: this is not tried again soon. */
  refuse() {
    if (this.state === 'closed') return;
    this.#fail('broken', FEW);
    this.#show();
  }

  /**
   * The other page has begun a new connection.
   *
   * @returns {boolean} whether there may be one here, too
   */
  renew() {
    const isNew = this.#begin(true);
    this.#show();
    return isNew;
  }

  close() {
    this.#enter('closed');
  }

  /**
   * @param {'lost' | 'broken'} state
   * @param {number} [least] how many failures it counts as
   */
  #fail(state, least = 0) {
    if (this.state !== 'lost' && this.state !== 'broken') this.#failures += 1;
    this.#failures = Math.max(this.#failures, least);
    // The first time at once, then ever more slowly.
    this.#enter(state, Math.min(MOST_DELAY_MS, this.#failures < 2 ? 1 : 250 * 3 ** this.#failures));
  }

  /** @param {boolean} told */
  #begin(told) {
    const wait = this.#replacements.tryTake(this.#env.now(), 1);
    if (wait === 0) {
      this.#enter('waiting');
      this.#options.replace(told);
    } else if (!told) this.#enter(this.state === 'lost' ? 'lost' : 'broken', wait);
    return wait === 0;
  }

  /**
   * @param {RecoveryState} state
   * @param {number} [ms] until `elapsed`; at 0, there is no timer
   */
  #enter(state, ms = this.#duration(state)) {
    this.#env.clearTimeout(this.#timer);
    this.state = state;
    this.#timer = ms === 0 ? null : this.#env.setTimeout(() => this.tell('elapsed'), ms);
  }

  #show() {
    /** @type {LinkState} */
    let shown = this.#otherwise;
    if (this.state === 'connected') shown = this.state;
    else if (this.#failures >= FEW && this.state !== 'disconnected' && this.state !== 'restarting') shown = 'failed';
    if (shown === this.shown || this.state === 'closed') return;
    this.shown = shown;
    this.#options.tell('changed');
  }

  /** @param {RecoveryState} state */
  #duration(state) {
    const ms = DURATIONS[state] ?? 0;
    // So that it is mostly the other side that replaces. It waits for its turn to offer without a timer.
    if (this.#options.polite) return ms * 1.5;
    return state === 'waiting' ? 0 : ms;
  }
}

/** @typedef {'begun' | 'connected' | 'disconnected' | 'failed' | 'broken' | 'elapsed' | 'wake' | 'doubt'} Event */
/** @typedef {'waiting' | 'connecting' | 'connected' | 'disconnected' | 'restarting' | 'lost' | 'broken' | 'closed'} RecoveryState */

/** What follows upon an event: a state, or what is done. @type {Record<RecoveryState, Partial<Record<Event, RecoveryState | 'asked' | 'replace'>>>} */
const STEPS = {
  waiting: { begun: 'connecting', elapsed: 'asked', doubt: 'replace' },
  connecting: {
    begun: 'connecting', connected: 'connected', failed: 'restarting', broken: 'broken', elapsed: 'lost', doubt: 'replace',
  },
  connected: { disconnected: 'disconnected', failed: 'restarting', broken: 'broken', elapsed: 'connected' },
  disconnected: {
    connected: 'connected', failed: 'restarting', broken: 'broken', elapsed: 'restarting', wake: 'restarting', doubt: 'replace',
  },
  restarting: { connected: 'connected', broken: 'broken', elapsed: 'lost', doubt: 'replace' },
  lost: {
    begun: 'connecting', connected: 'connected', broken: 'broken', elapsed: 'replace', wake: 'replace', doubt: 'replace',
  },
  broken: { elapsed: 'replace', wake: 'replace', doubt: 'replace' },
  closed: {},
};

/** How long the states last on the impolite side, in milliseconds. @type {Partial<Record<RecoveryState, number>>} */
const DURATIONS = {
  waiting: 4000,
  // Gathering, checks over TURN, DTLS.
  connecting: 15_000,
  // A connection that works for so long is a success, whatever was before.
  connected: 60_000,
  // For longer, it is not a dropped packet.
  disconnected: 3000,
  restarting: 12_000,
};

/** From so many failures in a row on, pages see `failed`: a minute and a half after the first try. */
const FEW = 4;

/** A network that is away for hours is found when it is back, and costs six connections an hour until then. */
const MOST_DELAY_MS = 600_000;

/** More than a healthy pair needs, and few enough for the browser to collect those that were closed. */
const MOST_REPLACEMENTS = 6;
const REPLACEMENTS_A_SECOND = 0.1;
