// The messages between two pages, inside of `signal` (`docs/protocol.md`, section 7).

import { expand } from './description.js';
import { RESYNC } from './negotiator.js';
import { MAX_SOURCES } from './peer-limits.js';

/** @typedef {import('./negotiator.js').NegotiationMessage} NegotiationMessage */
/** @typedef {import('./transceiver-pool.js').SourceDescription} SourceDescription */

/**
 * Which media section carries which source. A higher `revision` supersedes a lower one, on either channel.
 *
 * @typedef {{ revision: number, list: SourceDescription[] }} Sources
 */

/**
 * @typedef {object} TransportMessage
 * @property {number} generation the sender's connection generation, counted from 1; `epoch` on the wire
 * @property {number | null} to the receiver's connection generation; `null` for any that has not started
 * @property {NegotiationMessage | null} negotiation
 * @property {Sources | null} sources
 */

/**
 * Parses untrusted data of another browser.
 *
 * @param {unknown} data
 * @returns {TransportMessage | null} `null` for other data
 */
export function parseTransportMessage(data) {
  if (!isObject(data) || !isCount(data['epoch'])) return null;
  const to = data['to'] ?? null;
  if (to !== null && !isCount(to)) return null;
  return { generation: data['epoch'], to, negotiation: negotiation(data), sources: parseSources(data['sources']) };
}

/**
 * Parses a message of the control channel.
 *
 * @param {string} text
 * @returns {Sources | null} `null` for other messages
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
  const list = value['list'].slice(0, MAX_SOURCES).filter((source) => isObject(source) && isName(source['name']));
  return {
    revision: value['revision'],
    list: list.map(({ name, audio, video }) => ({ name, audio: section(audio), video: section(video) })),
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
  if (Array.isArray(candidates)) return { candidates: candidates.slice(0, MAX_CANDIDATES).flatMap(candidate) };
  if (request === 'offer' || request === 'restart' || request === RESYNC) return { request };
  return null;
}

/**
 * @param {unknown} value
 * @returns {RTCIceCandidateInit[]}
 */
function candidate(value) {
  if (!isObject(value) || typeof value['candidate'] !== 'string' || value['candidate'].length > MAX_CANDIDATE_LENGTH) return [];
  const { candidate: text, sdpMid, sdpMLineIndex, usernameFragment } = value;
  return [{
    candidate: text,
    sdpMid: typeof sdpMid === 'string' ? sdpMid : null,
    sdpMLineIndex: typeof sdpMLineIndex === 'number' ? sdpMLineIndex : null,
    usernameFragment: typeof usernameFragment === 'string' ? usernameFragment : null,
  }];
}

/** @param {unknown} value */
function section(value) {
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
  return typeof value === 'string' && value !== '' && value.length <= MAX_NAME_LENGTH;
}

/**
 * @param {unknown} value
 * @returns {value is number}
 */
function isCount(value) {
  return Number.isSafeInteger(value) && /** @type {number} */ (value) > 0;
}

const MAX_CANDIDATES = 128;
/** In characters. Candidates of browsers have some 200. */
const MAX_CANDIDATE_LENGTH = 1024;
const MAX_NAME_LENGTH = 64;
