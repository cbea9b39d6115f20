// The operations that run in the chain: what happens when their turn has come.

import { exception } from './basics.js';
import { generateAnswer, generateOffer } from './jsep.js';
import { setDescription } from './set-description.js';

/** @typedef {import('./slots.js').Slots} Slots */
/** @typedef {import('./check-description.js').SdpType} SdpType */

/**
 * @typedef {object} CandidateInit
 * @property {string} candidate
 * @property {string | null} sdpMid
 * @property {number | null} sdpMLineIndex
 * @property {string | null} usernameFragment
 */

/**
 * @param {Slots} slots
 * @param {boolean} [iceRestart]
 */
export async function createOffer(slots, iceRestart = false) {
  assertState(slots, ['stable', 'have-local-offer']);
  slots.lastOffer = await slots.later('create offer', () => generateOffer(slots, iceRestart));
  return slots.lastOffer;
}

/** @param {Slots} slots */
export async function createAnswer(slots) {
  assertState(slots, ['have-remote-offer', 'have-local-pranswer']);
  slots.lastAnswer = await slots.later('create answer', () => generateAnswer(slots));
  return slots.lastAnswer;
}

/**
 * @param {Slots} slots
 * @param {{ type?: SdpType | 'rollback', sdp: string }} description
 */
export async function setLocal(slots, { type: given, sdp }) {
  const offering = ['stable', 'have-local-offer', 'have-remote-pranswer'].includes(slots.signalingState);
  const type = given ?? (offering ? 'offer' : 'answer');
  if (type === 'rollback') return setDescription(slots, { remote: false, type, sdp });
  const last = type === 'offer' ? slots.lastOffer : slots.lastAnswer;
  if (sdp !== '' && sdp !== last?.sdp) {
    throw exception('InvalidModificationError', `The ${type} is not the last one that was created`);
  }
  const created = sdp !== '' ? last : await (type === 'offer' ? createOffer(slots) : createAnswer(slots));
  return setDescription(slots, { remote: false, type, sdp: created?.sdp ?? '', created });
}

/**
 * @param {Slots} slots
 * @param {{ type: SdpType | 'rollback', sdp: string }} description
 */
export async function setRemote(slots, { type, sdp }) {
  if (type === 'offer' && !['stable', 'have-remote-offer'].includes(slots.signalingState)) {
    await setDescription(slots, { remote: false, type: 'rollback', sdp: '' });
  }
  return setDescription(slots, { remote: true, type, sdp });
}

/**
 * @param {Slots} slots
 * @param {CandidateInit} init
 */
export async function addCandidate(slots, { candidate, sdpMid, sdpMLineIndex, usernameFragment }) {
  const { pendingRemote, currentRemote, flavour } = slots;
  const newest = pendingRemote ?? currentRemote;
  if (!newest) throw exception('InvalidStateError', 'There is no remote description');
  const all = sdpMid === null && sdpMLineIndex === null;
  const section = sdpMid === null ? newest.sections[sdpMLineIndex ?? 0] : newest.section(sdpMid);
  if (!all && !section) throw exception('OperationError', 'There is no such media section');
  if (!all && slots.transceivers.some(({ mid, stopped }) => mid === section?.mid && stopped)) return;
  const applied = [pendingRemote, currentRemote].flatMap((each) => (
    each?.sections.filter(({ mid }) => all || mid === section?.mid) ?? []
  ));
  const known = usernameFragment === null || applied.some(({ ufrag }) => ufrag === usernameFragment);
  if (!known && flavour.rejectsUnknownUfrag) {
    throw exception('OperationError', `No remote description has the ufrag ${usernameFragment}`);
  }
  if (candidate !== '' && !CANDIDATE.test(candidate)) throw exception('OperationError', 'Not a candidate');
  await slots.later('add candidate', () => {
    slots.network.fail(slots, 'addIceCandidate', candidate);
    const ufrag = usernameFragment ?? section?.ufrag;
    for (const each of applied) {
      if (usernameFragment !== null && each.ufrag !== usernameFragment) continue;
      if (candidate === '') each.endOfCandidates = true;
      else if (each.ufrag === ufrag) each.candidates.push(candidate);
    }
    if (known && ufrag && candidate !== '') slots.ice.addCandidate(ufrag, candidate);
  });
}

/**
 * @param {Slots} slots
 * @param {string[]} states
 */
function assertState({ signalingState }, states) {
  if (!states.includes(signalingState)) throw exception('InvalidStateError', `Called in ${signalingState}`);
}

const CANDIDATE = /^candidate:\S+ \d+ (udp|tcp) \d+ \S+ \d+ typ (host|srflx|prflx|relay)/i;
