//! Converts a client's message to a request to its room, and refusals to error replies.

use std::{
    borrow::Cow,
    time::{Duration, Instant},
};

use serde_json::value::RawValue;

use super::{ParsedFrame, Rejection};
use crate::{
    ErrorCode, Frame, Limits, Meta, PeerId, Reason,
    message::{ClientMessage, ErrorFrame},
    room::{ApplyError, Input},
};

/// A request in a client's message. The expensive steps, parsing and composing, are already done.
#[derive(Debug)]
pub(crate) enum Request {
    /// Change the room, or send a frame to other members.
    Apply(Input),
    /// Admit all who wait in the lobby.
    AdmitAll,
    /// Leave the room.
    Leave,
    /// Drop the frames that the client has handled.
    Acknowledge(u64),
    /// Send a `ping` at once.
    Probe,
    /// Reply with this error, whatever the state of the room.
    Refuse(ErrorReply),
}

/// An error for the client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ErrorReply {
    code: ErrorCode,
    message: &'static str,
}

impl Request {
    /// The request in a message from this member.
    pub(crate) fn new(
        message: ClientMessage<'_>,
        from: PeerId,
        limits: &Limits,
        now: Instant,
    ) -> Self {
        match message {
            ClientMessage::Signal { to, data, .. } => match to.parse() {
                Ok(to) => {
                    Self::Apply(Input::Signal { from, to, frame: relayed("signal", from, data) })
                }
                Err(_) => Self::Refuse(ErrorReply::NO_SUCH_PEER),
            },
            ClientMessage::Broadcast { data, .. } => {
                Self::Apply(Input::Broadcast { from, frame: relayed("broadcast", from, data) })
            }
            ClientMessage::Update { meta, .. } if meta.get().len() > limits.meta_bytes() => {
                Self::Refuse(ErrorReply::META_TOO_LARGE)
            }
            ClientMessage::Update { meta, .. } => {
                Self::Apply(Input::Update { peer: from, meta: Meta::from(meta.to_owned()) })
            }
            ClientMessage::Pong { received } | ClientMessage::Ack { received } => {
                Self::Acknowledge(received)
            }
            ClientMessage::Leave { .. } => Self::Leave,
            ClientMessage::Probe => Self::Probe,
            ClientMessage::Join(_) => Self::Refuse(ErrorReply::ALREADY_JOINED),
            ClientMessage::Kick { peer, reason, ban_seconds, .. } => {
                let ban = ban_seconds.map(Duration::from_secs);
                if ban.is_some_and(|ban| ban > limits.longest_ban()) {
                    return Self::Refuse(ErrorReply::BAN_TOO_LONG);
                }
                Self::about(&peer, reason, |peer, reason| {
                    let ban_until = ban.map(|ban| now + ban);
                    Input::Kick { by: Some(from), peer, reason, ban_until }
                })
            }
            ClientMessage::Admit { peer, .. } => {
                Self::about(&peer, None, |peer, _| Input::Admit { by: Some(from), peer })
            }
            ClientMessage::Deny { peer, reason, .. } => {
                Self::about(&peer, reason, |peer, reason| Input::Deny {
                    by: Some(from),
                    peer,
                    reason,
                })
            }
            ClientMessage::AdmitAll { .. } => Self::AdmitAll,
            ClientMessage::Lobby { enabled, .. } => {
                Self::Apply(Input::SetLobby { by: Some(from), enabled })
            }
            ClientMessage::Lock { locked, .. } => {
                Self::Apply(Input::Lock { by: Some(from), locked })
            }
            ClientMessage::Permissions { peer, permissions, .. } => {
                Self::about(&peer, None, |peer, _| Input::SetPermissions {
                    by: Some(from),
                    peer,
                    permissions,
                })
            }
        }
    }

    /// An input about a peer, with a reason for people.
    fn about(
        peer: &str,
        reason: Option<Cow<'_, str>>,
        input: impl FnOnce(PeerId, Option<Reason>) -> Input,
    ) -> Self {
        let Ok(peer) = peer.parse() else { return Self::Refuse(ErrorReply::NO_SUCH_PEER) };
        if reason.as_ref().is_some_and(|reason| reason.len() > MAX_REASON_BYTES) {
            return Self::Refuse(ErrorReply::REASON_TOO_LONG);
        }
        Self::Apply(input(peer, reason.map(|reason| Reason::from(&*reason))))
    }
}

