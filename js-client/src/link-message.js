// What two pages say to each other, inside of `signal` (`docs/protocol.md`, section 7).

import { MOST_SOURCES } from './bounds.js';
import { expand } from './description.js';

/** @typedef {import('./negotiator.js').NegotiationMessage} NegotiationMessage */
/** @typedef {import('./slots.js').SourceDescription} SourceDescription */

/**
 * Which media section carries which source. A higher `revision` supersedes a lower one, whichever way it came.
 *
 * @typedef {{ revision: number, list: SourceDescription[] }} Sources
 */

/**
 * @typedef {object} LinkMessage
 * @property {number} epoch which of the sender's connections to the receiver this is about, counted from 1
 * @property {number | null} to which of the receiver's; `null` for what any new one can take
 * @property {NegotiationMessage | null} negotiation
 * @property {Sources | null} sources
 */

/**
 * Reads what came from another browser, which may be of any version and any intent.
 *
 * @param {unknown} data
 * @returns {LinkMessage | null} `null` for what is not one of these messages
 */
export function parseLinkMessage(data) {
  if (!isObject(data) || !isCount(data['epoch'])) return null;
  const to = data['to'] ?? null;
  if (to !== null && !isCount(to)) return null;
  return { epoch: data['epoch'], to, negotiation: negotiation(data), sources: parseSources(data['sources']) };
}

/**
 * A message of the control channel.
 *
 * @param {string} text
 * @returns {Sources | null} `null` for what is not for this version
 */
export function parseControl(text) {
  try {
    return parseSources(JSON.parse(text).sources);
  } catch {
    return null;
  }
}

/**
 * @param {unknown} value
 * @returns {Sources | null}
 */
function parseSources(value) {
  if (!isObject(value) || !isCount(value['revision']) || !Array.isArray(value['list'])) return null;
  const list = value['list'].slice(0, MOST_SOURCES).filter((source) => isObject(source) && isName(source['name']));
  return {
    revision: value['revision'],
    list: list.map(({ name, audio, video }) => ({ name, audio: side(audio), video: side(video) })),
  };
}

/**
 * @param {Record<string, unknown>} data
 * @returns {NegotiationMessage | null}
 */
function negotiation({ description, offerId, candidates, request }) {
  if (isObject(description) && isCount(offerId)) {
    const { type, lines } = description;
    const sdp = Array.isArray(lines) ? expand(lines) : description['sdp'];
    if ((type === 'offer' || type === 'answer') && typeof sdp === 'string') return { description: { type, sdp }, offerId };
  }
  if (Array.isArray(candidates)) return { candidates: candidates.slice(0, MOST_CANDIDATES).flatMap(candidate) };
  if (request === 'offer' || request === 'restart' || request === 'again') return { request };
  return null;
}

/**
 * @param {unknown} value
 * @returns {RTCIceCandidateInit[]}
 */
function candidate(value) {
  if (!isObject(value) || typeof value['candidate'] !== 'string' || value['candidate'].length > MOST_CANDIDATE) return [];
  const { candidate: text, sdpMid, sdpMLineIndex, usernameFragment } = value;
  return [{
    candidate: text,
    sdpMid: typeof sdpMid === 'string' ? sdpMid : null,
    sdpMLineIndex: typeof sdpMLineIndex === 'number' ? sdpMLineIndex : null,
    usernameFragment: typeof usernameFragment === 'string' ? usernameFragment : null,
  }];
}

/** @param {unknown} value */
function side(value) {
  return isObject(value) && isName(value['mid']) ? { mid: value['mid'], muted: value['muted'] === true } : null;
}

/**
 * @param {unknown} value
 * @returns {value is Record<string, unknown>}
 */
function isObject(value) {
  return typeof value === 'object' && value !== null;
}

/**
 * @param {unknown} value
 * @returns {value is string}
 */
function isName(value) {
  return typeof value === 'string' && value !== '' && value.length <= MOST_NAME;
}

/**
 * @param {unknown} value
 * @returns {value is number}
 */
function isCount(value) {
  return Number.isSafeInteger(value) && /** @type {number} */ (value) > 0;
}

const MOST_CANDIDATES = 128;
/** In characters; those of browsers have some 200. */
const MOST_CANDIDATE = 1024;
const MOST_NAME = 64;
