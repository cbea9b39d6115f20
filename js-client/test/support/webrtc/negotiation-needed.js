// webrtc-pc, "Updating the Negotiation-Needed flag".

import { intersected, reversed, sends } from './sdp.js';

/** @typedef {import('./sdp.js').Section} Section */
/** @typedef {import('./slots.js').Slots} Slots */
/** @typedef {import('./transceiver.js').TransceiverSlots} TransceiverSlots */

/** @param {Slots} slots */
export function updateNegotiationNeeded(slots) {
  if (slots.chain.length > 0) {
    slots.updateFlagOnEmptyChain = true;
    return;
  }
  slots.queueTask('is negotiation needed?', () => {
    if (slots.closed) return;
    if (slots.chain.length > 0) {
      slots.updateFlagOnEmptyChain = true;
      return;
    }
    // Looked at again on the way back to stable.
    if (slots.signalingState !== 'stable') return;
    if (!isNegotiationNeeded(slots)) {
      slots.negotiationNeeded = false;
      return;
    }
    if (slots.negotiationNeeded) return;
    slots.negotiationNeeded = true;
    return slots.fire('negotiationneeded');
  });
}

/** @param {Slots} slots */
function isNegotiationNeeded(slots) {
  if (slots.credentialsToReplace.size > 0) return true;
  const local = slots.currentLocal;
  if (slots.channels.length > 0 && !local?.sections.some(({ kind }) => kind === 'application')) return true;
  return slots.transceivers.some((transceiver) => {
    const section = transceiver.mid === null ? undefined : local?.section(transceiver.mid);
    if (transceiver.stopping && !transceiver.stopped) return true;
    if (transceiver.stopped) return Boolean(section) && !isRejected(slots, transceiver);
    return !section || differs(slots, transceiver, section);
  });
}

/**
 * @param {Slots} slots
 * @param {TransceiverSlots} transceiver
 * @param {Section} local
 */
function differs(slots, transceiver, local) {
  const { direction, streamIds } = transceiver;
  if (sends(direction) && (!sends(local.direction) || !sameSet(local.streamIds, streamIds))) return true;
  const remote = slots.currentRemote?.section(local.mid);
  const fromRemote = reversed(remote?.direction ?? 'inactive');
  if (slots.currentLocal?.type === 'offer') return direction !== local.direction && direction !== fromRemote;
  return local.direction !== intersected(direction, fromRemote);
}

/**
 * @param {Slots} slots
 * @param {TransceiverSlots} transceiver
 */
function isRejected({ currentLocal, currentRemote }, { mid }) {
  return Boolean(currentLocal?.section(mid)?.rejected || currentRemote?.section(mid)?.rejected);
}

/**
 * @param {string[]} a
 * @param {string[]} b
 */
function sameSet(a, b) {
  return a.length === b.length && a.every((each) => b.includes(each));
}
