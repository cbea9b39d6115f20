// Who asks to join, for hosts: a request for each, with Admit and Deny.

import { ask } from './ask.js';
import { byId, fromTemplate, isolate } from './dom.js';
import { oncePerFrame } from './frame.js';
import { nameOf } from './person.js';
import { isolated } from './text.js';

export class Requests {
  #room;
  #attempt;
  #section = byId('requests');
  #list = byId('requests-list');
  /** By `room.knocking`'s entry: another one if the person has another name by now. */
  #rows = new Map();
  #draw = oncePerFrame(() => this.#drawAll());
  #signal;

  /** `attempt` runs a function of the room that may throw, and says so; `tell(name)` announces somebody who asks. */
  constructor(room, { attempt, tell }, signal) {
    this.#room = room;
    this.#attempt = attempt;
    this.#signal = signal;
    this.#list.replaceChildren();
    byId('requests-all').addEventListener('click', () => attempt(() => room.admitAll()), { signal });
    room.on('knock', ({ detail: { peer } }) => {
      tell(nameOf(peer.meta));
      this.#draw();
    }, { signal });
    room.on('knockgone', () => this.#draw(), { signal });
    signal.addEventListener('abort', () => { this.#section.hidden = true; }, { once: true });
    for (const { meta } of room.knocking.values()) tell(nameOf(meta));
    this.#draw();
  }

  #drawAll() {
    if (this.#signal.aborted) return;
    const shown = [...this.#room.knocking.values()].slice(0, MAX_SHOWN);
    const orphaned = this.#removeGone(new Set(shown));
    for (const peer of shown) {
      if (!this.#rows.has(peer)) this.#add(peer);
    }
    const { size } = this.#room.knocking;
    const hadFocus = orphaned || (size < 2 && document.activeElement === byId('requests-all'));
    this.#section.hidden = size === 0;
    byId('requests-all').hidden = size < 2;
    byId('requests-all').textContent = `Admit all (${size})`;
    byId('requests-more').hidden = size <= MAX_SHOWN;
    byId('requests-more').textContent = `and ${size - MAX_SHOWN} more`;
    // Not a button of the next request: a key that is pressed twice would decide that, too.
    if (hadFocus) (this.#list.firstElementChild ?? byId('call-title')).focus();
  }

  /** Returns whether one of them had the focus. */
  #removeGone(peers) {
    let hadFocus = false;
    for (const [peer, row] of this.#rows) {
      if (peers.has(peer)) continue;
      hadFocus ||= row.contains(document.activeElement);
      row.remove();
      this.#rows.delete(peer);
    }
    return hadFocus;
  }

  #add(peer) {
    const { id, meta } = peer;
    const name = nameOf(meta);
    const row = fromTemplate('request-template');
    row.querySelector('bdi').textContent = name;
    const [admit, deny] = row.querySelectorAll('button');
    admit.setAttribute('aria-label', `Admit ${isolated(name)}`);
    deny.setAttribute('aria-label', `Deny ${isolated(name)}`);
    admit.addEventListener('click', () => this.#attempt(() => this.#room.admit(id)));
    deny.addEventListener('click', () => this.#deny(peer, name));
    this.#rows.set(peer, row);
    this.#list.append(row);
  }

  async #deny(peer, name) {
    const reason = await ask({ content: ['Deny ', isolate(name), '?'], text: 'They are told that they were not let in. They may ask again.', yes: 'Deny' });
    // Gone, or let in by another host, meanwhile.
    if (reason !== null && this.#room.knocking.has(peer.id)) this.#attempt(() => this.#room.deny(peer.id, reason || undefined));
    // The dialog gives the focus back to a button that may be gone.
    if (!this.#rows.has(peer) && document.activeElement === document.body) (this.#list.firstElementChild ?? byId('call-title')).focus();
  }
}

/** Of a lobby that somebody fills with requests. */
const MAX_SHOWN = 20;
