// Descriptions as text: a subset of SDP with the lines that negotiation is about.

import { exception } from './basics.js';

/** @typedef {'sendrecv' | 'sendonly' | 'recvonly' | 'inactive'} Direction */

/**
 * A media section.
 *
 * @typedef {object} Section
 * @property {'audio' | 'video' | 'application'} kind
 * @property {string} mid
 * @property {boolean} rejected port 0; such a section has no credentials
 * @property {Direction} direction of its author; `application` sections have none in the text
 * @property {string} ufrag
 * @property {string} pwd
 * @property {'actpass' | 'active' | 'passive'} setup
 * @property {string[]} streamIds
 * @property {string} trackId
 * @property {string[]} candidates without `a=`
 * @property {boolean} endOfCandidates
 */

/** @typedef {{ user: string, id: string, version: number, sections: Section[] }} Session */

/** `RTCSessionDescription`. */
export class FakeSessionDescription {
  /** @param {{ type: string, sdp: string }} init */
  constructor({ type, sdp }) {
    this.type = type;
    this.sdp = sdp;
    Object.freeze(this);
  }

  toJSON() {
    return { type: this.type, sdp: this.sdp };
  }
}

/** A description that is set: the parsed session, which gathers candidates, and its text. */
export class Description {
  /** @type {FakeSessionDescription | undefined} */
  #public;

  /**
   * @param {'offer' | 'answer' | 'pranswer'} type
   * @param {Session} session
   */
  constructor(type, session) {
    this.type = type;
    this.session = session;
  }

  get sections() {
    return this.session.sections;
  }

  /** The section whose transport all others share (BUNDLE), if any is in use. */
  get tag() {
    return this.sections.find((section) => !section.rejected);
  }

  /** @param {string | null} mid */
  section(mid) {
    return this.sections.find((section) => section.mid === mid);
  }

