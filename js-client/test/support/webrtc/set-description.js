// webrtc-pc, "Set the session description".

import { exception } from './basics.js';
import { checkDescription } from './check-description.js';
import { key } from './jsep.js';
import { updateNegotiationNeeded } from './negotiation-needed.js';
import { RemoteChanges, processRemoteTracks } from './remote-tracks.js';
import { Description, receives, reversed } from './sdp.js';
import { TransceiverSlots, setCurrentDirection } from './transceiver.js';

/** @typedef {import('./jsep.js').Created} Created */
/** @typedef {import('./sdp.js').Section} Section */
/** @typedef {import('./slots.js').Slots} Slots */
/** @typedef {import('./check-description.js').SdpType} SdpType */

/**
 * @param {Slots} slots
 * @param {{ remote: boolean, type: SdpType | 'rollback', sdp: string, created?: Created | null }} init
 *   `created` is whence a local description comes
 * @returns {Promise<void>} never settles when the connection is closed meanwhile
 */
export async function setDescription(slots, { remote, type, sdp, created }) {
  if (type === 'rollback' && !ROLLBACK_STATES.includes(slots.signalingState)) {
    throw exception('InvalidStateError', `Nothing to roll back in ${slots.signalingState}`);
  }
  await slots.later(`set ${remote ? 'remote' : 'local'} ${type}`, async () => {
    const before = slots.signalingState;
    const changes = new RemoteChanges();
    if (type === 'rollback') {
      rollBack(slots, changes);
    } else {
      slots.network.fail(slots, remote ? 'setRemoteDescription' : 'setLocalDescription', type);
      const description = new Description(type, checkDescription(slots, { remote, type, sdp }));
      if (type === 'offer' && before === 'stable') rememberStable(slots);
      setPendingOrCurrent(slots, remote, description);
      if (remote) applyRemote(slots, description, changes);
      else applyLocal(slots, description, /** @type {Created} */ (created), changes);
      if (type === 'answer') removeStopped(slots);
    }
    if (slots.signalingState === 'stable') {
      slots.negotiationNeeded = false;
      updateNegotiationNeeded(slots);
    }
    slots.ice.descriptionsChanged();
    if (slots.signalingState !== before) await slots.fire('signalingstatechange');
    await changes.fire(slots);
  });
}

/**
 * @param {Slots} slots
 * @param {boolean} remote
 * @param {Description} description
 */
function setPendingOrCurrent(slots, remote, description) {
  if (description.type !== 'answer') {
    if (remote) slots.pendingRemote = description;
    else slots.pendingLocal = description;
    const side = remote ? 'remote' : 'local';
    slots.signalingState = `have-${side}-${description.type}`;
    return;
  }
  slots.currentLocal = remote ? slots.pendingLocal : description;
  slots.currentRemote = remote ? description : slots.pendingRemote;
  slots.pendingLocal = slots.pendingRemote = null;
  slots.lastOffer = slots.lastAnswer = null;
  slots.signalingState = 'stable';
  const kept = slots.currentLocal?.sections.some((section) => slots.credentialsToReplace.has(key(section)));
  if (!kept) slots.credentialsToReplace.clear();
  const data = description.sections.find(({ kind, rejected }) => kind === 'application' && !rejected);
  slots.dtlsRole ??= ownDtlsRole(description, remote);
  if (data) slots.sctp.negotiated();
}

/**
 * @param {Description} answer
 * @param {boolean} remote
 */
function ownDtlsRole({ tag }, remote) {
  if (!tag) return null;
  return (tag.setup === 'active') === remote ? 'passive' : 'active';
}

/**
 * @param {Slots} slots
 * @param {Description} description
 * @param {Created} created
 * @param {RemoteChanges} changes
 */
function applyLocal(slots, description, created, changes) {
  for (const section of description.sections) {
    const transceiver = created.transceivers.get(section.mid);
    if (!transceiver) continue;
    transceiver.mid ??= section.mid;
    if (transceiver.stopped || description.type === 'offer') continue;
    if (!receives(section.direction) && receives(transceiver.firedDirection)) {
      changes.setStreams(slots, transceiver, []);
      changes.mute(transceiver);
    }
    setCurrentDirection(transceiver, section.direction);
    transceiver.firedDirection = section.direction;
  }
}

/**
 * @param {Slots} slots
 * @param {Description} description
 * @param {RemoteChanges} changes
 */
function applyRemote(slots, description, changes) {
  for (const section of description.sections) {
    if (section.kind === 'application') continue;
    const transceiver = transceiverFor(slots, section);
    if (!transceiver) continue;
    transceiver.mid = section.mid;
    const direction = section.rejected ? 'inactive' : reversed(section.direction);
    const streamIds = receives(direction) ? section.streamIds : [];
    processRemoteTracks(slots, transceiver, { direction, streamIds, changes });
    if (description.type !== 'offer') setCurrentDirection(transceiver, direction);
    if (section.rejected && !transceiver.stopped) transceiver.stop();
  }
}

/**
 * RFC 8829, section 5.10: the transceiver for a remote media section.
 *
 * @param {Slots} slots
 * @param {Section} section
 */
function transceiverFor(slots, section) {
  const associated = slots.transceivers.find(({ mid }) => mid === section.mid);
  if (associated) return associated;
  // It was rejected long ago, and its transceiver is gone.
  if (section.rejected) return undefined;
  const free = slots.transceivers.find(({ mid, kind, origin, stopping }) => (
    mid === null && kind === section.kind && origin === 'addTrack' && !stopping
  ));
  if (free && receives(section.direction)) return free;
  const kind = /** @type {'audio' | 'video'} */ (section.kind);
  const transceiver = new TransceiverSlots(slots, kind, { origin: 'offer', direction: 'recvonly' });
  slots.transceivers.push(transceiver);
  return transceiver;
}

/**
 * @param {Slots} slots
 * @param {RemoteChanges} changes
 */
function rollBack(slots, changes) {
  const wasRemote = slots.signalingState === 'have-remote-offer';
  for (const transceiver of [...slots.transceivers]) {
    const { stable } = transceiver;
    if (!stable?.mid) transceiver.mid = null;
    if (!wasRemote) continue;
    const streamIds = (stable?.remoteStreams ?? []).map(({ id }) => id);
    processRemoteTracks(slots, transceiver, { direction: transceiver.currentDirection, streamIds, changes });
    if (stable || transceiver.origin !== 'offer') continue;
    // What the offer has made goes with it, unless the page has put a track there meanwhile.
    if (transceiver.usedByAddTrack) {
      transceiver.origin = 'addTrack';
    } else {
      transceiver.stop();
      slots.transceivers.splice(slots.transceivers.indexOf(transceiver), 1);
    }
  }
  slots.pendingLocal = slots.pendingRemote = null;
  slots.signalingState = 'stable';
}

/** @param {Slots} slots */
function rememberStable(slots) {
  for (const transceiver of slots.transceivers) {
    const { mid, remoteStreams } = transceiver;
    transceiver.stable = { mid, remoteStreams };
  }
}

/** @param {Slots} slots */
function removeStopped(slots) {
  slots.transceivers = slots.transceivers.filter(({ stopped, mid }) => {
    const rejected = slots.currentLocal?.section(mid)?.rejected || slots.currentRemote?.section(mid)?.rejected;
    return !(stopped && rejected);
  });
}

const ROLLBACK_STATES = ['have-local-offer', 'have-remote-offer'];
