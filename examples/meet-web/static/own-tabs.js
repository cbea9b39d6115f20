// The other tabs of this browser in the same meeting.

/** They have the same identity, so a host must not block them: it would block this page, too. */
export class OwnTabs {
  #ids = new Set();

  constructor(room, signal) {
    const channel = new BroadcastChannel(`meet ${location.pathname}`);
    const tell = (asks) => channel.postMessage({ id: room.self.id, asks });
    channel.addEventListener('message', ({ data: { id, asks } }) => {
      this.#ids.add(id);
      if (asks) tell(false);
    }, { signal });
    // A new session has another id.
    room.on('statechange', ({ detail }) => {
      if (detail.state === 'joined') tell(true);
    }, { signal });
    signal.addEventListener('abort', () => channel.close(), { once: true });
    tell(true);
  }

  has(id) {
    return this.#ids.has(id);
  }
}
