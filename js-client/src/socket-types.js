// The options, states and events of a session.

/**
 * - `idle`: not joined yet
 * - `connecting`: the first connection is being made, or another one that continues the wait in the lobby
 * - `waiting`: in the room's lobby, until a moderator or the application admits this page
 * - `joined`: in the room
 * - `away`: the connection is lost, until the next attempt; other pages see this peer as away
 * - `resuming`: the next attempt is in progress
 * - `closed`: left or ended; `join` may be called again
 *
 * @typedef {'idle' | 'connecting' | 'waiting' | 'joined' | 'away' | 'resuming' | 'closed'} State
 */

/**
 * @typedef {object} SocketOptions
 * @property {unknown} [meta] data about this peer for the others
 * @property {string | (() => string | Promise<string>)} [token] for the application's authorization; a function is
 *   called for each connection. If it throws, rejects, returns no string or takes too long, the attempt has failed
 *   (`unauthorized`), and the `retry` policy decides
 * @property {number} [tokenTimeoutMs] how long that function may take; 30,000 by default
 * @property {import('./retry.js').RetryPolicy} [retry] when to reconnect; exponential backoff by default (`fullJitter`)
 * @property {number} [openTimeoutMs] how long a connection may take to open, and how long the server may be silent before
 *   its first reply; 10,000 by default
 * @property {import('./rate-limiter.js').RateLimit} [rateLimit] the sending rate; below the server's limits by default
 * @property {(welcome: import('./protocol.js').Welcome) => void} [validateWelcome] checks the first welcome, before its
 *   events; `join` rejects with the error that it throws
 * @property {JoinOffers} [offers] go with the `join` of a new session
 * @property {(hello: import('./protocol.js').Hello) => void} [hello] called for each `hello` of the server
 * @property {Partial<import('./environment.js').Environment>} [environment] for tests
 */

/**
 * What is made while a connection opens, for the peers that the page will find.
 *
 * @typedef {object} JoinOffers
 * @property {() => void} prepare called when a connection for a new session is being opened
 * @property {boolean} needsHello whether they are of no use before the server has said which ICE servers there are
 * @property {boolean} isPending whether some are being made
 * @property {(listener: () => void) => void} whenMade calls back once, when none is pending
 * @property {(maxBytes: number) => object[]} take
 */

/**
 * - `statechange`: `reason` is the error if the state is `away`, `closed`, or `connecting` after `waiting`; `null` after leaving
 * - `unprepared`: what `prepare` has opened was closed, without a join
 * - `waiting`: a wait in the lobby begins. Not fired again when another connection continues it
 * - `welcome`: in the room, for the first time or again; see `resumed` in the protocol. For the first time it is `no`
 * - `message`: the messages of the server in the room, in order and without duplicates
 * - `rejected`: the server has rejected a message, or it exceeds the server's limits. `message` is `null` if it is not known
 *   any more
 *
 * @typedef {object} SocketEvents
 * @property {{ state: State, reason: import('./errors.js').MeetError | null }} statechange
 * @property {{}} waiting
 * @property {{}} unprepared
 * @property {{ welcome: import('./protocol.js').Welcome }} welcome
 * @property {{ message: import('./protocol.js').RoomMessage }} message
 * @property {{ error: import('./errors.js').MeetError, message: import('./protocol.js').SentMessage | null }} rejected
 */

export {};
