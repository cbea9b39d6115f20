// The panel with chat and people: beside the call on a wide screen, a sheet over it on a narrow one.

import { byId } from './dom.js';

/** Fires `change` when what it shows changes. `current` is 'chat', 'people' or null. */
export class Panel extends EventTarget {
  #element = byId('panel');
  #wide = matchMedia('(min-width: 720px)');
  #current = null;

  constructor(signal) {
    super();
    for (const name of Object.keys(TITLES)) {
      byId(`toggle-${name}`).addEventListener('click', () => this.toggle(name), { signal });
    }
    byId('panel-close').addEventListener('click', () => this.close(), { signal });
    byId('scrim').addEventListener('click', () => this.close(), { signal });
    this.#element.addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && !event.isComposing) this.close();
    }, { signal });
    this.#wide.addEventListener('change', () => this.#show(), { signal });
    signal.addEventListener('abort', () => this.#set(null), { once: true });
    this.#set(this.#wide.matches ? 'chat' : null);
  }

  get current() {
    return this.#current;
  }

  /** Opens this part, or closes the panel when it shows it already. */
  toggle(name) {
    if (this.#current === name) {
      this.close();
      return;
    }
    this.#set(name);
    const target = name === 'chat' ? byId('chat-input') : byId('panel-close');
    target.focus();
  }

  /** Closes, and gives the focus back to the button that opens it again. */
  close() {
    const opener = byId(`toggle-${this.#current ?? 'chat'}`);
    const hadFocus = this.#element.contains(document.activeElement);
    this.#set(null);
    if (hadFocus) opener.focus();
  }

  #set(name) {
    this.#current = name;
    this.#show();
    this.dispatchEvent(new Event('change'));
  }

  #show() {
    const open = this.#current !== null;
    const covers = open && !this.#wide.matches;
    this.#element.hidden = !open;
    byId('call').toggleAttribute('data-panel-open', open);
    byId('scrim').hidden = !covers;
    // What lies under a sheet cannot be reached, with the keyboard neither.
    for (const id of BENEATH) byId(id).inert = covers;
    for (const [name, title] of Object.entries(TITLES)) {
      byId(`toggle-${name}`).setAttribute('aria-expanded', String(this.#current === name));
      byId(name).hidden = this.#current !== name;
      if (this.#current === name) byId('panel-title').textContent = title;
    }
  }
}

const TITLES = { chat: 'Chat', people: 'People' };
const BENEATH = ['requests', 'stage', 'toolbar', 'copy-link'];
