// The statistics that a client is likely to look at, of a call in which everything works.

/** @typedef {import('./slots.js').Slots} Slots */
/** @typedef {import('./transceiver.js').TransceiverSlots} TransceiverSlots */

/**
 * `getStats` of a connection: its transport, and the media that flows.
 *
 * @param {Slots} slots
 * @returns {Map<string, any>}
 */
export function connectionStats(slots) {
  const { configuration, ice, transceivers } = slots;
  /** @type {Map<string, any>} */
  const report = new Map([...inboundStats(transceivers), ...outboundStats(transceivers)]);
  /** @param {Record<string, unknown> & { id: string, type: string }} entry */
  const add = (entry) => report.set(entry.id, { timestamp: now(slots), ...entry });
  add({ id: 'transport', type: 'transport', dtlsState: ice.secure ? 'connected' : 'new',
    ...(ice.peer && { selectedCandidatePairId: 'pair' }) });
  if (ice.peer) {
    add({ id: 'pair', type: 'candidate-pair', state: 'succeeded', nominated: true, currentRoundTripTime: 0.02,
      transportId: 'transport', localCandidateId: 'local', remoteCandidateId: 'remote' });
    const candidateType = configuration.iceTransportPolicy === 'relay' ? 'relay' : 'host';
    add({ id: 'local', type: 'local-candidate', candidateType, protocol: 'udp' });
    add({ id: 'remote', type: 'remote-candidate', candidateType: 'host', protocol: 'udp' });
  }
  return report;
}

/** @param {TransceiverSlots[]} transceivers */
export function inboundStats(transceivers) {
  return media(transceivers.filter(({ receiverTrack }) => !receiverTrack.muted), 'inbound', (transceiver, packets) => ({
    trackIdentifier: transceiver.receiverTrack.id,
    packetsReceived: packets,
    bytesReceived: packets * PACKET_BYTES,
    packetsLost: 0,
    jitter: 0.005,
  }));
}

/** @param {TransceiverSlots[]} transceivers */
export function outboundStats(transceivers) {
  const sending = transceivers.filter(({ track, currentDirection, connection }) => (
    track && connection.ice.secure && (currentDirection === 'sendrecv' || currentDirection === 'sendonly')
  ));
  return media(sending, 'outbound', (_, packets) => ({ packetsSent: packets, bytesSent: packets * PACKET_BYTES }));
}

/**
 * @param {TransceiverSlots[]} transceivers
 * @param {'inbound' | 'outbound'} side
 * @param {(transceiver: TransceiverSlots, packets: number) => Record<string, unknown>} counters
 */
function media(transceivers, side, counters) {
  return new Map(transceivers.map((transceiver) => {
    const { kind, mid, connection } = transceiver;
    const timestamp = now(connection);
    const since = side === 'inbound' ? transceiver.mediaSince : connection.ice.connectedSince;
    const packets = Math.floor((timestamp - (since ?? timestamp)) / PACKET_MS);
    const id = `${side}-${mid}`;
    return [id, { id, type: `${side}-rtp`, timestamp, kind, mid, ...counters(transceiver, packets) }];
  }));
}

/** @param {Slots} slots */
function now({ network }) {
  return network.scheduler.clock.now();
}

// One packet every 20 ms, as Opus has it.
const PACKET_MS = 20;
const PACKET_BYTES = 100;
