// Media that flows: received tracks unmute with the first packet.

import { receives, sends } from './sdp.js';

/** @typedef {import('./slots.js').Slots} Slots */
/** @typedef {import('./transceiver.js').TransceiverSlots} TransceiverSlots */

/**
 * Unmutes what has begun to arrive. What stops to arrive mutes nothing: neither a lost path nor a
 * sender without a track is an event in browsers, only a description is.
 *
 * @param {Slots} slots
 */
export function flowMedia(slots) {
  for (const transceiver of slots.transceivers) {
    if (transceiver.unmuting || !transceiver.receiverTrack.muted || !arrives(slots, transceiver)) continue;
    transceiver.unmuting = true;
    slots.later('first packet', async () => {
      transceiver.unmuting = false;
      if (!arrives(slots, transceiver)) return;
      transceiver.mediaSince = slots.network.scheduler.clock.now();
      transceiver.receiverTrack.setMuted(false);
    });
  }
}

/**
 * @param {Slots} slots
 * @param {TransceiverSlots} transceiver
 */
function arrives({ ice }, { mid, currentDirection, stopping }) {
  if (stopping || !receives(currentDirection) || !ice.flows || !ice.secure || !ice.peer?.secure) return false;
  return ice.peer.slots.transceivers.some((other) => (
    other.mid === mid && other.track && sends(other.currentDirection)
  ));
}
