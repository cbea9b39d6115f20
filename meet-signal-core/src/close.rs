//! Close reasons and their codes.

use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

/// Why the server closes a connection.
///
/// The range of the [`code`](Self::code) is the retry policy: a client reconnects after 4000 to
/// 4499, and does not after 4500 to 4999. Codes below 4000 are defined in RFC 6455, section 7.4.1.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseReason {
    /// The client sent `leave`.
    Left,
    /// A moderator or the application removed the member.
    Kicked {
        /// The reason, for people.
        reason: Option<Reason>,
    },
    /// The data on the socket is not valid WebSocket frames (RFC 6455).
    NotWebSocket,
    /// A binary frame; messages are text.
    Binary,
    /// A text frame that is not UTF-8.
    NotUtf8,
    /// A frame over [`Limits::frame_bytes`](crate::Limits::frame_bytes).
    FrameTooLarge,
    /// The server is draining.
    Draining {
        /// The delay before the client reconnects.
        retry_after: Duration,
    },
    /// Three heartbeats passed without data from the client.
    HeartbeatMissed,
    /// The client reads too slowly: its outbox is full, or a write took too long.
    TooSlow,
    /// The server cannot take the session now.
    Unavailable,
    /// Messages far over the rate limit.
    Flood,
    /// Too many malformed messages, no `join` in time, or a `meta` over its limit.
    ProtocolViolation,
    /// The application's authorization failed.
    Unauthorized,
    /// The room is full or locked.
    RoomFull,
    /// The application refused this peer.
    Denied,
    /// A moderator or the application did not admit the peer from the lobby.
    NotAdmitted {
        /// The reason, for people.
        reason: Option<Reason>,
    },
    /// The identity is banned.
    Banned,
    /// The identity is in the room already.
    Duplicate,
    /// The application closed the room.
    RoomClosed,
    /// A newer connection of the same client took over.
    TakenOver,
}

/// Why a member was removed, in a moderator's or the application's words.
///
/// `Debug` shows only its length. Cloning increments a reference count.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Reason(Arc<str>);

impl Reason {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<T: Into<Arc<str>>> From<T> for Reason {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reason({} bytes)", self.0.len())
    }
}

impl CloseReason {
    /// The WebSocket close code.
    pub fn code(&self) -> u16 {
        match self {
            Self::Left => 1000,
            Self::Kicked { .. } => 4500,
            Self::NotWebSocket => 1002,
            Self::Binary => 1003,
            Self::NotUtf8 => 1007,
            Self::FrameTooLarge => 1009,
            Self::Draining { .. } => 4000,
            Self::HeartbeatMissed => 4001,
            Self::TooSlow => 4002,
            Self::Unavailable => 4003,
            Self::Flood => 4004,
            Self::ProtocolViolation => 4501,
            Self::Unauthorized => 4502,
            Self::RoomFull => 4503,
            Self::Denied | Self::NotAdmitted { .. } => 4504,
            Self::Banned => 4505,
            Self::Duplicate => 4506,
            Self::RoomClosed => 4507,
            Self::TakenOver => 4508,
        }
    }

    /// The reason text that goes with the code: for people, except for 4000, where it is
    /// `retry-after-ms=N`. At most 123 bytes (RFC 6455, section 5.5).
    pub fn text(&self) -> Cow<'_, str> {
        Cow::Borrowed(match self {
            Self::Draining { retry_after } => {
                return Cow::Owned(format!("retry-after-ms={}", retry_after.as_millis()));
            }
            Self::Kicked { reason: Some(Reason(reason)) }
            | Self::NotAdmitted { reason: Some(Reason(reason)) } => {
                let end = (0..=MAX_TEXT_BYTES.min(reason.len()))
                    .rev()
                    .find(|end| reason.is_char_boundary(*end));
                return Cow::Borrowed(&reason[..end.unwrap_or(0)]);
            }
            Self::Kicked { reason: None } => "removed from the room",
            Self::Left => "left",
            Self::NotWebSocket => "not a valid WebSocket frame",
            Self::Binary => "messages are text frames",
            Self::NotUtf8 => "text is UTF-8",
            Self::FrameTooLarge => "frame too large",
            Self::HeartbeatMissed => "heartbeat missed",
            Self::TooSlow => "too slow",
            Self::Unavailable => "temporarily unavailable",
            Self::Flood => "far too many messages",
            Self::ProtocolViolation => "protocol violation",
            Self::Unauthorized => "unauthorized",
            Self::RoomFull => "room full or locked",
            Self::Denied => "denied",
            Self::NotAdmitted { reason: None } => "not admitted",
            Self::Banned => "banned",
            Self::Duplicate => "already in the room",
            Self::RoomClosed => "the room was closed",
            Self::TakenOver => "taken over by a newer connection",
        })
    }

    /// Whether a client that tries to resume the session later is told this reason, because it may
    /// have been away.
    pub(crate) fn is_told_later(&self) -> bool {
        matches!(self, Self::Kicked { .. } | Self::NotAdmitted { .. } | Self::RoomClosed)
    }

    /// Whether the session outlives this connection, so that its client can resume it.
    pub fn keeps_session(&self) -> bool {
        match self {
            Self::HeartbeatMissed | Self::TooSlow | Self::Unavailable | Self::Flood => true,
            // After these, a client that reconnected would fail again, or the end is intended.
            Self::Left
            | Self::Kicked { .. }
            | Self::NotWebSocket
            | Self::Binary
            | Self::NotUtf8
            | Self::FrameTooLarge
            | Self::Draining { .. }
            | Self::ProtocolViolation
            | Self::Unauthorized
            | Self::RoomFull
            | Self::Denied
            | Self::NotAdmitted { .. }
            | Self::Banned
            | Self::Duplicate
            | Self::RoomClosed
            | Self::TakenOver => false,
        }
    }
}

/// RFC 6455, section 5.5: a control frame has 125 bytes, of which the code takes two.
const MAX_TEXT_BYTES: usize = 123;

/// Whether a client's close code means that its page goes away: 1001, which browsers send then (RFC
/// 6455, section 7.4.1), or 4900, which the bundled client sends for a page that may be restored
/// from the back/forward cache.
pub fn is_going_away(code: u16) -> bool {
    matches!(code, 1001 | 4900)
}
