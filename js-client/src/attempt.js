// One try to join: from the attempt to open a connection to the answer.

import { Connection } from './connection.js';
import { MeetError, serverError } from './errors.js';
import { LEAVE } from './protocol.js';

/**
 * @typedef {object} Handlers
 * @property {() => { text: string, isFresh: boolean }} join asked for when the connection is open. `isFresh`: the page has no
 *   other way to end a session whose welcome it does not read
 * @property {() => void} waiting
 * @property {(welcome: import('./protocol.js').Welcome) => void} welcome
 * @property {(frame: import('./protocol.js').ServerMessage, size: number) => void} frame after the welcome
 * @property {(error: MeetError, comeBack: boolean) => void} end of the try, or of the connection that came of it
 */

export class Attempt extends Connection {
  #opened = false;
  #welcomed = false;
  /** @type {MeetError | null} */
  #refusal = null;

  /**
   * @param {string} url
   * @param {import('./environment.js').Environment} env
   * @param {number} openMs how long opening and each first answer may take
   * @param {Handlers} handlers
   * @throws {unknown} what the browser throws where this page may not connect there
   */
  constructor(url, env, openMs, { join, waiting, welcome, frame: after, end }) {
    super(url, env, openMs);
    this.on('open', () => {
      this.#opened = true;
      const { text, isFresh } = join();
      if (isFresh) this.lastWords = LEAVE;
      this.send(text);
    });
    this.on('frame', ({ detail: { frame, size } }) => {
      if (this.#welcomed) return after(frame, size);
      switch (frame.type) {
        case 'welcome':
          this.lastWords = null;
          this.#welcomed = true;
          return welcome(frame);
        case 'error':
          this.lastWords = null;
          this.#refusal = serverError(frame);
          return;
        // A sign of life while the application decides, or in the lobby. Nothing is counted yet.
        case 'ping': return this.send('{"type":"pong","received":0}');
        case 'waiting': return waiting();
        default: // A newer server says more than this client knows.
      }
    });
    this.on('end', ({ detail: { error, comeBack } }) => {
      const unreachable = () => new MeetError('unreachable', 'no connection', { retryable: true, cause: error });
      end(this.#refusal ?? (this.#opened ? error : unreachable()), comeBack);
    });
  }

  /** Whether its `join` was sent, and not answered: it may arrive later than that of a newer try. */
  get isOpenEnded() {
    return this.#opened && !this.#welcomed && this.#refusal === null;
  }
}
