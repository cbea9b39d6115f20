//! The error codes of the protocol.

use serde::Serialize;

/// The `code` of an `error` message: stable, in kebab-case on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub enum ErrorCode {
    /// Not JSON, or a known type with missing or invalid fields. The session continues, unless
    /// there are too many of them.
    ///
    /// [`Limits::bad_messages`](crate::Limits::bad_messages) is the limit.
    BadMessage,
    /// An unknown type of message. The session continues.
    UnknownType,
    /// The first message was not `join`.
    NotJoined,
    /// A second `join` on one connection.
    AlreadyJoined,
    /// A `meta` over the limit.
    TooLarge,
    /// The rate limit is exceeded; the message was not processed.
    RateLimited,
    /// No peer with this id is in the room.
    NoSuchPeer,
    /// The peer's queue is full, or its node is unreachable.
    PeerUnreachable,
    /// The session lacks the permission.
    NotAllowed,
    /// The application refuses this peer.
    Denied,
    /// The room has reached its limit of peers.
    RoomFull,
    /// The room admits no new members.
    RoomLocked,
    /// This identity may not join for some time.
    Banned,
    /// This identity is in the room already, and the application allows it only once.
    Duplicate,
    /// The token is missing, wrong or expired.
    Unauthorized,
    /// The server cannot take the session now.
    Unavailable,
}