impl ParsedFrame<Request> {
    /// Whether the client asks for a `ping` at once.
    pub(crate) fn is_probe(&self) -> bool {
        matches!(self.content, Ok(Request::Probe))
    }
}

impl ErrorReply {
    const NO_SUCH_PEER: Self = Self::new(ErrorCode::NoSuchPeer, "no such peer is in the room");
    const META_TOO_LARGE: Self = Self::new(ErrorCode::TooLarge, "`meta` is too large");
    const ALREADY_JOINED: Self = Self::new(ErrorCode::AlreadyJoined, "this connection has joined");
    const REASON_TOO_LONG: Self = Self::new(ErrorCode::BadMessage, "`reason` is too long");
    const BAN_TOO_LONG: Self = Self::new(ErrorCode::BadMessage, "`banSeconds` is too long");
    /// The client waits in the lobby.
    pub(crate) const WAITING: Self =
        Self::new(ErrorCode::NotJoined, "this session waits to be admitted");
    /// A member has, or all members have, no space for the frame.
    pub(crate) const PEER_UNREACHABLE: Self =
        Self::new(ErrorCode::PeerUnreachable, "a peer's queue has no room for it");
    pub(crate) const NO_ROOM_FOR_META: Self =
        Self::new(ErrorCode::Unavailable, "the server has no room for this `meta`");

    const fn new(code: ErrorCode, message: &'static str) -> Self {
        Self { code, message }
    }

    /// The reply to the message with this `ref`.
    pub(crate) fn to(self, reference: Option<u64>) -> Rejection {
        Rejection::Reply(ErrorFrame::new(self.code, self.message).about(reference))
    }
}

impl From<ApplyError> for ErrorReply {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::NoSuchPeer => Self::NO_SUCH_PEER,
            ApplyError::NotAllowed => Self::new(error.code(), "the session lacks the permission"),
            ApplyError::NoIdentity => Self::new(error.code(), "the peer has no identity to ban"),
            ApplyError::TooManyBans => Self::new(error.code(), "the room has too many bans"),
            ApplyError::RoomFull => Self::new(error.code(), "the room is full"),
            ApplyError::Duplicate => {
                Self::new(error.code(), "this identity is in the room already")
            }
            ApplyError::LobbyFull
            | ApplyError::RoomLocked
            | ApplyError::Banned
            | ApplyError::NotAMember => Self::new(error.code(), "the session has ended"),
        }
    }
}

/// The longest reason for removing a member, in bytes.
pub(crate) const MAX_REASON_BYTES: usize = 256;

/// Composes a relayed frame with one allocation, for the hot path. The text equals the encoding of
/// [`ServerMessage::Signal`](crate::message::ServerMessage::Signal) or
/// [`ServerMessage::Broadcast`](crate::message::ServerMessage::Broadcast).
fn relayed(kind: &str, from: PeerId, data: &RawValue) -> Frame {
    let mut id = [0; 22];
    let head = [r#"{"type":""#, kind, r#"","from":""#, from.encode(&mut id), r#"","data":"#];
    let mut frame =
        String::with_capacity(head.map(str::len).iter().sum::<usize>() + data.get().len() + 1);
    frame.extend(head);
    frame.push_str(data.get());
    frame.push('}');
    Frame::new(frame)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::ServerMessage;

    #[test]
    fn relayed_frames_are_what_the_schema_says() {
        let from = PeerId::random();
        let data = serde_json::value::to_raw_value(&serde_json::json!({"sdp": "v=0\r\n", "n": 1}))
            .unwrap();
        assert_eq!(
            relayed("signal", from, &data),
            ServerMessage::Signal { from, data: &data }.encode()
        );
        assert_eq!(
            relayed("broadcast", from, &data),
            ServerMessage::Broadcast { from, data: &data }.encode()
        );
    }

    #[test]
    fn payloads_are_relayed_byte_for_byte() {
        let raw = r#"{ "b" : 1.0e0,"a":[ ] ,"a":"\u00e4/" }"#;
        let data: &RawValue = serde_json::from_str(raw).unwrap();
        assert!(relayed("signal", PeerId::random(), data).as_str().ends_with(&format!("{raw}}}")));
    }
}
