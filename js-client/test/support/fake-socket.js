// WebSocket as in browsers, on a scheduler instead of a network.

import { FakeEventTarget, exception, makeEvent } from './webrtc/basics.js';

/** @typedef {import('./scheduler.js').Scheduler} Scheduler */
/** @typedef {import('./scheduler.js').TaskQueue} TaskQueue */

/**
 * What answers a handshake, a task later: it calls `accept` or `refuse`, or neither, and then the
 * socket never opens.
 *
 * @callback Listen
 * @param {ServerEnd} end
 * @returns {void}
 */

/** Joins the sockets of all pages with one server. */
export class FakeSocketNetwork {
  /** @type {FakeWebSocket[]} */
  #sockets = [];

  /**
   * @param {Scheduler} scheduler
   * @param {Listen} listen
   */
  constructor(scheduler, listen) {
    this.scheduler = scheduler;
    this.listen = listen;
  }

  /**
   * `WebSocket` for one page.
   *
   * @param {string} name
   */
  page(name) {
    const network = this;
    const WebSocket = class extends FakeWebSocket {
      /**
       * @param {string | URL} url
       * @param {string | string[]} [protocols]
       */
      constructor(url, protocols) {
        super(network, { page: name, url, protocols });
      }
    };
    return { WebSocket };
  }

  /** @param {FakeWebSocket} socket */
  add(socket) {
    this.#sockets.push(socket);
  }

  /** How many sockets were ever made. */
  get created() {
    return this.#sockets.length;
  }

  /** How many of them are not closed. */
  get open() {
    return this.#sockets.filter(({ readyState }) => readyState !== FakeWebSocket.CLOSED).length;
  }

  /** How many listeners are attached to all sockets ever made. */
  get listenerCount() {
    return this.#sockets.reduce((sum, socket) => sum + socket.listenerCount, 0);
  }
}

/** Made by `new page.WebSocket(url, protocols)`. */
export class FakeWebSocket extends FakeEventTarget {
  static CONNECTING = /** @type {const} */ (0);
  static OPEN = /** @type {const} */ (1);
  static CLOSING = /** @type {const} */ (2);
  static CLOSED = /** @type {const} */ (3);

  CONNECTING = FakeWebSocket.CONNECTING;
  OPEN = FakeWebSocket.OPEN;
  CLOSING = FakeWebSocket.CLOSING;
  CLOSED = FakeWebSocket.CLOSED;

  /** @type {((event: any) => void) | null} */
  onopen = null;
  /** @type {((event: any) => void) | null} */
  onmessage = null;
  /** @type {((event: any) => void) | null} */
  onerror = null;
  /** @type {((event: any) => void) | null} */
  onclose = null;

  /** The fake carries text alone. */
  binaryType = 'blob';
  extensions = '';

  #scheduler;
  #end;
  #outgoing;
  /** @type {0 | 1 | 2 | 3} */
  #readyState = FakeWebSocket.CONNECTING;
  #protocol = '';
  #bufferedAmount = 0;
  /** @type {number | null} */
  #closeTimer = null;

  /**
   * @param {FakeSocketNetwork} network
   * @param {{ page: string, url: string | URL, protocols?: string | string[] | undefined }} init
   */
  constructor(network, { page, url, protocols = [] }) {
    super();
    this.url = checkUrl(url);
    const offered = typeof protocols === 'string' ? [protocols] : protocols;
    checkProtocols(offered);
    this.#scheduler = network.scheduler;
    const name = `socket ${network.created} of ${page}`;
    this.#outgoing = network.scheduler.wire(`${name}, out`);
    this.#end = new ServerEnd(this.#wire(`${name}, in`), { page, url: this.url, protocols: offered });
    network.add(this);
    this.#outgoing.post('handshake', () => network.listen(this.#end));
  }

  get readyState() {
    return this.#readyState;
  }

  get protocol() {
    return this.#protocol;
  }

  /** Bytes that have not left; those of a socket that is closed never do. */
  get bufferedAmount() {
    return this.#bufferedAmount;
  }

