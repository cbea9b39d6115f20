// What a test changes in the frames between pages and server. Both ends still count the same frames.

import { RAW } from './session.js';

/** @typedef {import('../signal-server.js').Connection} Connection */
/** @typedef {{ code: string, message?: string, retryAfterMs?: number }} Rejection */

export class Interference {
  /** @type {('partial' | 'no')[]} */
  #nextResumes = [];
  /** @type {{ type: string, rejection: Rejection | null }[]} */
  #nextRejections = [];
  /** The answers to the frames that were refused, by ticket and `ref`. @type {Map<string, Rejection>} */
  #answers = new Map();
  #isOlder;

  /** Fields that take the place of those of each welcome; `undefined` takes one away. @type {Record<string, unknown>} */
  overrides = {};

  /** @param {{ isOlder: boolean }} options */
  constructor({ isOlder }) {
    this.#isOlder = isOlder;
    if (isOlder) this.overrides.limits = undefined;
  }

  /** @param {'partial' | 'no'} outcome */
  nextResume(outcome) {
    this.#nextResumes.push(outcome);
  }

  /**
   * @param {string} type
   * @param {Rejection | null} rejection
   */
  rejectNext(type, rejection) {
    this.#nextRejections.push({ type, rejection });
  }

  /** Whether the session that a client wants to resume has to end before. */
  endsSession() {
    if (this.#nextResumes[0] !== 'no') return false;
    this.#nextResumes.shift();
    return true;
  }

  /**
   * What the server gets in the place of a client's text.
   *
   * @param {Connection} connection
   * @param {any} frame the text, parsed
   * @param {string} text
   * @param {boolean} resumes whether it is a join with a valid ticket
   */
  received({ session }, frame, text, resumes) {
    if (frame?.type === 'join' && resumes && this.#nextResumes.shift() === 'partial') {
      // More than was ever sent: the server cannot know what is missing.
      return JSON.stringify({ ...frame, resume: { ...frame.resume, received: Number.MAX_SAFE_INTEGER } });
    }
    // It says `not-joined`.
    if (!session && frame?.type === 'leave' && this.#isOlder) return '{"type":"probe"}';
    const planned = this.#nextRejections.findIndex(({ type }) => type === frame?.type);
    if (!session || planned < 0) return text;
    const [{ rejection }] = /** @type {[{ rejection: Rejection | null }]} */ (this.#nextRejections.splice(planned, 1));
    if (rejection === null) return text;
    this.#answers.set(`${session.ticket} ${frame.ref}`, rejection);
    // It says `unknown-type`.
    return JSON.stringify({ type: 'refused by the test', ref: frame.ref });
  }

  /**
   * What the page gets in the place of the server's text.
   *
   * @param {Connection} connection
   * @param {string} text
   */
  sent({ session, rejection }, text) {
    const kind = KINDS.find((each) => text.startsWith(`{"type":"${each}"`));
    if (kind === undefined) return text;
    const frame = JSON.parse(text);
    switch (kind) {
      case 'welcome': return JSON.stringify({ ...frame, ...this.overrides });
      case 'app': return frame.data?.[RAW] ?? text;
      default: {
        const answer = rejection ?? (frame.code === 'unknown-type' && this.#answers.get(`${session?.ticket} ${frame.ref}`));
        if (!answer) return text;
        const { code, message = code, retryAfterMs } = answer;
        return JSON.stringify({ ...frame, code, message, retryAfterMs });
      }
    }
  }
}

const KINDS = ['welcome', 'app', 'error'];
