// RFC 8829 (JSEP), sections 5.6 to 5.8: which descriptions are refused, and with which error.

import { exception } from './basics.js';
import { parseSdp } from './sdp.js';

/** @typedef {import('./sdp.js').Section} Section */
/** @typedef {import('./sdp.js').Session} Session */
/** @typedef {import('./slots.js').Slots} Slots */
/** @typedef {'offer' | 'answer' | 'pranswer'} SdpType */

/**
 * @param {Slots} slots
 * @param {{ remote: boolean, type: SdpType, sdp: string }} description
 * @returns {Session} parsed
 * @throws {DOMException} `InvalidStateError`, `OperationError` for bad SDP, `InvalidAccessError` for
 *   SDP that does not fit what was agreed before
 */
export function checkDescription(slots, { remote, type, sdp }) {
  const allowed = (remote ? REMOTE_STATES : LOCAL_STATES)[type];
  if (!allowed.includes(slots.signalingState)) {
    const side = remote ? 'remote' : 'local';
    throw exception('InvalidStateError', `Called in wrong state: ${slots.signalingState}, ${side} ${type}`);
  }
  const session = parseSdp(sdp);
  const mids = session.sections.map(({ mid }) => mid);
  if (new Set(mids).size < mids.length) refuse('Two media sections have the same mid');
  if (session.sections.some(({ rejected, ufrag, pwd }) => !rejected && !(ufrag && pwd))) {
    refuse('A media section has no ICE credentials');
  }
  if (type === 'offer') checkOffer(slots, session);
  else checkAnswer(remote ? slots.pendingLocal : slots.pendingRemote, session);
  return remote && !slots.flavour.keepsOrigin ? { ...session, user: '-' } : session;
}

/**
 * @param {Slots} slots
 * @param {Session} offer
 */
function checkOffer({ currentLocal, currentRemote }, offer) {
  const agreed = currentRemote?.sections ?? [];
  if (offer.sections.length < agreed.length) refuse('The offer has fewer media sections than were agreed');
  for (const [index, before] of agreed.entries()) {
    const now = /** @type {Section} */ (offer.sections[index]);
    const free = before.rejected || currentLocal?.sections[index]?.rejected;
    if (!free && !isSame(before, now)) refuse('The order of the media sections is not that which was agreed');
  }
}

/**
 * @param {{ sections: Section[] } | null} offer
 * @param {Session} answer
 */
function checkAnswer(offer, answer) {
  const offered = offer?.sections ?? [];
  if (answer.sections.length !== offered.length) refuse('The answer has not as many media sections as the offer');
  for (const [index, section] of answer.sections.entries()) {
    const to = /** @type {Section} */ (offered[index]);
    if (!isSame(to, section)) refuse('The media sections of the answer are not those of the offer');
    if (to.rejected && !section.rejected) refuse('The answer accepts a section that was not offered');
  }
}

/**
 * @param {Section} a
 * @param {Section} b
 */
function isSame(a, b) {
  return a.mid === b.mid && a.kind === b.kind;
}

/**
 * @param {string} message
 * @returns {never}
 */
function refuse(message) {
  throw exception('InvalidAccessError', message);
}

/** @type {Record<SdpType, string[]>} */
const LOCAL_STATES = {
  offer: ['stable', 'have-local-offer'],
  answer: ['have-remote-offer', 'have-local-pranswer'],
  pranswer: ['have-remote-offer', 'have-local-pranswer'],
};

/** @type {Record<SdpType, string[]>} */
const REMOTE_STATES = {
  offer: ['stable', 'have-remote-offer'],
  answer: ['have-local-offer', 'have-remote-pranswer'],
  pranswer: ['have-local-offer', 'have-remote-pranswer'],
};
