//! What the server sends.

use std::{borrow::Cow, time::Duration};

use serde::Serialize;
use serde_json::value::RawValue;

use super::Meta;
use crate::{ErrorCode, Frame, Limits, PeerId, Permissions, RoomId, Secret};

/// A message from the server.
///
/// All that the protocol has are here, so that clients can be ready for them. Those that say so are
/// not sent by this version.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub enum ServerMessage<'a> {
    /// The session has begun, or goes on.
    Welcome(Welcome<'a>),
    /// The room has a lobby, and the session is not admitted yet. Not sent by this version.
    Waiting,
    /// Somebody joined.
    Joined {
        /// Who. Every receiver was in the room first, and so is polite toward it.
        peer: Peer<'a>,
    },
    /// Somebody left.
    Left {
        /// Who.
        peer: PeerId,
        /// Why.
        reason: LeaveReason,
    },
    /// A peer's socket was lost, or is back.
    Status {
        /// Whose.
        peer: PeerId,
        /// What it is now.
        status: Status,
    },
    /// A peer changed what it tells about itself.
    Updated {
        /// Who.
        peer: PeerId,
        /// All of what it tells now.
        meta: &'a Meta,
    },
    /// From one peer to this one alone.
    Signal {
        /// Who sent it.
        from: PeerId,
        /// Opaque.
        #[cfg_attr(feature = "schema", schemars(with = "serde_json::Value"))]
        data: &'a RawValue,
    },
    /// From one peer to everybody else.
    Broadcast {
        /// Who sent it.
        from: PeerId,
        /// Opaque.
        #[cfg_attr(feature = "schema", schemars(with = "serde_json::Value"))]
        data: &'a RawValue,
    },
    /// From the host application.
    App {
        /// Opaque.
        #[cfg_attr(feature = "schema", schemars(with = "serde_json::Value"))]
        data: &'a RawValue,
    },
    /// Somebody came into the lobby. For members who may moderate. Not sent by this version.
    Knock {
        /// Who.
        peer: Knocking<'a>,
    },
    /// Somebody is no longer in the lobby: admitted, denied or gone. For members who may moderate.
    /// Not sent by this version.
    KnockGone {
        /// Who.
        peer: PeerId,
    },
    /// The room was locked or unlocked. Not sent by this version.
    Locked {
        /// Whether it admits nobody new.
        locked: bool,
    },
    /// Renewed credentials. Not sent by this version.
    IceServers {
        /// In the place of all earlier ones, for `RTCPeerConnection`.
        ice_servers: &'a [IceServer],
    },
    /// Asks for a `pong`.
    Ping {
        /// How many of the client's sequenced frames the server has handled.
        received: u64,
    },
    /// Something the client sent was not done, or it is not let in.
    Error(ErrorFrame<'a>),
}

impl ServerMessage<'_> {
    /// Encodes the message.
    pub fn encode(&self) -> Frame {
        Frame::encode(self)
    }
}

/// The first message on each of a session's connections. It is not counted.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Welcome<'a> {
    /// The protocol's version: 1.
    pub v: u32,
    /// The room's name.
    pub room: &'a RoomId,
    /// The receiver itself.
    #[serde(rename = "self")]
    pub me: SelfInfo<'a>,
    /// Proves, on another connection, that it belongs to this session. The same for all of them.
    pub ticket: Secret<'a>,
    /// Whether this goes on with an earlier session.
    pub resumed: Resumed,
    /// How many of the client's sequenced frames the server has handled. The client sends the later
    /// ones again.
    pub received: u64,
    /// Whether the room admits nobody new.
    pub locked: bool,
    /// Everybody else in the room at this moment, in the order in which they joined. Where `resumed`
    /// is `full`, a client ignores it: it knows the room as of the last frame that it has handled,
    /// and the frames that now come again tell what has happened since, which this list reflects
    /// already.
    pub peers: Vec<Peer<'a>>,
    /// For `RTCPeerConnection`.
    pub ice_servers: &'a [IceServer],
    /// After how much silence the server pings, in milliseconds.
    pub heartbeat_ms: u64,
    /// How long a session outlives its socket, in milliseconds.
    pub grace_ms: u64,
    /// What the client may send. A server that tells it also answers `probe`, and takes `leave`
    /// with a ticket; an older one of this version does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<ClientLimits>,
}

/// Those of the server's limits that a client must know to stay within them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ClientLimits {
    /// The longest frame, in bytes.
    pub frame_bytes: u64,
    /// The longest `meta`, in bytes of JSON.
    pub meta_bytes: u64,
    /// Frames a second.
    pub rate_per_second: u32,
    /// Frames at once.
    pub rate_burst: u32,
    /// Bytes a second.
    pub rate_bytes_per_second: u32,
    /// Bytes at once.
    pub rate_burst_bytes: u32,
    /// Updates a minute.
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

/// What a session's owner is told about itself.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct SelfInfo<'a> {
    /// Its id.
    pub id: PeerId,
    /// What the others are told about it.
    pub meta: &'a Meta,
    /// What it may do.
    pub permissions: Permissions,
}

/// A member of the room, as another one sees it.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Peer<'a> {
    /// Its id.
    pub id: PeerId,
    /// What it tells about itself.
    pub meta: &'a Meta,
    /// Whether its socket is there.
    pub status: Status,
    /// The *receiver's* role toward this peer in perfect negotiation: who was in the room first is
    /// polite toward who came later.
    pub polite: bool,
}

/// Who waits in the lobby, as a member who may moderate sees it.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Knocking<'a> {
    /// Its id.
    pub id: PeerId,
    /// What it tells about itself.
    pub meta: &'a Meta,
}

/// Whether a member's socket is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub enum Status {
    /// It is.
    Here,
    /// It was lost; the session is kept for the grace period, and a call need not end for that.
    Away,
}

/// Why a member left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub enum LeaveReason {
    /// It said so.
    Left,
    /// Its socket was lost, and it did not come back in time.
    Timeout,
    /// A moderator removed it.
    Kicked,
    /// A newer session of its own took its place.
    Replaced,
    /// The server that it was connected to is gone.
    NodeLost,
    /// The server ended the session: the room was closed, the server is stopping, or the client
    /// violated the protocol.
    Closed,
}

/// Whether a welcome goes on with an earlier session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub enum Resumed {
    /// A fresh session.
    No,
    /// The same one, and nothing was lost: what the client has not handled follows.
    Full,
    /// The same one, and frames may have been lost: both ends count anew, from 0.
    Partial,
}

/// An error about something that the client sent, or the reason why it is not let in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ErrorFrame<'a> {
    /// What happened, for programs.
    pub code: ErrorCode,
    /// What happened, for people.
    pub message: Cow<'a, str>,
    /// The number that the client gave the message in question.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<u64>,
    /// How long to wait before trying again, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

impl<'a> ErrorFrame<'a> {
    /// An error about no message in particular.
    pub fn new(code: ErrorCode, message: impl Into<Cow<'a, str>>) -> Self {
        Self { code, message: message.into(), reference: None, retry_after_ms: None }
    }

    pub(crate) fn rate_limited(message: impl Into<Cow<'a, str>>, wait: Duration) -> Self {
        // Rounded up: whoever waits for so long is not refused again.
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
