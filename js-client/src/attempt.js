// One attempt to join: from opening a connection to the server's reply.

import { Connection } from './connection.js';
import { MeetError, serverError } from './errors.js';
import { LEAVE } from './protocol.js';

/**
 * @typedef {object} Handlers
 * @property {() => { text: string, isFresh: boolean }} join returns the `join` when the connection is open. `isFresh`: only
 *   this connection can end a session whose welcome the page does not read
 * @property {(frame: import('./protocol.js').Waiting) => void} waiting in the lobby
 * @property {(welcome: import('./protocol.js').Welcome) => void} welcome
 * @property {(frame: import('./protocol.js').ServerMessage, size: number) => void} frame after the welcome
 * @property {(error: MeetError, mayReconnect: boolean) => void} end of the attempt, or of its connection
 */

export class Attempt extends Connection {
  #opened = false;
  #welcomed = false;
  /** Whether the server has replied to `join`. */
  #answered = false;
  /** @type {MeetError | null} */
  #refusal = null;

  /**
   * @param {string} url
   * @param {import('./environment.js').Environment} env
   * @param {number} timeoutMs for opening, and for each first reply
   * @param {Handlers} handlers
   * @throws {unknown} what the browser throws if the page may not connect there
   */
  constructor(url, env, timeoutMs, { join, waiting, welcome, frame: handle, end }) {
    super(url, env, timeoutMs);
    this.on('open', () => {
      this.#opened = true;
      const { text, isFresh } = join();
      if (isFresh) this.closingFrame = LEAVE;
      this.send(text);
    });
    this.on('frame', ({ detail: { frame, size } }) => {
      if (this.#welcomed) return handle(frame, size);
      switch (frame.type) {
        case 'welcome':
          this.#replied();
          this.#welcomed = true;
          return welcome(frame);
        case 'error':
          this.#replied();
          this.#refusal = serverError(frame);
          return;
        // A keepalive while the application authorizes the join, or in the lobby. Frames are not counted yet.
        case 'ping': return this.send('{"type":"pong","received":0}');
        case 'waiting':
          // Without a ticket, only this connection can end the wait.
          if (frame.ticket) this.#replied();
          return waiting(frame);
        default: // A newer server may send unknown messages.
      }
    });
    this.on('end', ({ detail: { error, mayReconnect } }) => {
      const unreachable = () => new MeetError('unreachable', 'no connection', { retryable: true, cause: error });
      end(this.#refusal ?? (this.#opened ? error : unreachable()), mayReconnect);
    });
  }

  /** Whether its `join` was sent without a reply. The server may receive it after that of a newer attempt. */
  get isUnanswered() {
    return this.#opened && !this.#answered;
  }

  #replied() {
    this.#answered = true;
    this.closingFrame = null;
  }
}
