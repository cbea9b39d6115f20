// The network between two browsers, with faults.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';

/**
 * A page that is told of another one's ICE candidate is told of a port of this relay instead, which passes packets on in
 * both directions. Which port it is must be known at once, so they are opened beforehand.
 */
export class UdpRelay {
  #broken = false;
  /** @type {Map<number, import('node:dgram').Socket>} */
  #sockets = new Map();
  /** Where the packets of a port go to. @type {Map<number, { address: string, port: number }>} */
  #targets = new Map();

  static async start() {
    const relay = new UdpRelay();
    for (let i = 0; i < PORTS; i += 1) await relay.#open();
    return relay;
  }

  /** Nothing gets through any more. */
  break() {
    this.#broken = true;
  }

  mend() {
    this.#broken = false;
  }

  /** To be called before the page is opened. Each page has ports of its own. */
  async standBetween(page) {
    const ports = [...this.#sockets.keys()].slice(this.#given, this.#given + PORTS / 2);
    this.#given += PORTS / 2;
    await page.exposeFunction('relayTo', (port, address, target) => {
      this.#targets.set(port, { address, port: target });
    });
    await page.evaluateOnNewDocument(rewriteCandidates, ports);
  }

  #given = 0;

  async stop() {
    await Promise.all(Array.from(this.#sockets.values(), (socket) => {
      socket.close();
      return once(socket, 'close');
    }));
  }

  async #open() {
    const socket = createSocket('udp4');
    socket.bind(0);
    await once(socket, 'listening');
    const { port } = socket.address();
    this.#sockets.set(port, socket);
    let caller = null;
    socket.on('message', (packet, from) => {
      const target = this.#targets.get(port);
      if (this.#broken || target === undefined) return;
      if (from.address === target.address && from.port === target.port) {
        if (caller !== null) socket.send(packet, caller.port, caller.address);
      } else {
        caller = from;
        socket.send(packet, target.port, target.address);
      }
    });
    // A browser's port that is closed says so (ICMP); that is no fault of the relay's.
    socket.on('error', () => {});
  }
}

/** Runs in the page. Only IPv4 over UDP is passed on; what a page is not told of, it cannot use. */
function rewriteCandidates(ports) {
  const relayed = new Map();
  const rewrite = (candidate) => {
    const fields = candidate.split(' ');
    const [, , protocol, , address, port] = fields;
    if (protocol?.toLowerCase() !== 'udp' || !/^[\d.]+$/.test(address)) return null;
    const key = `${address}:${port}`;
    if (!relayed.has(key)) {
      relayed.set(key, ports.shift());
      void window.relayTo(relayed.get(key), address, Number(port));
    }
    fields[5] = String(relayed.get(key));
    return fields.join(' ');
  };
  const { addIceCandidate, setRemoteDescription } = RTCPeerConnection.prototype;
  RTCPeerConnection.prototype.addIceCandidate = function add(init) {
    if (!init?.candidate) return addIceCandidate.call(this, init);
    const candidate = rewrite(init.candidate);
    return candidate === null ? Promise.resolve() : addIceCandidate.call(this, { ...init, candidate });
  };
  RTCPeerConnection.prototype.setRemoteDescription = function set({ type, sdp }) {
    const lines = sdp.split('\r\n').flatMap((line) => {
      if (!line.startsWith('a=candidate:')) return [line];
      const candidate = rewrite(line.slice(2));
      return candidate === null ? [] : [`a=${candidate}`];
    });
    return setRemoteDescription.call(this, { type, sdp: lines.join('\r\n') });
  };
}

/** Each connection generation and each ICE restart takes one for each interface of the machine. */
const PORTS = 400;
