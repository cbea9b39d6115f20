// The previous session, which may still be in the room.

import { sendLeave } from './send-leave.js';
import { TabTicket } from './tab-ticket.js';

/**
 * Prevents that a person appears twice: ends a previous session that may still be in the room, or lets the next session
 * replace it. The previous session belongs to this page, or to the page before it in the same tab.
 */
export class PreviousSession {
  /** @type {string | null} */
  ticket = null;
  #env;
  #url = '';
  /** @type {TabTicket | null} */
  #tab = null;
  /** Cancels a `leave` that is being sent. */
  #leaving = new AbortController();

  /** @param {import('./environment.js').Environment} env */
  constructor(env) {
    this.#env = env;
  }

  /**
   * Another session starts, and will replace the previous one.
   *
   * @param {string} url of the room
   */
  replace(url) {
    this.#leaving.abort();
    this.#url = url;
    this.#tab = new TabTicket(this.#env, url);
    this.ticket = this.#tab.take() ?? this.ticket;
  }

  /**
   * The page is being unloaded. The next page of the tab will replace its session.
   *
   * @param {string | null} ticket of the current session
   */
  hide(ticket) {
    const stored = ticket ?? this.ticket;
    if (stored !== null) this.#tab?.store(stored);
  }

  /**
   * The page is back with its session. A session that another page of this tab has left meanwhile will be replaced.
   *
   * @param {string | null} ticket of the current session
   */
  restore(ticket) {
    const stored = this.#tab?.take() ?? null;
    if (stored !== ticket) this.ticket = stored ?? this.ticket;
  }

  /**
   * The page leaves its session.
   *
   * @param {import('./connection.js').Connection | null} connection
   * @param {string | null} ticket of the session, if it is known; otherwise `connection` would have replaced the previous one
   * @param {number} withinMs how long the server keeps a session without a connection
   */
  async leave(connection, ticket, withinMs) {
    const left = this.ticket = ticket ?? this.ticket;
    const { signal } = this.#leaving = new AbortController();
    const url = this.#url;
    let handled = (await connection?.leave()) === true && ticket !== null;
    if (!handled && left !== null) handled = await sendLeave(this.#env, { url, ticket: left, withinMs, signal });
    if (handled && this.ticket === left) this.ticket = null;
  }
}
