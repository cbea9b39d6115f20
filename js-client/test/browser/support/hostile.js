// A hostile participant: a tab with a WebSocket that runs none of the client's code.

export class Hostile {
  #context;
  #page;

  constructor(context, page) {
    this.#context = context;
    this.#page = page;
  }

  /** Joins the room after everybody else, so that the others are polite: they wait for its offer. */
  static async join(browsers, { server, room, kind = 'chromium' }) {
    const context = await browsers.context(kind);
    const page = await context.newPage();
    await page.goto(server.url('/'));
    await page.evaluate(joinRaw, room);
    return new Hostile(context, page);
  }

  /** Sends each message to all that were there before, `everyMs` apart if that is given. */
  async sends(messages, everyMs = 0) {
    await this.#page.evaluate(async (all, pause) => {
      for (const data of all) {
        for (const to of window.victims) window.socket.send(JSON.stringify({ type: 'signal', to, data, ref: 1 }));
        if (pause > 0) await new Promise((resolve) => { setTimeout(resolve, pause); });
      }
    }, messages, everyMs);
  }

  /** To all, as a chat does. Repeats it if the queue of a peer is full because of the attack. */
  async says(data) {
    await this.#page.evaluate((said) => {
      const say = () => window.socket.send(JSON.stringify({ type: 'broadcast', data: said, ref: 2 }));
      window.socket.addEventListener('message', ({ data: text }) => {
        const { type, ref, code } = JSON.parse(text);
        const isRefused = code === 'peer-unreachable' || code === 'rate-limited';
        if (type === 'error' && ref === 2 && isRefused) setTimeout(say, 200);
      });
      say();
    }, data);
  }

  /** Makes a real connection to the peer that was there before, then calls `then`. */
  async connects(then) {
    await this.#page.evaluate(connectRaw);
    await this.#page.evaluate(then);
  }

  async id() {
    return this.#page.evaluate(() => window.id);
  }

  async close() {
    await this.#context.close();
  }
}

/** An offer like a browser's, with any number of sections. `more` is added to each. */
export function offer({ sections = 1, ufrag = 'abcd', named = String, more = () => [] } = {}) {
  const mids = Array.from({ length: sections }, (_, index) => named(index));
  return [
    'v=0', 'o=- 1 2 IN IP4 127.0.0.1', 's=-', 't=0 0', `a=group:BUNDLE ${mids.join(' ')}`,
    ...mids.flatMap((mid) => [
      'm=audio 9 UDP/TLS/RTP/SAVPF 111', 'c=IN IP4 0.0.0.0', 'a=rtcp:9 IN IP4 0.0.0.0', `a=ice-ufrag:${ufrag}`,
      'a=ice-pwd:abcdefghijklmnopqrstuvwx', `a=fingerprint:sha-256 ${Array(32).fill('AB').join(':')}`,
      'a=setup:actpass', `a=mid:${mid}`, 'a=sendrecv', 'a=rtcp-mux', 'a=rtpmap:111 opus/48000/2', ...more(mid),
    ]),
    '',
  ].join('\r\n');
}

/** A message with an offer. */
export function offering(epoch, offerId, init) {
  return { epoch, to: null, description: { type: 'offer', sdp: offer(init) }, offerId };
}

function joinRaw(room) {
  return new Promise((resolve) => {
    window.socket = new WebSocket(`${location.origin.replace('http', 'ws')}/signal/${room}`, 'meet-signal.v1');
    window.signals = [];
    window.socket.onopen = () => window.socket.send(JSON.stringify({ type: 'join', meta: { name: 'Mallory' } }));
    window.socket.onmessage = ({ data }) => {
      const frame = JSON.parse(data);
      if (frame.type === 'ping') window.socket.send(JSON.stringify({ type: 'pong', received: 0 }));
      if (frame.type === 'signal') {
        window.signals.push(frame.data);
        window.onsignal?.(frame.data);
      }
      if (frame.type !== 'welcome') return;
      window.id = frame.self.id;
      window.victims = frame.peers.map(({ id }) => id);
      resolve();
    };
  });
}

async function connectRaw() {
  const pc = new RTCPeerConnection();
  window.pc = pc;
  window.control = pc.createDataChannel('control', { negotiated: true, id: 0 });
  for (const kind of ['audio', 'video']) pc.addTransceiver(kind);
  const send = (data) => {
    window.socket.send(JSON.stringify({ type: 'signal', to: window.victims[0], data: { epoch: 1, to: null, ...data }, ref: 1 }));
  };
  window.onsignal = async ({ description, candidates = [] }) => {
    if (description?.type === 'answer') await pc.setRemoteDescription({ type: 'answer', sdp: description.sdp });
    for (const candidate of candidates) await pc.addIceCandidate(candidate);
  };
  pc.onicecandidate = ({ candidate }) => candidate && send({ candidates: [candidate.toJSON()] });
  await pc.setLocalDescription();
  send({ description: pc.localDescription, offerId: 1 });
  await new Promise((resolve) => { window.control.onopen = resolve; });
}
