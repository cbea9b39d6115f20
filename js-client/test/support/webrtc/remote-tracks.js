// webrtc-pc, "Processing Remote MediaStreamTracks".

import { FakeStream } from '../fake-media.js';
import { receives } from './sdp.js';

/** @typedef {import('../fake-media.js').FakeTrack} FakeTrack */
/** @typedef {import('./sdp.js').Direction} Direction */
/** @typedef {import('./slots.js').Slots} Slots */
/** @typedef {import('./transceiver.js').TransceiverSlots} TransceiverSlots */

/** What a description changes about received tracks, collected first and told to the page at the end. */
export class RemoteChanges {
  /** @type {FakeTrack[]} */
  #muted = [];
  /** @type {{ stream: FakeStream, track: FakeTrack }[]} */
  #removed = [];
  /** @type {{ stream: FakeStream, track: FakeTrack }[]} */
  #added = [];
  /** @type {{ transceiver: TransceiverSlots, streams: FakeStream[] }[]} */
  #tracks = [];

  /**
   * "Set the associated remote streams".
   *
   * @param {Slots} slots
   * @param {TransceiverSlots} transceiver
   * @param {string[]} streamIds
   * @returns {boolean} whether the track is in a stream in which it was not before
   */
  setStreams(slots, transceiver, streamIds) {
    const { remoteStreams: before, receiverTrack: track } = transceiver;
    const now = streamIds.map((id) => {
      const stream = slots.streams.get(id) ?? new FakeStream([], id);
      slots.streams.set(id, stream);
      return stream;
    });
    const added = now.filter((stream) => !before.includes(stream));
    const removed = before.filter((stream) => !now.includes(stream));
    this.#added.push(...added.map((stream) => ({ stream, track })));
    this.#removed.push(...removed.map((stream) => ({ stream, track })));
    transceiver.remoteStreams = now;
    return added.length > 0;
  }

  /** @param {TransceiverSlots} transceiver */
  mute({ receiverTrack }) {
    if (!receiverTrack.muted) this.#muted.push(receiverTrack);
  }

  /** @param {TransceiverSlots} transceiver whose track the page hears of */
  announce(transceiver) {
    this.#tracks.push({ transceiver, streams: transceiver.remoteStreams });
  }

  /**
   * Tells the page, in the order of the specification.
   *
   * @param {Slots} slots
   */
  async fire(slots) {
    const { scheduler } = slots.network;
    /** @param {() => void} tell */
    const step = async (tell) => {
      // A listener may have closed the connection.
      if (slots.closed) return;
      tell();
      await scheduler.checkpoint();
    };
    for (const track of this.#muted) await step(() => track.setMuted(true));
    for (const { stream, track } of this.#removed) await step(() => stream.loseTrack(track));
    for (const { stream, track } of this.#added) await step(() => stream.receiveTrack(track));
    for (const { transceiver, streams } of this.#tracks) {
      if (slots.closed) return;
      const { receiver, facade } = transceiver;
      await slots.fire('track', { receiver, track: receiver.track, streams, transceiver: facade });
    }
  }
}

/**
 * @param {Slots} slots
 * @param {TransceiverSlots} transceiver
 * @param {{ direction: Direction | null, streamIds: string[], changes: RemoteChanges }} to
 */
export function processRemoteTracks(slots, transceiver, { direction, streamIds, changes }) {
  const fired = receives(transceiver.firedDirection);
  const added = changes.setStreams(slots, transceiver, streamIds);
  if (added || (receives(direction) && !fired)) changes.announce(transceiver);
  if (direction && !receives(direction) && fired) changes.mute(transceiver);
  transceiver.firedDirection = direction;
}
