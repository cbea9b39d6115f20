//! The messages from the server.

use std::{borrow::Cow, time::Duration};

use serde::Serialize;
use serde_json::value::RawValue;

use super::{is_false, meta::Meta};
use crate::{ErrorCode, Frame, Limits, PeerId, Permissions, RoomId, Secret};

/// A message from the server.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub enum ServerMessage<'a> {
    /// The first message of a connection, before the client has sent any. Without a sequence number.
    Hello {
        /// For `RTCPeerConnection`, if the application has decided about this client already.
        #[serde(skip_serializing_if = "Option::is_none")]
        ice_servers: Option<&'a [IceServer]>,
    },
    /// The session has started, or continues.
    Welcome(Welcome<'a>),
    /// The peer waits in the lobby to be admitted. Without a sequence number.
    Waiting(Waiting<'a>),
    /// A peer joined.
    Joined {
        /// The peer. All receivers joined before it, so they are polite toward it.
        peer: Peer<'a>,
        /// Its first offer to the receiver, if it has sent one with its `join`. Opaque.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "schema", schemars(with = "Option<serde_json::Value>"))]
        offer: Option<&'a RawValue>,
    },
    /// A peer left.
    Left {
        /// The peer.
        peer: PeerId,
        /// The reason.
        reason: LeaveReason,
    },
    /// A peer lost its connection, or resumed its session.
    Status {
        /// The peer.
        peer: PeerId,
        /// Its new status.
        status: Status,
    },
    /// A peer changed its `meta`; or the application changed it, which the peer itself receives, too.
    Updated {
        /// The peer.
        peer: PeerId,
        /// Its new `meta`.
        meta: &'a Meta,
    },
    /// A peer's permissions changed. To all members, including the peer.
    Permissions {
        /// The peer.
        peer: PeerId,
        /// What it may do now.
        permissions: Permissions,
    },
    /// A message from another peer to this one.
    Signal {
        /// The sender.
        from: PeerId,
        /// Opaque.
        #[cfg_attr(feature = "schema", schemars(with = "serde_json::Value"))]
        data: &'a RawValue,
    },
    /// A message from another peer to all others.
    Broadcast {
        /// The sender.
        from: PeerId,
        /// Opaque.
        #[cfg_attr(feature = "schema", schemars(with = "serde_json::Value"))]
        data: &'a RawValue,
    },
    /// A message from the application.
    App {
        /// Opaque.
        #[cfg_attr(feature = "schema", schemars(with = "serde_json::Value"))]
        data: &'a RawValue,
    },
    /// A peer entered the lobby, or its `meta` has changed since. For members who may moderate.
    Knock {
        /// The peer.
        peer: Knocking<'a>,
    },
    /// A peer is no longer in the lobby: admitted, denied or gone. For members who may moderate.
    KnockGone {
        /// The peer.
        peer: PeerId,
    },
    /// The room was locked or unlocked. To all members.
    Locked {
        /// Whether the room admits no new members.
        locked: bool,
    },
    /// The lobby was turned on or off. To all members.
    Lobby {
        /// Whether newcomers wait to be admitted.
        enabled: bool,
    },
    /// Renewed credentials, or other servers.
    IceServers {
        /// Replaces all earlier ones, for `RTCPeerConnection`.
        ice_servers: &'a [IceServer],
    },
    /// Requests a `pong`.
    Ping {
        /// How many of the client's sequenced frames the server has handled.
        received: u64,
    },
    /// A message of the client was not processed, or the client may not join.
    Error(ErrorFrame<'a>),
}

impl ServerMessage<'_> {
    /// Encodes the message.
    pub fn encode(&self) -> Frame {
        Frame::encode(self)
    }
}

/// The first message on each connection of a session. It has no sequence number.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Welcome<'a> {
    /// The protocol version: 1.
    pub v: u32,
    /// The room's name.
    pub room: &'a RoomId,
    /// The receiver itself.
    #[serde(rename = "self")]
    pub me: SelfInfo<'a>,
    /// Proves, on another connection, that it belongs to this session. All connections of a session
    /// have the same ticket.
    pub ticket: Secret<'a>,
    /// Whether this continues an earlier session.
    pub resumed: Resumed,
    /// How many of the client's sequenced frames the server has handled. The client retransmits the
    /// later ones.
    pub received: u64,
    /// Whether the room admits no new members.
    pub locked: bool,
    /// Whether newcomers wait to be admitted.
    #[serde(skip_serializing_if = "is_false")]
    pub lobby: bool,
    /// The peers in the lobby, if there are any and the receiver may moderate. Like `peers`, it is of
    /// no use if `resumed` is `full`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub knocking: Vec<Knocking<'a>>,
    /// The other peers in the room at this moment, in the order in which they joined. If `resumed`
    /// is `full`, the client ignores this list: it knows the room as of the last frame that it has
    /// handled, and the frames that are retransmitted have the changes since, which this list
    /// already includes.
    pub peers: Vec<Peer<'a>>,
    /// For `RTCPeerConnection`.
    pub ice_servers: &'a [IceServer],
    /// The interval of silence after which the server pings, in milliseconds.
    pub heartbeat_ms: u64,
    /// How long a session outlives its socket, in milliseconds.
    pub grace_ms: u64,
    /// The limits on what the client sends. A server that sends them also answers `probe`, and
    /// accepts `leave` with a ticket; an older server of this version does neither.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<ClientLimits>,
}

