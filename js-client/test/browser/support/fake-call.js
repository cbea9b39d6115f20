// A call of the Meet page with a fake room.

/**
 * Opens the view of the call on the room's page, which must be in its lobby. In the page, `window.room` has `join(id, …)`,
 * `leave(id)` and `fire(type, detail)` afterwards; `media` may be given to it in place of the devices.
 */
export async function openFakeCall(page) {
  await page.evaluate(async () => {
    const { Call } = await import('/assets/call.js');
    const { LocalMedia } = await import('/assets/devices.js');
    const { ScreenShare } = await import('/assets/screen.js');
    const { showView } = await import('/assets/views.js');

    class FakeRoom extends EventTarget {
      state = 'joined';
      self = { id: 'self', meta: { name: 'Ada' }, permissions: ['signal', 'broadcast'] };
      peers = new Map();
      knocking = new Map();
      lobby = false;
      locked = false;
      iceServers = [];
      updates = [];

      on(type, listener, options) {
        this.addEventListener(type, listener, options);
      }

      fire(type, detail) {
        this.dispatchEvent(new CustomEvent(type, { detail }));
      }

      join(id, meta = { name: `Peer ${id}` }, more = {}) {
        const peer = { id, meta, status: 'here', connection: 'connecting', sources: new Map(), ...more };
        this.peers.set(id, peer);
        this.fire('peerjoined', { peer });
        return peer;
      }

      change(id, news) {
        const peer = Object.assign(this.peers.get(id), news);
        this.fire('peerchanged', { peer });
      }

      leave(id) {
        const peer = this.peers.get(id);
        this.peers.delete(id);
        this.fire('peerleft', { peer, reason: 'left' });
      }

      update(meta) {
        this.updates.push(meta);
        this.self = { ...this.self, meta };
      }

      can(permission) {
        return this.self.permissions.includes(permission);
      }

      broadcast() {}
    }

    window.room = new FakeRoom();
    showView('call');
    window.call = new Call({ room: window.room, media: new LocalMedia(), screen: new ScreenShare(), level: { level: 0 } });
  });
}

/** Counts from now on the nodes that come into the page, at `window.added`, and into the notices, at `window.said`. */
export async function countNodes(page) {
  await page.evaluate(() => {
    window.added = 0;
    window.said = [];
    const count = (node) => 1 + Array.from(node.childNodes, count).reduce((sum, one) => sum + one, 0);
    new MutationObserver((changes) => {
      for (const { addedNodes, target } of changes) {
        for (const node of addedNodes) {
          window.added += count(node);
          if (target.id === 'notices') window.said.push(node.textContent);
        }
      }
    }).observe(document.body, { childList: true, subtree: true });
  });
}
