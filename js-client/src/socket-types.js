// What a session is given, which states it has, and what it tells.

/**
 * - `idle`: not joined yet
 * - `connecting`: the first connection is under way
 * - `waiting`: in the room's lobby
 * - `joined`: in the room
 * - `away`: the connection is lost, and the next try is waited for; the others see this peer as away
 * - `resuming`: the next try is under way
 * - `closed`: over, until `join` is called again
 *
 * @typedef {'idle' | 'connecting' | 'waiting' | 'joined' | 'away' | 'resuming' | 'closed'} State
 */

/**
 * @typedef {object} SocketOptions
 * @property {unknown} [meta] what the others are told about this peer
 * @property {string | (() => string | Promise<string>)} [token] for the application's authorisation; a function is
 *   asked at each connection. Where it throws, rejects, gives no string or takes too long, the try has failed
 *   (`unauthorized`), and `retry` is asked
 * @property {number} [tokenMs] how long that function may take; 30,000 by default
 * @property {import('./retry.js').RetryPolicy} [retry] when to try again; exponential back-off by default (`fullJitter`)
 * @property {number} [openMs] how long a connection may take to open, and the server may then be silent before
 *   it answers; 10,000 by default
 * @property {import('./pace.js').Rate} [pace] how fast to send; somewhat below the server's limits by default
 * @property {(welcome: import('./protocol.js').Welcome) => void} [check] looks at the first welcome, before anybody hears of
 *   it; what it throws is what `join` rejects with
 * @property {Partial<import('./environment.js').Environment>} [environment] for tests
 */

/**
 * - `statechange`: `reason` says why, where it is `away` or `closed`; `null` after leaving
 * - `welcome`: in the room, for the first time or again; see `resumed` in the protocol
 * - `message`: what happens in the room, in order, nothing twice
 * - `rejected`: the server did not do what a message asked for, or that is over its limits. `message` is `null` where it is
 *   no longer known
 *
 * @typedef {object} SocketEvents
 * @property {{ state: State, reason: import('./errors.js').MeetError | null }} statechange
 * @property {{ welcome: import('./protocol.js').Welcome }} welcome
 * @property {{ message: import('./protocol.js').RoomMessage }} message
 * @property {{ error: import('./errors.js').MeetError, message: import('./protocol.js').SentMessage | null }} rejected
 */

export {};