  /** What the page gets: the same object until a candidate is added. */
  toPublic() {
    const sdp = writeSdp(this.session);
    if (this.#public?.sdp !== sdp) this.#public = new FakeSessionDescription({ type: this.type, sdp });
    return this.#public;
  }
}

/**
 * @param {Partial<Section> & Pick<Section, 'kind' | 'mid'>} given
 * @returns {Section}
 */
export function section(given) {
  return {
    rejected: false,
    direction: 'inactive',
    ufrag: '',
    pwd: '',
    setup: 'actpass',
    streamIds: [],
    trackId: '',
    candidates: [],
    endOfCandidates: false,
    ...given,
  };
}

/** @param {Session} session */
export function writeSdp(session) {
  const used = session.sections.filter((each) => !each.rejected);
  return [
    'v=0',
    `o=${session.user} ${session.id} ${session.version} IN IP4 127.0.0.1`,
    's=-',
    't=0 0',
    ...(used.length ? [`a=group:BUNDLE ${used.map((each) => each.mid).join(' ')}`] : []),
    ...session.sections.flatMap(writeSection),
    '',
  ].join('\r\n');
}

/**
 * @param {string} text
 * @returns {Session}
 * @throws {DOMException} `OperationError` when it is no SDP
 */
export function parseSdp(text) {
  const [head = '', ...blocks] = text.split(/^(?=m=)/m);
  const [, user, id = '', version] = /^o=(\S+) (\S+) (\d+) /m.exec(head) ?? [];
  if (!head.startsWith('v=0\r\n') || user === undefined) throw exception('OperationError', 'Failed to parse SDP');
  return { user, id, version: Number(version), sections: blocks.map(parseSection) };
}

/**
 * What the other side's direction is from this side, and the reverse.
 *
 * @param {Direction} direction
 * @returns {Direction}
 */
export function reversed(direction) {
  return toDirection(receives(direction), sends(direction));
}

/**
 * The part of a direction that an offer permits.
 *
 * @param {Direction} direction
 * @param {Direction} offered from this side's point of view
 * @returns {Direction}
 */
export function intersected(direction, offered) {
  return toDirection(sends(direction) && sends(offered), receives(direction) && receives(offered));
}

/** @param {string | null} direction */
export function sends(direction) {
  return direction === 'sendrecv' || direction === 'sendonly';
}

/** @param {string | null} direction */
export function receives(direction) {
  return direction === 'sendrecv' || direction === 'recvonly';
}

/**
 * @param {boolean} sending
 * @param {boolean} receiving
 * @returns {Direction}
 */
function toDirection(sending, receiving) {
  if (sending) return receiving ? 'sendrecv' : 'sendonly';
  return receiving ? 'recvonly' : 'inactive';
}

/** @param {Section} each */
function writeSection(each) {
  const data = each.kind === 'application';
  const port = each.rejected ? 0 : 9;
  const lines = [
    data
      ? `m=application ${port} UDP/DTLS/SCTP webrtc-datachannel`
      : `m=${each.kind} ${port} UDP/TLS/RTP/SAVPF ${each.kind === 'audio' ? 111 : 96}`,
    'c=IN IP4 0.0.0.0',
    `a=mid:${each.mid}`,
  ];
  if (!data) lines.push(`a=${each.rejected ? 'inactive' : each.direction}`);
  if (each.rejected) return lines;
  lines.push(
    `a=ice-ufrag:${each.ufrag}`,
    `a=ice-pwd:${each.pwd}`,
    'a=ice-options:trickle',
    `a=fingerprint:sha-256 ${FINGERPRINT}`,
    `a=setup:${each.setup}`,
  );
  if (data) {
    lines.push('a=sctp-port:5000', 'a=max-message-size:262144');
  } else {
    lines.push(each.kind === 'audio' ? 'a=rtpmap:111 opus/48000/2' : 'a=rtpmap:96 VP8/90000', 'a=rtcp-mux');
    if (sends(each.direction)) {
      const streamIds = each.streamIds.length ? each.streamIds : ['-'];
      lines.push(...streamIds.map((id) => `a=msid:${id} ${each.trackId}`));
    }
  }
  lines.push(...each.candidates.map((candidate) => `a=${candidate}`));
  if (each.endOfCandidates) lines.push('a=end-of-candidates');
  return lines;
}

/** @param {string} block */
function parseSection(block) {
  const media = /^m=(audio|video|application) (\d+) /.exec(block);
  const mid = value(block, 'mid');
  if (!media || mid === undefined) throw exception('OperationError', 'Failed to parse a media section');
  const msids = [...block.matchAll(/^a=msid:(\S+) (\S*)/gm)];
  return section({
    kind: /** @type {Section['kind']} */ (media[1]),
    mid,
    rejected: media[2] === '0',
    direction: /** @type {Direction} */ (DIRECTION.exec(block)?.[1] ?? 'sendrecv'),
    ufrag: value(block, 'ice-ufrag') ?? '',
    pwd: value(block, 'ice-pwd') ?? '',
    setup: /** @type {Section['setup']} */ (value(block, 'setup') ?? 'actpass'),
    streamIds: msids.map(([, id = '']) => id).filter((id) => id !== '-'),
    trackId: msids[0]?.[2] ?? '',
    candidates: [...block.matchAll(/^a=(candidate:.*?)\r?$/gm)].map(([, candidate = '']) => candidate),
    endOfCandidates: /^a=end-of-candidates/m.test(block),
  });
}

/**
 * @param {string} block
 * @param {string} name
 */
function value(block, name) {
  return new RegExp(`^a=${name}:(\\S+)`, 'm').exec(block)?.[1];
}

const DIRECTION = /^a=(sendrecv|sendonly|recvonly|inactive)\r?$/m;

// Of nothing: the fake network has no keys.
const FINGERPRINT = Array.from({ length: 32 }, (_, index) => (index * 7 + 16).toString(16).toUpperCase()).join(':');
