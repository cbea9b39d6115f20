// The session before this one, which may be in the room yet.

import { farewell } from './farewell.js';
import { TabTicket } from './tab-ticket.js';

/**
 * Sees to it that nobody is shown twice: a session that may not be gone is ended, or replaced by the one that follows.
 * It is one of this page, or that of the page before it in the same tab.
 */
export class FormerSession {
  /** @type {string | null} */
  ticket = null;
  #env;
  #url = '';
  /** @type {TabTicket | null} */
  #tab = null;
  /** Aborted when nothing is to be said of it any more. */
  #farewell = new AbortController();

  /** @param {import('./environment.js').Environment} env */
  constructor(env) {
    this.#env = env;
  }

  /**
   * Another session begins, which replaces it.
   *
   * @param {string} url of the room
   */
  follow(url) {
    this.#farewell.abort();
    this.#url = url;
    this.#tab = new TabTicket(this.#env, url);
    this.ticket = this.#tab.take() ?? this.ticket;
  }

  /**
   * The page goes away. What comes after it in the tab replaces its session.
   *
   * @param {string | null} ticket of the session that there is
   */
  hide(ticket) {
    const left = ticket ?? this.ticket;
    if (left !== null) this.#tab?.leave(left);
  }

  /**
   * The page is back, and with it its session. What another page of this tab has left in the meantime is replaced.
   *
   * @param {string | null} ticket of the session that there is
   */
  restore(ticket) {
    const left = this.#tab?.take() ?? null;
    if (left !== ticket) this.ticket = left ?? this.ticket;
  }

  /**
   * The page leaves its session.
   *
   * @param {import('./connection.js').Connection | null} connection that there is
   * @param {string | null} ticket of the session, if it is known; without one, `connection` would have replaced the former
   * @param {number} withinMs how long the server keeps a session without a connection
   */
  async leave(connection, ticket, withinMs) {
    const left = this.ticket = ticket ?? this.ticket;
    const { signal } = this.#farewell = new AbortController();
    const url = this.#url;
    let told = (await connection?.leave()) === true && ticket !== null;
    if (!told && left !== null) told = await farewell(this.#env, { url, ticket: left, withinMs, signal });
    if (told && this.ticket === left) this.ticket = null;
  }
}
