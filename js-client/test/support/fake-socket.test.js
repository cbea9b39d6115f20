// The socket itself, against a server that a test plays by hand.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { recordEvents } from './fake-pair.js';
import { FakeSocketNetwork, FakeWebSocket } from './fake-socket.js';
import { Scheduler } from './scheduler.js';

/** @typedef {import('./fake-socket.js').ServerEnd} ServerEnd */

/** A socket, its server's end once the handshake is there, and everything that either hears. */
function connect(/** @type {{ seed?: number, answer?: (end: ServerEnd) => void }} */ options = {}) {
  const { seed, answer = (end) => end.accept('p') } = options;
  const scheduler = new Scheduler({ seed });
  /** @type {{ end: ServerEnd | null, heard: (string | number)[] }} */
  const server = { end: null, heard: [] };
  const network = new FakeSocketNetwork(scheduler, (end) => {
    server.end = end;
    end.onmessage = (text) => { server.heard.push(text); };
    end.onclose = (code) => { server.heard.push(code); };
    answer(end);
  });
  const socket = new (network.page('ada').WebSocket)('ws://host/signal/room', ['p', 'q']);
  /** @type {(string | number)[]} */
  const heard = [];
  socket.onmessage = ({ data }) => heard.push(data);
  socket.onclose = ({ code, wasClean }) => heard.push(code, wasClean ? 'clean' : 'unclean');
  const events = recordEvents(socket, ['open', 'error', 'close']);
  /** @returns {ServerEnd} */
  const end = () => server.end ?? assert.fail('no handshake');
  return { scheduler, network, socket, end, server, heard, events };
}

describe('a socket', () => {
  test('opens with the subprotocol that the server chose', async () => {
    const { scheduler, socket, end, events } = connect();
    assert.equal(socket.readyState, FakeWebSocket.CONNECTING);
    assert.throws(() => socket.send('early'), { name: 'InvalidStateError' });
    await scheduler.settle();
    assert.deepEqual([socket.readyState, socket.protocol, events], [socket.OPEN, 'p', ['open']]);
    assert.deepEqual([end().page, end().url, end().protocols], ['ada', 'ws://host/signal/room', ['p', 'q']]);
  });

  test('carries messages in order, both ways, under every schedule', async () => {
    for (let seed = 0; seed < 40; seed++) {
      const { scheduler, socket, end, server, heard } = connect({ seed });
      await scheduler.settle();
      for (let number = 0; number < 5; number++) {
        socket.send(`up ${number}`);
        end().send(`down ${number}`);
      }
      assert.equal(socket.bufferedAmount, 20);
      await scheduler.settle();
      assert.deepEqual(server.heard, [0, 1, 2, 3, 4].map((number) => `up ${number}`));
      assert.deepEqual(heard, [0, 1, 2, 3, 4].map((number) => `down ${number}`));
      assert.equal(socket.bufferedAmount, 0);
    }
  });

  test('that the page closes finishes sending, then hears nothing more', async () => {
    const { scheduler, socket, end, server, heard, events } = connect();
    await scheduler.settle();
    socket.send('last');
    end().send('too late');
    socket.close(4000, 'enough');
    socket.send('ignored');
    assert.deepEqual([socket.readyState, socket.bufferedAmount], [socket.CLOSING, 11]);
    await scheduler.settle();
    assert.deepEqual([server.heard, heard], [['last', 4000], [4000, 'clean']]);
    assert.deepEqual(events, ['open', 'close']);
    assert.equal(scheduler.clock.pending, 0);
  });

  test('that the server closes gets what was sent before', async () => {
    const { scheduler, socket, end, heard, events } = connect();
    await scheduler.settle();
    end().send('last');
    end().close(4500, 'kicked');
    await scheduler.settle();
    assert.deepEqual([heard, events], [['last', 4500, 'clean'], ['open', 'close']]);
    assert.equal(socket.readyState, socket.CLOSED);
  });

  test('refuses what the API refuses', async () => {
    const { network, socket, scheduler } = connect();
    const { WebSocket } = network.page('x');
    for (const url of ['nonsense', 'ftp://host/', 'ws://host/#fragment']) {
      assert.throws(() => new WebSocket(url), { name: 'SyntaxError' });
    }
    assert.throws(() => new WebSocket('ws://host/', ['p', 'p']), { name: 'SyntaxError' });
    await scheduler.settle();
    assert.throws(() => socket.close(1001), { name: 'InvalidAccessError' });
    assert.throws(() => socket.close(3000, 'x'.repeat(124)), { name: 'SyntaxError' });
  });
});

describe('a connection fails', () => {
  test('when it is refused', async () => {
    const { scheduler, socket, heard, events } = connect({ answer: (end) => end.refuse() });
    await scheduler.settle();
    assert.deepEqual([heard, events], [[1006, 'unclean'], ['error', 'close']]);
    assert.equal(socket.readyState, socket.CLOSED);
  });

  test('when the page gives up before it is open', async () => {
    const { scheduler, socket, server, heard, events } = connect({ answer: () => {} });
    await scheduler.settle();
    socket.close();
    await scheduler.settle();
    assert.deepEqual([heard, events, server.heard], [[1006, 'unclean'], ['error', 'close'], [1006]]);
  });

  test('when it is cut, on both sides at once', async () => {
    const { scheduler, socket, end, server, heard } = connect();
    await scheduler.settle();
    socket.send('lost');
    end().send('lost');
    end().cut();
    await scheduler.settle();
    assert.deepEqual([heard, server.heard], [[1006, 'unclean'], [1006]]);
  });

  test('so that what was under way may have arrived or not, in each direction', async () => {
    const outcomes = new Set();
    for (let seed = 0; seed < 60; seed++) {
      const { scheduler, socket, end, server, heard } = connect({ seed });
      await scheduler.settle();
      socket.send('up');
      end().send('down');
      end().cut();
      await scheduler.settle();
      outcomes.add([heard.includes('down'), server.heard.includes('up')].join());
      assert.deepEqual(heard.slice(-2), [1006, 'unclean']);
    }
    assert.equal(outcomes.size, 4);
  });

  test('silently when it stalls: only closing it shows, and takes two seconds', async () => {
    const { scheduler, socket, end, server, heard } = connect();
    await scheduler.settle();
    end().stall();
    socket.send('stuck');
    end().send('stuck');
    await scheduler.clock.advance(60_000);
    assert.deepEqual([heard, server.heard, socket.bufferedAmount], [[], [], 5]);
    socket.close();
    await scheduler.clock.advance(1_999);
    assert.deepEqual(heard, []);
    await scheduler.clock.advance(1);
    assert.deepEqual([heard, server.heard], [[1006, 'unclean'], []], 'and only here');
  });

  test('to nobody when a stall passes', async () => {
    const { scheduler, socket, end, server, heard } = connect();
    await scheduler.settle();
    end().stall();
    socket.send('late');
    end().send('late');
    end().unstall();
    await scheduler.settle();
    assert.deepEqual([heard, server.heard], [['late'], ['late']]);
  });

  test('for the server alone when the page is gone', async () => {
    const { scheduler, network, socket, server, heard, events } = connect();
    await scheduler.settle();
    assert.deepEqual([network.created, network.open], [1, 1]);
    socket.disappear();
    await scheduler.settle();
    assert.deepEqual([heard, events, server.heard], [[], ['open'], [1001]]);
    assert.equal(network.open, 0);
  });
});
