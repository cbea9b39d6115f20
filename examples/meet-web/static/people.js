// The list of who is in the room.

import { byId, fromTemplate } from './dom.js';
import { paintAvatar } from './person.js';
import { stateText } from './tile.js';

export class People {
  #list = byId('people-list');
  #rows = new Map();

  constructor() {
    this.#list.replaceChildren();
    this.#count();
  }

  /** Adds or changes a person; `key` as in Tiles. */
  update(key, person, isSelf) {
    let row = this.#rows.get(key);
    if (row === undefined) {
      row = fromTemplate('person-template');
      this.#rows.set(key, row);
      if (isSelf) this.#list.prepend(row);
      else this.#list.append(row);
      this.#count();
    }
    const { name, audio, video, screen, connection, status } = person;
    paintAvatar(row.querySelector('.avatar'), name);
    row.querySelector('.person-name').textContent = isSelf ? `${name} (you)` : name;
    const state = stateText(connection, status);
    row.querySelector('.person-state').textContent = state === '' && screen ? 'Sharing the screen' : state;
    row.dataset.audio = audio ? 'on' : 'off';
    row.dataset.video = video || screen ? 'on' : 'off';
    const facts = [audio ? '' : 'microphone off', video || screen ? '' : 'camera off'].filter((fact) => fact !== '');
    row.querySelector('.person-facts').textContent = facts.join(', ');
  }

  remove(key) {
    this.#rows.get(key)?.remove();
    this.#rows.delete(key);
    this.#count();
  }

  setSpeaking(key, speaking) {
    this.#rows.get(key)?.toggleAttribute('data-speaking', speaking);
  }

  #count() {
    const count = Math.max(1, this.#rows.size);
    byId('people-count').textContent = String(count);
    byId('toggle-people').title = `People: ${count} (P)`;
  }
}
