// The list of the people in the room.

import { byId, fromTemplate } from './dom.js';
import { paintAvatar } from './person.js';
import { FAILED_HELP, stateText } from './tile.js';

export class People {
  #list = byId('people-list');
  #rows = new Map();

  constructor() {
    this.#list.replaceChildren();
    this.setTotal(1);
  }

  /** Adds or changes a person; `key` as in Tiles. */
  update(key, person, isSelf) {
    let row = this.#rows.get(key);
    if (row === undefined) {
      row = fromTemplate('person-template');
      this.#rows.set(key, row);
      row.querySelector('.you').hidden = !isSelf;
      if (isSelf) row.setAttribute('aria-current', 'true');
      if (isSelf) this.#list.prepend(row);
      else this.#list.append(row);
    }
    const { name, audio, video, screen, connection, status } = person;
    paintAvatar(row.querySelector('.avatar'), name);
    row.querySelector('bdi').textContent = name;
    const state = stateText(connection, status);
    const place = row.querySelector('.person-state');
    place.textContent = state === '' && screen ? 'Sharing the screen' : state;
    place.title = connection === 'failed' ? FAILED_HELP : '';
    row.dataset.audio = audio ? 'on' : 'off';
    row.dataset.video = video || screen ? 'on' : 'off';
    const facts = [audio ? '' : 'microphone off', video || screen ? '' : 'camera off'].filter((fact) => fact !== '');
    row.querySelector('.person-facts').textContent = facts.join(', ');
  }

  remove(key) {
    this.#rows.get(key)?.remove();
    this.#rows.delete(key);
  }

  /** How many people there are. Some may have no row. */
  setTotal(total) {
    byId('people-count').textContent = String(total);
    byId('toggle-people').title = `People: ${total} (P)`;
    const more = total - Math.max(1, this.#rows.size);
    byId('people-more').hidden = more === 0;
    byId('people-more').textContent = `and ${more} more`;
  }

  setSpeaking(key, speaking) {
    this.#rows.get(key)?.toggleAttribute('data-speaking', speaking);
  }
}
