// The ticket of the session before a reload.

/**
 * Where a page that goes away leaves its ticket for the page that comes after it in the same tab, which then takes its
 * place in the room instead of appearing beside it.
 *
 * It is there only from one page's `pagehide` to the next one's join: a tab that is duplicated while its page lives
 * inherits nothing, and so does not throw the original out.
 */
export class TabTicket {
  #storage;
  #key;

  /**
   * @param {import('./environment.js').Environment} env
   * @param {string} url of the room
   */
  constructor({ storage }, url) {
    this.#storage = storage;
    this.#key = `meet-signal ${url}`;
  }

  /** @param {string} ticket */
  leave(ticket) {
    this.#try((storage) => storage.setItem(this.#key, ticket));
  }

  /** The ticket that was left, which is gone then. */
  take() {
    return this.#try((storage) => {
      const ticket = storage.getItem(this.#key);
      storage.removeItem(this.#key);
      return ticket;
    }) ?? null;
  }

  /**
   * Storage can be full or forbidden; a reload then shows a person twice until the grace period is over.
   *
   * @template T
   * @param {(storage: NonNullable<import('./environment.js').Environment['storage']>) => T} step
   */
  #try(step) {
    if (this.#storage === null) return undefined;
    try {
      return step(this.#storage);
    } catch {
      return undefined;
    }
  }
}