/// The reply to the `join` of a peer that waits in the lobby.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Waiting<'a> {
    /// Continues the wait, and later the session, on another connection.
    pub ticket: Secret<'a>,
    /// The interval of silence after which the server pings, in milliseconds.
    pub heartbeat_ms: u64,
    /// How long the place in the lobby outlives its socket, in milliseconds.
    pub grace_ms: u64,
}

/// The server's limits that a client must know to stay within them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ClientLimits {
    /// The longest frame, in bytes.
    pub frame_bytes: u64,
    /// The longest `meta`, in bytes of JSON.
    pub meta_bytes: u64,
    /// Frames per second.
    pub rate_per_second: u32,
    /// Frames in a burst.
    pub rate_burst: u32,
    /// Bytes per second.
    pub rate_bytes_per_second: u32,
    /// Bytes in a burst.
    pub rate_burst_bytes: u32,
    /// Updates per minute.
    pub updates_per_minute: u32,
}

impl From<&Limits> for ClientLimits {
    fn from(limits: &Limits) -> Self {
        Self {
            frame_bytes: limits.frame_bytes() as u64,
            meta_bytes: limits.meta_bytes() as u64,
            rate_per_second: limits.rate_per_second(),
            rate_burst: limits.rate_burst(),
            rate_bytes_per_second: limits.rate_bytes_per_second(),
            rate_burst_bytes: limits.rate_burst_bytes(),
            updates_per_minute: limits.updates_per_minute(),
        }
    }
}

/// The client's own peer.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct SelfInfo<'a> {
    /// Its id.
    pub id: PeerId,
    /// The `meta` that the others see.
    pub meta: &'a Meta,
    /// What it may do.
    pub permissions: Permissions,
}

/// A peer in the room, as another one sees it.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Peer<'a> {
    /// Its id.
    pub id: PeerId,
    /// Its `meta`.
    pub meta: &'a Meta,
    /// Whether it has a connection.
    pub status: Status,
    /// The *receiver's* role toward this peer in perfect negotiation: of two peers, the one that
    /// joined first is polite.
    pub polite: bool,
    /// What it may do. A server of an earlier release does not send it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Permissions>,
    /// In the `welcome` of a new session: which of the offers in its `join`, counted from 0, this peer
    /// got. The others were dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offered: Option<u32>,
}

/// A peer in the lobby, as a member who may moderate sees it.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Knocking<'a> {
    /// Its id.
    pub id: PeerId,
    /// Its `meta`.
    pub meta: &'a Meta,
}

/// Whether a peer has a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub enum Status {
    /// The peer has a connection.
    Here,
    /// The connection was lost. The session is kept for the grace period, and calls can continue.
    Away,
}

/// Why a peer left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub enum LeaveReason {
    /// It sent `leave`.
    Left,
    /// Its connection was lost, and it did not resume its session in time.
    Timeout,
    /// A moderator removed it.
    Kicked,
    /// A newer session of the same client replaced it.
    Replaced,
    /// The server of its connection is gone.
    NodeLost,
    /// The server ended the session: the room was closed, the server is stopping, or the client
    /// violated the protocol.
    Closed,
}

/// Whether a welcome continues an earlier session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub enum Resumed {
    /// A new session.
    No,
    /// The same session, and no frame was lost: those that the client has not handled follow.
    Full,
    /// The same session, but frames may have been lost: both ends count from 0.
    Partial,
}

/// An error about a message of the client, or the reason why it may not join.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ErrorFrame<'a> {
    /// The error, for programs.
    pub code: ErrorCode,
    /// The error, for people.
    pub message: Cow<'a, str>,
    /// The `ref` of the message in question.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<u64>,
    /// How long to wait before the next attempt, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

impl<'a> ErrorFrame<'a> {
    /// An error about no particular message.
    pub fn new(code: ErrorCode, message: impl Into<Cow<'a, str>>) -> Self {
        Self { code, message: message.into(), reference: None, retry_after_ms: None }
    }

    /// An error about the message with this `ref`.
    #[must_use]
    pub(crate) fn about(mut self, reference: Option<u64>) -> Self {
        self.reference = reference;
        self
    }

    pub(crate) fn rate_limited(message: impl Into<Cow<'a, str>>, wait: Duration) -> Self {
        // Rounded up, so that a client that waits this long is not refused again.
        let retry_after_ms = Some(wait.as_millis() as u64 + 1);
        Self { retry_after_ms, ..Self::new(ErrorCode::RateLimited, message) }
    }
}

/// A STUN or TURN server: the dictionary `RTCIceServer` of the W3C's WebRTC specification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct IceServer {
    /// Its URLs: `stun:`, `turn:` or `turns:` (RFC 7064, RFC 7065).
    pub urls: Vec<String>,
    /// For TURN.
    // A secret as well: with the REST convention it is one half of a time-limited pair, and often
    // names a user of the application.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<Secret<'static>>,
    /// For TURN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<Secret<'static>>,
}

impl IceServer {
    /// A STUN server.
    pub fn stun(url: impl Into<String>) -> Self {
        Self { urls: vec![url.into()], username: None, credential: None }
    }

    /// A TURN server with its credentials.
    pub fn turn(
        url: impl Into<String>,
        username: impl Into<String>,
        credential: impl Into<String>,
    ) -> Self {
        Self {
            urls: vec![url.into()],
            username: Some(Secret::from(username.into())),
            credential: Some(Secret::from(credential.into())),
        }
    }
}
