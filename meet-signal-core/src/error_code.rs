//! Why something that a client sent was not done.

use serde::Serialize;

/// The `code` of an `error` message: stable, kebab-case on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub enum ErrorCode {
    /// Not JSON, or a known type with missing or wrong fields. The session goes on, unless there are
    /// too many of them.
    ///
    /// [`Limits::bad_messages`](crate::Limits::bad_messages) says how many.
    BadMessage,
    /// A type of message that the server does not know. The session goes on.
    UnknownType,
    /// Something other than `join` came first.
    NotJoined,
    /// A second `join` on one connection.
    AlreadyJoined,
    /// A `meta` over its limit.
    TooLarge,
    /// Too many frames; this one was not processed.
    RateLimited,
    /// Nobody with this id is in the room.
    NoSuchPeer,
    /// The peer's queue is full, or its node cannot be reached.
    PeerUnreachable,
    /// The session lacks the permission.
    NotAllowed,
    /// The application refuses this peer.
    Denied,
    /// The room holds as many peers as it may.
    RoomFull,
    /// The room admits nobody new.
    RoomLocked,
    /// This identity may not join for a while.
    Banned,
    /// This identity is in the room already, and the application allows it once.
    Duplicate,
    /// The token is missing, wrong or expired.
    Unauthorized,
    /// The server cannot take the session now.
    Unavailable,
}
