// RFC 8829 (JSEP), sections 5.2, 5.3 and 5.4: what offers and answers contain.

import { Description, intersected, reversed, section, writeSdp } from './sdp.js';

/** @typedef {import('./sdp.js').Section} Section */
/** @typedef {import('./slots.js').Slots} Slots */
/** @typedef {import('./transceiver.js').TransceiverSlots} TransceiverSlots */
/** @typedef {{ ufrag: string, pwd: string }} Credentials */

/**
 * An offer or answer, and which transceiver each of its media sections stands for.
 *
 * @typedef {object} Created
 * @property {string} sdp
 * @property {Description} description
 * @property {Map<string, TransceiverSlots>} transceivers by mid
 */

/**
 * @param {Slots} slots
 * @param {boolean} iceRestart
 * @returns {Created}
 */
export function generateOffer(slots, iceRestart) {
  const base = slots.pendingLocal ?? slots.currentLocal;
  const fresh = newCredentials(slots);
  /** @param {Credentials | undefined} old */
  const credentials = (old) => {
    if (!old || iceRestart || slots.credentialsToReplace.has(key(old))) return fresh;
    return credentialsOf(old);
  };
  const shared = credentials(base?.tag);
  /** @type {Created['transceivers']} */
  const transceivers = new Map();
  const unassociated = slots.transceivers.filter(({ mid, stopping }) => mid === null && !stopping);
  const takeMid = midTaker(slots);

  /** @param {TransceiverSlots} transceiver */
  const addSection = (transceiver) => {
    const mid = takeMid();
    transceivers.set(mid, transceiver);
    return mediaSection(transceiver, { mid, direction: transceiver.direction, ...shared });
  };
  const sections = (base?.sections ?? []).map((old) => {
    if (old.kind === 'application' && !old.rejected) return dataSection(old.mid, credentials(old));
    const transceiver = slots.transceivers.find(({ mid }) => mid === old.mid);
    if (transceiver && !transceiver.stopping) {
      transceivers.set(old.mid, transceiver);
      const own = old.rejected ? shared : credentials(old);
      return mediaSection(transceiver, { mid: old.mid, direction: transceiver.direction, ...own });
    }
    if (transceiver) transceivers.set(old.mid, transceiver);
    const next = !transceiver && isRecyclable(slots, old.mid) ? unassociated.shift() : undefined;
    return next ? addSection(next) : section({ kind: old.kind, mid: old.mid, rejected: true });
  });
  sections.push(...unassociated.map(addSection));
  if (slots.channels.length > 0 && !sections.some(({ kind, rejected }) => kind === 'application' && !rejected)) {
    sections.push(dataSection(takeMid(), shared));
  }
  if (base) keepCandidates(sections, base);
  return created(slots, 'offer', sections, transceivers);
}

/**
 * @param {Slots} slots in `have-remote-offer` or `have-local-pranswer`
 * @returns {Created}
 */
export function generateAnswer(slots) {
  const offer = /** @type {Description} */ (slots.pendingRemote);
  const local = slots.pendingLocal ?? slots.currentLocal;
  const fresh = newCredentials(slots);
  /** @param {Section} offered */
  const credentials = (offered) => {
    const old = local?.section(offered.mid);
    // A section that is new shares the transport of the first one.
    if (!old?.ufrag) return shared ?? fresh;
    const before = slots.currentRemote?.section(offered.mid);
    const restarts = !slots.pendingLocal && before?.ufrag !== offered.ufrag;
    return restarts ? fresh : credentialsOf(old);
  };
  /** @type {Credentials | undefined} */
  let shared;
  /** @type {Created['transceivers']} */
  const transceivers = new Map();
  const sections = offer.sections.map((offered) => {
    const { mid, kind } = offered;
    if (offered.rejected) return section({ kind, mid, rejected: true });
    const own = credentials(offered);
    shared ??= own;
    const setup = slots.dtlsRole ?? 'active';
    if (kind === 'application') return { ...dataSection(mid, own), setup };
    const transceiver = slots.transceivers.find((each) => each.mid === mid);
    if (!transceiver || transceiver.stopped) return section({ kind, mid, rejected: true });
    transceivers.set(mid, transceiver);
    // Stopping it takes an offer of this side.
    const wanted = transceiver.stopping ? 'inactive' : transceiver.direction;
    const direction = intersected(wanted, reversed(offered.direction));
    return { ...mediaSection(transceiver, { mid, direction, ...own }), setup };
  });
  if (local) keepCandidates(sections, local);
  return created(slots, 'answer', sections, transceivers);
}

/**
 * How `restartIce` remembers credentials.
 *
 * @param {Credentials} credentials
 */
export function key({ ufrag, pwd }) {
  return `${ufrag}:${pwd}`;
}

/**
 * @param {Credentials} section
 * @returns {Credentials}
 */
function credentialsOf({ ufrag, pwd }) {
  return { ufrag, pwd };
}

/**
 * @param {Slots} slots
 * @param {'offer' | 'answer'} type
 * @param {Section[]} sections
 * @param {Created['transceivers']} transceivers
 * @returns {Created}
 */
function created(slots, type, sections, transceivers) {
  const session = { user: slots.flavour.user, id: slots.id, version: ++slots.versions, sections };
  return { sdp: writeSdp(session), description: new Description(type, session), transceivers };
}

/**
 * @param {TransceiverSlots} transceiver
 * @param {Pick<Section, 'mid' | 'direction' | 'ufrag' | 'pwd'>} rest
 */
function mediaSection({ kind, track, streamIds, receiverTrack }, rest) {
  // A sender without a track still has an id to announce.
  return section({ kind, streamIds, trackId: track?.id ?? `no-track-${receiverTrack.id}`, ...rest });
}

/**
 * @param {string} mid
 * @param {Credentials} credentials
 */
function dataSection(mid, credentials) {
  return section({ kind: 'application', mid, direction: 'sendrecv', ...credentials });
}

/**
 * Whether both sides have agreed that this section is free for another transceiver.
 *
 * @param {Slots} slots
 * @param {string} mid
 */
function isRecyclable({ currentLocal, currentRemote }, mid) {
  return Boolean(currentLocal?.section(mid)?.rejected && currentRemote?.section(mid)?.rejected);
}

/**
 * A new description of the same generation has the candidates that are known already.
 *
 * @param {Section[]} sections
 * @param {Description} old
 */
function keepCandidates(sections, old) {
  for (const each of sections) {
    const before = old.section(each.mid);
    if (each.rejected || before?.ufrag !== each.ufrag) continue;
    each.candidates = [...before.candidates];
    each.endOfCandidates = before.endOfCandidates;
  }
}

/**
 * @param {Slots} slots
 * @returns {Credentials}
 */
function newCredentials({ network }) {
  const { random } = network.scheduler;
  // ICE uses the other base64 alphabet.
  const token = (/** @type {number} */ length) => random.token(length).replaceAll('-', '+').replaceAll('_', '/');
  return { ufrag: token(6), pwd: token(24) };
}

/**
 * Gives the smallest numbers that no description and no transceiver has.
 *
 * @param {Slots} slots
 */
function midTaker({ currentLocal, pendingLocal, currentRemote, pendingRemote, transceivers }) {
  const taken = new Set(transceivers.map(({ mid }) => mid));
  for (const description of [currentLocal, pendingLocal, currentRemote, pendingRemote]) {
    for (const { mid } of description?.sections ?? []) taken.add(mid);
  }
  let next = 0;
  return () => {
    while (taken.has(String(next))) next++;
    return String(next++);
  };
}
