// The list of the people in the room.

import { byId, fromTemplate } from './dom.js';
import { paintAvatar } from './person.js';
import { isolated } from './text.js';
import { FAILED_HELP, stateText } from './tile.js';

export class People {
  #list = byId('people-list');
  #rows = new Map();
  #onAction;

  /** `onAction(key, action)`: a host has chosen an action for a person. */
  constructor(onAction) {
    this.#onAction = onAction;
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
      this.#bindActions(key, row);
    }
    const { name, audio, video, screen, connection, status, host = false, manageable = false } = person;
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
    row.querySelector('.host').hidden = !host;
    this.#showActions(row, { name, audio, host, manageable });
  }

  remove(key) {
    const row = this.#rows.get(key);
    if (row === undefined) return;
    const hadFocus = row.contains(document.activeElement);
    row.remove();
    this.#rows.delete(key);
    if (hadFocus) this.#list.focus();
  }

  #bindActions(key, row) {
    const more = row.querySelector('.person-more');
    const actions = row.querySelector('.person-actions');
    more.addEventListener('click', () => {
      actions.hidden = !actions.hidden;
      more.setAttribute('aria-expanded', String(!actions.hidden));
    });
    for (const button of actions.children) {
      button.addEventListener('click', () => this.#onAction(key, button.dataset.action));
    }
  }

  #showActions(row, { name, audio, host, manageable }) {
    const more = row.querySelector('.person-more');
    const actions = row.querySelector('.person-actions');
    const label = `Actions for ${isolated(name)}`;
    more.setAttribute('aria-label', label);
    actions.setAttribute('aria-label', label);
    actions.querySelector('[data-action="mute"]').hidden = !audio;
    actions.querySelector('[data-action="host"]').hidden = host;
    const hadFocus = !manageable && (more === document.activeElement || actions.contains(document.activeElement));
    more.hidden = !manageable;
    if (!manageable) {
      actions.hidden = true;
      more.setAttribute('aria-expanded', 'false');
    }
    if (hadFocus) this.#list.focus();
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
