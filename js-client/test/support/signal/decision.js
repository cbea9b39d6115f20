// The time that an application takes to decide about a join: section 2 of `docs/protocol.md`.

/** @typedef {import('../fake-socket.js').ServerEnd} ServerEnd */
/** @typedef {import('../fake-signal-server.js').FakeSignalServer} FakeSignalServer */

/**
 * Shows signs of life until the decision is there. A client that leaves, or whose connection ends, takes its join back.
 *
 * @param {FakeSignalServer} server
 * @param {ServerEnd} end
 * @param {() => void} decided
 */
export function decide(server, end, decided) {
  const { clock, decisionMs, log } = server;
  if (decisionMs === 0) return decided();
  const ping = () => {
    end.send('{"type":"ping","received":0}');
    pulse = clock.setTimeout(ping, server.signOfLifeMs);
  };
  let pulse = clock.setTimeout(ping, server.signOfLifeMs);
  const stop = () => {
    clock.clearTimeout(pulse);
    clock.clearTimeout(timer);
    end.onmessage = end.onclose = null;
  };
  const timer = clock.setTimeout(() => { stop(); decided(); }, decisionMs);
  end.onclose = stop;
  end.onmessage = (text) => {
    const frame = JSON.parse(text);
    log.push({ page: end.page, frame });
    if (frame.type !== 'leave') return;
    stop();
    end.close(1000, 'left');
  };
}
