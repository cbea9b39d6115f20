// A page with simple-peer over Socket.IO. Who joins connects to those that are there.

globalThis.system = {
  load: loadScripts,

  async call({ room, others }) {
    const pictures = new Pictures(others.length);
    const peers = new Map();
    const connect = (id, initiator) => {
      const peer = new SimplePeer({ initiator, stream: camera, config: { iceServers: [] } });
      peer.on('signal', (data) => this.socket.emit('signal', { to: id, data }));
      peer.on('stream', (stream) => pictures.add(stream));
      // Also when the other one closes its page.
      peer.on('error', () => {});
      peers.set(id, peer);
    };
    const start = performance.now();
    this.socket = io();
    this.socket.on('signal', ({ from, data }) => {
      if (!peers.has(from)) connect(from, false);
      peers.get(from).signal(data);
    });
    await new Promise((resolve) => { this.socket.on('connect', resolve); });
    const present = await this.socket.emitWithAck('join', room);
    const joined = performance.now();
    for (const id of present) connect(id, true);
    return { start, joined, shown: await pictures.shown };
  },

  leave() {
    this.socket.disconnect();
  },
};
