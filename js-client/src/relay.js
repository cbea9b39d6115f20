// Whether a connection depends on a relay that may end soon.

/**
 * A TURN server may end a relay when the credentials expire that it was allocated with. A relay cannot change to others:
 * another one is allocated when ICE restarts.
 *
 * @param {RTCPeerConnection} pc
 * @param {RTCConfiguration} next
 * @returns {Promise<boolean>} whether the connection uses a relay whose credentials are not among the next ones
 */
export async function losesRelay(pc, next) {
  const kept = new Set(credentials(next));
  if (credentials(pc.getConfiguration()).every((each) => kept.has(each))) return false;
  const stats = /** @type {Map<string, any>} */ (/** @type {unknown} */ (await pc.getStats()));
  return [...stats.values()].some((pair) => isSelected(pair, stats) && stats.get(pair.localCandidateId)?.candidateType === 'relay');
}

/** @param {RTCConfiguration} configuration */
function credentials({ iceServers = [] }) {
  return iceServers.flatMap(({ username, credential }) => (username === undefined ? [] : [JSON.stringify([username, credential])]));
}

/**
 * Firefox has `selected` instead of the transport's property.
 *
 * @param {any} pair
 * @param {Map<string, any>} stats
 */
function isSelected({ type, id, transportId, selected }, stats) {
  return type === 'candidate-pair' && (selected === true || stats.get(transportId)?.selectedCandidatePairId === id);
}
