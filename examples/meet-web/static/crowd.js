// Notices about peers: one sentence for simultaneous events of many.

import { isolate } from './dom.js';
import { notify, withdraw } from './notices.js';

/** Announces joins, leaves, requests to join and failed connections until `signal` is aborted. */
export class Crowd {
  /** By event: the first names since its last notice, and their number. */
  #since = new Map();

  constructor(signal) {
    signal.addEventListener('abort', () => Object.keys(SENTENCES).forEach(withdraw), { once: true });
  }

  /** `event` is a key of `SENTENCES`. */
  tell(event, name, { quiet = false } = {}) {
    const since = this.#since.get(event) ?? { names: [], count: 0 };
    this.#since.set(event, since);
    since.count += 1;
    if (since.names.length < MAX_NAMES) since.names.push(name);
    notify(() => this.#sentence(event), { key: event, quiet });
  }

  #sentence(event) {
    const { names, count } = this.#since.get(event);
    this.#since.delete(event);
    if (count > MAX_NAMES) return SENTENCES[event]([`${count} people`]);
    return SENTENCES[event](names.flatMap((name, index) => (index === 0 ? [isolate(name)] : [' and ', isolate(name)])));
  }
}

const SENTENCES = {
  joined: (who) => [...who, ' joined'],
  left: (who) => [...who, ' left'],
  knocking: (who) => ['Asking to join: ', ...who],
  failed: (who) => ['No connection to ', ...who, '. A firewall may be in the way. It is tried again from time to time.'],
  unrelayed: (who) => [
    'No connection to ', ...who, '. A firewall or a strict network is probably in the way. This site needs a TURN server to get past it,',
    ' and has none. It is tried again from time to time.',
  ],
  refused: (who) => ['The browser of ', ...who, ' sent something that cannot be shown.'],
};

const MAX_NAMES = 2;
