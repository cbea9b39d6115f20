// A page with PeerJS. It chooses its own id, which saves the round trip that asks the server for one, and knows the ids of
// the others: PeerJS has no rooms.

globalThis.system = {
  load: loadScripts,

  async call({ id, others }) {
    const pictures = new Pictures(others.length);
    const show = (call) => call.on('stream', (stream) => pictures.add(stream));
    const start = performance.now();
    this.peer = new Peer(id, {
      host: location.hostname,
      port: Number(location.port),
      path: '/',
      config: { iceServers: [] },
    });
    this.peer.on('call', (call) => {
      call.answer(camera);
      show(call);
    });
    await new Promise((resolve, reject) => {
      this.peer.on('open', resolve);
      this.peer.on('error', reject);
    });
    const joined = performance.now();
    for (const other of others) show(this.peer.call(other, camera));
    return { start, joined, shown: await pictures.shown };
  },

  leave() {
    this.peer.destroy();
  },
};
