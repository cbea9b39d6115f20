// webrtc-pc, "Set the configuration".

import { exception } from './basics.js';

/**
 * @param {any} configuration
 * @param {any} [old] what it replaces
 * @returns {any} a copy with defaults
 * @throws {DOMException} `SyntaxError`, `InvalidAccessError` for TURN without credentials,
 *   `InvalidModificationError` for what cannot be changed any more
 */
export function checkConfiguration(configuration, old) {
  const checked = { ...DEFAULTS, ...structuredClone(configuration) };
  for (const { urls, username, credential } of checked.iceServers) {
    const list = typeof urls === 'string' ? [urls] : urls;
    if (list.length === 0) throw exception('SyntaxError', 'An ICE server without a URL');
    for (const url of list) {
      if (!/^(stun|turn)s?:[^/]/.test(url)) throw exception('SyntaxError', `${url} is no URL of an ICE server`);
      if (url.startsWith('turn') && (username === undefined || credential === undefined)) {
        throw exception('InvalidAccessError', `${url} without credentials`);
      }
    }
  }
  for (const fixed of ['bundlePolicy', 'rtcpMuxPolicy']) {
    if (old && old[fixed] !== checked[fixed]) {
      throw exception('InvalidModificationError', `${fixed} cannot be changed`);
    }
  }
  return checked;
}

const DEFAULTS = {
  iceServers: [],
  iceTransportPolicy: 'all',
  bundlePolicy: 'balanced',
  rtcpMuxPolicy: 'require',
  iceCandidatePoolSize: 0,
};
