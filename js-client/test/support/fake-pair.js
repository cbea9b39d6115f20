// Two connections and what joins them, for tests that signal by hand.

import { FakeNetwork } from './fake-network.js';
import { Scheduler } from './scheduler.js';

/** @typedef {import('./fake-network.js').FlavourName} FlavourName */
/** @typedef {import('./fake-peer-connection.js').FakePeerConnection} FakePeerConnection */

/** Two pages, `a` and `b`, with a connection each. */
export class FakePair {
  /**
   * @param {{ seed?: number, flavour?: FlavourName, flavours?: FlavourName[], configuration?: any }} [options] `flavours` of `a`
   *   and `b`
   */
  constructor({ seed, flavour, flavours: [ofA, ofB] = [], configuration } = {}) {
    this.scheduler = new Scheduler({ seed });
    this.network = new FakeNetwork(this.scheduler, { flavour });
    this.a = new (this.network.page('a', { flavour: ofA }).PeerConnection)(configuration);
    this.b = new (this.network.page('b', { flavour: ofB }).PeerConnection)(configuration);
  }

  /** @param {FakePeerConnection} one */
  other(one) {
    return one === this.a ? this.b : this.a;
  }

  /** Brings all candidates to the other side from now on. */
  trickle() {
    for (const one of [this.a, this.b]) {
      one.addEventListener('icecandidate', (/** @type {any} */ { candidate }) => {
        if (candidate) this.other(one).addIceCandidate(candidate.toJSON()).catch(() => {});
      });
    }
    return this;
  }

  /**
   * One exchange of offer and answer.
   *
   * @param {FakePeerConnection} [offerer]
   */
  async negotiate(offerer = this.a) {
    const answerer = this.other(offerer);
    await this.run(async () => {
      await offerer.setLocalDescription();
      await answerer.setRemoteDescription(init(offerer.localDescription));
      await answerer.setLocalDescription();
      await offerer.setRemoteDescription(init(answerer.localDescription));
    });
    await this.settle();
  }

  /**
   * An offer as a page would signal it, set locally.
   *
   * @param {FakePeerConnection} [offerer]
   */
  offer(offerer = this.a) {
    return this.run(async () => {
      await offerer.setLocalDescription();
      return init(offerer.localDescription);
    });
  }

  /**
   * @template T
   * @param {() => Promise<T>} work
   */
  run(work) {
    return this.scheduler.run(work);
  }

  settle() {
    return this.scheduler.settle();
  }
}

/**
 * What JSON makes of a description.
 *
 * @param {{ toJSON(): { type: string, sdp: string } } | null} description
 * @returns {{ type: string, sdp: string }}
 */
export function init(description) {
  if (!description) throw new Error('there is no description');
  return description.toJSON();
}

/**
 * The user name fragments in a description, one for each media section in use.
 *
 * @param {{ sdp: string } | null} description
 */
export function ufrags(description) {
  return [...(description?.sdp ?? '').matchAll(/^a=ice-ufrag:(.+?)\r?$/gm)].map(([, ufrag = '']) => ufrag);
}

/**
 * The events of these types at a target from now on, as `type` each.
 *
 * @param {EventTarget} target
 * @param {string[]} types
 */
export function recordEvents(target, types) {
  /** @type {string[]} */
  const seen = [];
  for (const type of types) target.addEventListener(type, () => seen.push(type));
  return seen;
}
