// The chat: messages to everybody who is in the room, over signaling.

import { byId } from './dom.js';
import { notify, withdraw } from './notices.js';
import { nameOf } from './person.js';

export class Chat {
  #room;
  #panel;
  #ownName;
  #log = byId('chat-log');
  #input = byId('chat-input');
  #unread = 0;
  #last = { author: null, at: 0 };

  /** `ownName` returns the name of now. */
  constructor(room, panel, ownName, signal) {
    this.#room = room;
    this.#panel = panel;
    this.#ownName = ownName;
    this.#log.replaceChildren();
    this.#input.value = '';
    this.#resizeInput();

    byId('chat-form').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#send();
    }, { signal });
    this.#input.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#send();
    }, { signal });
    this.#input.addEventListener('input', () => this.#resizeInput(), { signal });
    panel.addEventListener('change', () => this.#panelChanged(), { signal });
    room.on('message', ({ detail }) => this.#receive(detail), { signal });
    this.#panelChanged();
  }

  #send() {
    const text = this.#input.value.trim();
    if (text === '') return;
    try {
      this.#room.broadcast({ chat: text });
    } catch (error) {
      notify(`Your message was not sent (${error.message}).`, { key: 'chat' });
      return;
    }
    this.#input.value = '';
    this.#resizeInput();
    this.#append({ author: 'self', name: `${this.#ownName()} (you)`, text });
  }

  #receive({ peer, data }) {
    // Whatever another browser sends: only text of a sensible length is shown, and only as text.
    if (typeof data?.chat !== 'string' || data.chat.trim() === '') return;
    const text = data.chat.slice(0, MAX_LENGTH);
    const name = nameOf(peer.meta);
    this.#append({ author: peer.id, name, text });
    if (this.#panel.current === 'chat') return;
    this.#unread += 1;
    this.#showUnread();
    notify(`${name}: ${text.length > 80 ? `${text.slice(0, 80)}…` : text}`, { key: 'chat message' });
  }

  #append({ author, name, text }) {
    const now = new Date();
    const atEnd = this.#log.scrollHeight - this.#log.scrollTop - this.#log.clientHeight < NEAR_END;

    const message = document.createElement('div');
    message.className = 'message';
    message.toggleAttribute('data-own', author === 'self');
    // Name and time once for several messages in a row.
    const follows = this.#last.author === author && now - this.#last.at < GROUP_MS;
    if (!follows) message.append(heading(name, now));
    const body = document.createElement('p');
    body.textContent = text;
    message.append(body);

    this.#last = { author, at: now };
    this.#log.append(message);
    while (this.#log.childElementCount > MAX_MESSAGES) this.#log.firstElementChild.remove();
    if (atEnd || author === 'self') this.#log.scrollTop = this.#log.scrollHeight;
  }

  #panelChanged() {
    if (this.#panel.current === 'chat') {
      this.#unread = 0;
      withdraw('chat message');
      this.#log.scrollTop = this.#log.scrollHeight;
    }
    this.#showUnread();
  }

  #showUnread() {
    const badge = byId('chat-unread');
    badge.hidden = this.#unread === 0;
    badge.textContent = this.#unread > 99 ? '99+' : String(this.#unread);
    const title = this.#unread === 0 ? 'Chat (C)' : `Chat, ${this.#unread} unread (C)`;
    byId('toggle-chat').title = title;
  }

  #resizeInput() {
    this.#input.style.height = 'auto';
    this.#input.style.height = `${this.#input.scrollHeight + 2}px`;
  }
}

function heading(name, now) {
  const head = document.createElement('header');
  const author = document.createElement('strong');
  author.textContent = name;
  const time = document.createElement('time');
  time.dateTime = now.toISOString();
  time.textContent = now.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
  head.append(author, ' ', time);
  return head;
}

/** The same as the input's maxlength. */
const MAX_LENGTH = 2000;
/** A call of hours must not fill the page's memory. */
const MAX_MESSAGES = 500;
const GROUP_MS = 2 * 60 * 1000;
const NEAR_END = 60;
