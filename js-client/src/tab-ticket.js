// The ticket of the session before a reload, in the storage of the tab.

/**
 * A page stores its ticket when it is unloaded. The next page of the tab replaces its session in the room instead of joining
 * beside it.
 *
 * The ticket is stored only from the `pagehide` of one page to the join of the next: a tab that is duplicated while its page
 * is open copies no ticket, and so does not replace the original.
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
  store(ticket) {
    this.#try((storage) => storage.setItem(this.#key, ticket));
  }

  /** Removes the stored ticket, and returns it. */
  take() {
    return this.#try((storage) => {
      const ticket = storage.getItem(this.#key);
      storage.removeItem(this.#key);
      return ticket;
    }) ?? null;
  }

  /**
   * Storage can be full or blocked. After a reload a person then appears twice until the grace period is over.
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
