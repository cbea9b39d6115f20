// A page with meet-signal.

globalThis.system = {
  async load([url]) {
    this.client = await import(url);
  },

  /** Whether it has `prepare`. */
  canPrepare() {
    return typeof this.client.MeetRoom.prototype.prepare === 'function';
  },

  async call({ room, id, others, prepares, options }) {
    const pictures = new Pictures(others.length);
    this.room = new this.client.MeetRoom(`/signal/${room}`, { meta: { name: id }, ...options });
    this.room.on('sourceadded', ({ detail: { source } }) => pictures.add(source.stream));
    this.room.publish('camera', camera);
    if (prepares) await this.room.prepare();
    const start = performance.now();
    await this.room.join();
    return { start, joined: performance.now(), shown: await pictures.shown };
  },

  leave() {
    return this.room.leave();
  },
};
