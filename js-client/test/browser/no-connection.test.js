// Browsers that make no connection between pages: the rest of the room works.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { Participant } from './support/participant.js';
import { setUp } from './support/setup.js';

const { browsers, server, newRoom } = setUp();

/** What a privacy setting, a policy or a full browser does. */
const PAGES = {
  'that has too many connections': () => {
    const { RTCPeerConnection } = window;
    window.RTCPeerConnection = class extends RTCPeerConnection {
      constructor(configuration) {
        super(configuration);
        throw new DOMException('too many', 'UnknownError');
      }
    };
  },
  'whose data channels cannot be made': () => {
    RTCPeerConnection.prototype.createDataChannel = () => { throw new DOMException('no', 'OperationError'); };
  },
  'whose transceivers cannot be made': () => {
    RTCPeerConnection.prototype.addTransceiver = () => { throw new DOMException('no', 'InvalidStateError'); };
  },
};

for (const kind of ['chromium', 'firefox']) {
  describe(kind, { concurrency: 1 }, () => {
    for (const [what, prepare] of Object.entries(PAGES)) {
      test(`a page ${what} is in the room, says so of each peer, and throws nothing`, async () => {
        const url = server.url(`/room/${newRoom()}`);
        const ada = await Participant.join(browsers, 'chromium', { url, name: 'Ada' });
        const bob = await Participant.join(browsers, kind, { url, name: 'Bob', prepare: (page) => page.evaluateOnNewDocument(prepare) });
        await bob.seesState(ada, 'connection', 'failed');
        await bob.says('hello from nowhere');
        await ada.reads('hello from nowhere');
        for (const one of [ada, bob]) {
          assert.deepEqual(one.complaints, []);
          await one.close();
        }
      });
    }
  });
}