  /** @param {string} data */
  send(data) {
    if (this.#readyState === FakeWebSocket.CONNECTING) throw exception('InvalidStateError', 'Still connecting');
    const text = String(data);
    const size = Buffer.byteLength(text);
    this.#bufferedAmount += size;
    if (this.#readyState !== FakeWebSocket.OPEN) return;
    this.#outgoing.post('message', () => {
      this.#bufferedAmount -= size;
      this.#end.sentByPage(text);
    });
  }

  /**
   * @param {number} [code] 1000 or 3000 to 4999
   * @param {string} [reason] at most 123 bytes
   */
  close(code, reason = '') {
    if (code !== undefined && code !== 1000 && !(code >= 3000 && code <= 4999)) {
      throw exception('InvalidAccessError', `${code} is no code for a page to close with`);
    }
    if (Buffer.byteLength(reason) > 123) throw exception('SyntaxError', 'The reason is too long');
    if (this.#readyState >= FakeWebSocket.CLOSING) return;
    const opened = this.#readyState === FakeWebSocket.OPEN;
    this.#readyState = FakeWebSocket.CLOSING;
    if (!opened) {
      this.#tellLoss();
      this.#scheduler.inParallel('the attempt ends', () => this.#fail());
      return;
    }
    this.#outgoing.post('close', () => this.#end.closedByPage(code ?? 1005, reason));
    // Nobody may be there to answer.
    this.#closeTimer = this.#scheduler.clock.setTimeout(() => this.#fail(), CLOSE_TIMEOUT_MS);
  }

  /** For `FakePage`: the page is gone, and none of its code runs any more. */
  disappear() {
    if (this.#readyState === FakeWebSocket.CLOSED) return;
    this.#finish();
    this.#outgoing.post('close', () => this.#end.closedByPage(1001, ''));
  }

  /**
   * What the server's end can do with this one.
   *
   * @param {string} name
   * @returns {Wire}
   */
  #wire(name) {
    const incoming = this.#scheduler.wire(name);
    /** @param {(...args: any[]) => void} act */
    const post = (/** @type {string} */ label, act) => {
      incoming.post(label, () => { if (this.#readyState !== FakeWebSocket.CLOSED) act(); });
    };
    return {
      incoming,
      outgoing: this.#outgoing,
      scheduler: this.#scheduler,
      opened: (protocol) => post('open', () => {
        if (this.#readyState !== FakeWebSocket.CONNECTING) return;
        this.#readyState = FakeWebSocket.OPEN;
        this.#protocol = protocol;
        this.dispatchEvent(makeEvent('open'));
      }),
      message: (data) => post('message', () => {
        if (this.#readyState !== FakeWebSocket.OPEN) return;
        this.dispatchEvent(makeEvent('message', { data, origin: new URL(this.url).origin, lastEventId: '' }));
      }),
      closed: (code, reason) => post('close', () => this.#finish({ code, reason, wasClean: true })),
      failed: () => post('failure', () => this.#fail()),
    };
  }

  #fail() {
    if (this.#readyState === FakeWebSocket.CLOSED) return;
    this.#readyState = FakeWebSocket.CLOSING;
    this.dispatchEvent(makeEvent('error'));
    this.#finish({ code: 1006, reason: '', wasClean: false });
    this.#tellLoss();
  }

  /** By the wire: a server behind a connection that stalls does not learn of it. */
  #tellLoss() {
    this.#outgoing.post('lost', () => this.#end.lost());
  }

  /** @param {{ code: number, reason: string, wasClean: boolean }} [event] none when nobody is there to hear it */
  #finish(event) {
    if (this.#readyState === FakeWebSocket.CLOSED) return;
    this.#readyState = FakeWebSocket.CLOSED;
    this.#scheduler.clock.clearTimeout(this.#closeTimer);
    if (event) this.dispatchEvent(makeEvent('close', event));
  }
}

/**
 * @typedef {object} Wire
 * @property {TaskQueue} incoming to the page
 * @property {TaskQueue} outgoing from the page
 * @property {Scheduler} scheduler
 * @property {(protocol: string) => void} opened
 * @property {(data: string) => void} message
 * @property {(code: number, reason: string) => void} closed
 * @property {() => void} failed
 */

/** The server's end of a socket, and where a test makes its network fail. */
export class ServerEnd {
  #wire;
  /** @type {'connecting' | 'open' | 'closed'} */
  #state = 'connecting';

  /** @type {((text: string) => void) | null} */
  onmessage = null;

  /** Called once when the socket is over for the server. @type {((code: number) => void) | null} */
  onclose = null;

  /**
   * @param {Wire} wire
   * @param {{ page: string, url: string, protocols: string[] }} request
   */
  constructor(wire, { page, url, protocols }) {
    this.#wire = wire;
    this.page = page;
    this.url = url;
    this.protocols = protocols;
  }

  get isOpen() {
    return this.#state === 'open';
  }

  /** @param {string} [protocol] */
  accept(protocol = '') {
    if (this.#state !== 'connecting') return;
    this.#state = 'open';
    this.#wire.opened(protocol);
  }

  /** Answers the handshake with an HTTP error, of which the page hears only that it failed. */
  refuse() {
    if (this.#state !== 'connecting') return;
    this.#state = 'closed';
    this.#wire.failed();
  }

  /** @param {string} text */
  send(text) {
    if (this.#state === 'open') this.#wire.message(text);
  }

  /**
   * Closes from the server's side; what was sent before arrives before.
   *
   * @param {number} code
   * @param {string} [reason]
   */
  close(code, reason = '') {
    if (this.#state !== 'open') return;
    this.#wire.closed(code, reason);
    this.#end(code);
  }

  /**
   * Breaks the connection: both sides notice at once. What is under way is lost; under a random
   * schedule some of it may still arrive, in each direction by itself.
   */
  cut() {
    if (this.#state === 'closed') return;
    const { incoming, outgoing, scheduler } = this.#wire;
    for (const queue of [incoming, outgoing]) {
      queue.held = false;
      if (!scheduler.shuffled || scheduler.random.chance(0.5)) queue.clear();
    }
    this.#wire.failed();
    outgoing.post('lost', () => this.lost());
  }

  /** Lets nothing pass any more, and nobody notices: the connection is half dead. */
  stall() {
    this.#wire.incoming.held = this.#wire.outgoing.held = true;
  }

  /** Undoes `stall`: everything arrives, late. */
  unstall() {
    this.#wire.incoming.held = this.#wire.outgoing.held = false;
  }

  // What follows is for the socket.

  /**
   * Nothing arrives on a connection that has broken, whatever its page still believes.
   *
   * @param {string} text
   */
  sentByPage(text) {
    if (this.#state === 'open') this.onmessage?.(text);
  }

  /**
   * @param {number} code
   * @param {string} reason
   */
  closedByPage(code, reason) {
    if (this.#state !== 'open') {
      this.lost();
      return;
    }
    this.#wire.closed(code, reason);
    this.#end(code);
  }

  /** The connection is gone without a word. */
  lost() {
    if (this.#state === 'closed') return;
    this.#end(1006);
  }

  /** @param {number} code */
  #end(code) {
    this.#state = 'closed';
    this.onclose?.(code);
  }
}

/** @param {string | URL} url */
function checkUrl(url) {
  if (!URL.canParse(url)) throw exception('SyntaxError', `${url} is no URL`);
  const parsed = new URL(url);
  parsed.protocol = parsed.protocol.replace(/^http/, 'ws');
  if (!/^wss?:$/.test(parsed.protocol)) throw exception('SyntaxError', `${url} is no URL of a WebSocket`);
  if (parsed.hash) throw exception('SyntaxError', 'The URL of a WebSocket has no fragment');
  return parsed.href;
}

/** @param {string[]} protocols */
function checkProtocols(protocols) {
  const valid = protocols.every((protocol) => /^[!#$%&'*+.^_`|~\w-]+$/.test(protocol));
  if (!valid || new Set(protocols).size < protocols.length) {
    throw exception('SyntaxError', `${protocols} are no subprotocols`);
  }
}

// How long browsers wait for the answer to a close frame, about.
const CLOSE_TIMEOUT_MS = 2_000;
