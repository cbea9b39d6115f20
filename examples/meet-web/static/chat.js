// The chat: messages to all peers in the room, by signaling.

import { byId, isolate } from './dom.js';
import { oncePerFrame } from './frame.js';
import { notify, withdraw } from './notices.js';
import { nameOf } from './person.js';
import { tidyMessage } from './text.js';

export class Chat {
  #room;
  #panel;
  #log = byId('chat-log');
  #input = byId('chat-input');
  #unread = 0;
  /** Messages with or without an element yet: `{ author, name, text, at, element }`. */
  #waiting = [];
  #drawn = [];
  #draw = oncePerFrame(() => this.#drawWaiting());
  /** What arrived since the last notice. */
  #news = { count: 0, last: null };

  constructor(room, panel, signal) {
    this.#room = room;
    this.#panel = panel;
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
    signal.addEventListener('abort', () => withdraw(NOTICE), { once: true });
    this.#panelChanged();
  }

  #send() {
    const text = tidyMessage(this.#input.value);
    if (text === '') return;
    try {
      this.#room.broadcast({ chat: text });
    } catch (error) {
      notify(`Your message was not sent (${error.message}).`, { key: 'chat' });
      return;
    }
    this.#input.value = '';
    this.#resizeInput();
    this.#append({ author: OWN, name: '', text });
  }

  #receive({ peer, data }) {
    // Untrusted data: only text of a limited length is shown, and only as text.
    const text = typeof data?.chat === 'string' ? tidyMessage(data.chat) : '';
    if (text === '') return;
    const name = nameOf(peer.meta);
    this.#append({ author: peer.id, name, text });
    this.#news = { count: this.#news.count + 1, last: { name, text } };
    const open = this.#panel.current === 'chat';
    notify(() => this.#newsToTell(), { key: NOTICE, quiet: open });
    if (open) return;
    this.#unread += 1;
    this.#showUnread();
  }

  #newsToTell() {
    const { count, last: { name, text } } = this.#news;
    this.#news = { count: 0, last: null };
    if (count > 1) return `${count} new messages`;
    return [isolate(name), ': ', isolate(text.length > 80 ? `${text.slice(0, 80)}…` : text)];
  }

  #append(message) {
    this.#waiting.push({ ...message, at: new Date(), element: null });
    if (this.#waiting.length > MAX_MESSAGES) this.#waiting.shift();
    this.#draw();
  }

  #drawWaiting() {
    const atEnd = this.#log.scrollHeight - this.#log.scrollTop - this.#log.clientHeight < NEAR_END;
    const messages = this.#waiting.splice(0);
    for (const message of messages) {
      message.element = elementOf(message);
      // Name and time once for several messages in a row.
      if (!follows(message, this.#drawn.at(-1))) message.element.prepend(heading(message));
      this.#drawn.push(message);
    }
    this.#log.append(...messages.map(({ element }) => element));
    this.#forgetOldest();
    if (atEnd || messages.some(({ author }) => author === OWN)) this.#log.scrollTop = this.#log.scrollHeight;
  }

  #forgetOldest() {
    let characters = 0;
    for (const { text } of this.#drawn) characters += text.length;
    let surplus = 0;
    while (this.#drawn.length - surplus > MAX_MESSAGES || characters > MAX_CHARACTERS) {
      characters -= this.#drawn[surplus].text.length;
      surplus += 1;
    }
    for (const { element } of this.#drawn.splice(0, surplus)) element.remove();
    const [first] = this.#drawn;
    if (first !== undefined && first.element.firstElementChild.localName !== 'header') first.element.prepend(heading(first));
  }

  #panelChanged() {
    if (this.#panel.current === 'chat') {
      this.#unread = 0;
      this.#news = { count: 0, last: null };
      withdraw(NOTICE);
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

/** Whether a message stands below another one without a heading of its own. */
function follows({ author, name, at }, before) {
  return before?.author === author && before.name === name && at - before.at < GROUP_MS;
}

function elementOf({ author, text }) {
  const message = document.createElement('div');
  message.className = 'message';
  message.toggleAttribute('data-own', author === OWN);
  const body = document.createElement('p');
  body.textContent = text;
  message.append(body);
  return message;
}

function heading({ author, name, at }) {
  const time = document.createElement('time');
  time.dateTime = at.toISOString();
  time.textContent = at.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
  const head = document.createElement('header');
  head.append(...(author === OWN ? [labelled('you', 'You')] : from(name)), ' ', time);
  return head;
}

/** For screen readers: distinguishes a peer with the name "You" from this page's person. */
function from(name) {
  const who = document.createElement('strong');
  who.append(isolate(name));
  return [labelled('visually-hidden', 'From '), who];
}

function labelled(className, text) {
  const element = document.createElement('span');
  element.className = className;
  element.textContent = text;
  return element;
}

/** No peer has this id. */
const OWN = Symbol('the own messages');
const NOTICE = 'chat message';
/** Limits the memory for a long call, and the time for a flood of long texts. */
const MAX_MESSAGES = 300;
const MAX_CHARACTERS = 100_000;
const GROUP_MS = 2 * 60 * 1000;
const NEAR_END = 60;
