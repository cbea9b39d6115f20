//! The words in the events, which are stable: an operator's queries and alerts depend on them.

use crate::{
    CloseReason, ErrorCode, LeaveReason,
    handshake::{OriginRefused, UpgradeRefused},
};

pub(super) fn close_word(reason: &CloseReason) -> &'static str {
    match reason {
        CloseReason::Left => "left",
        CloseReason::Kicked { .. } => "kicked",
        CloseReason::NotWebSocket => "not-websocket",
        CloseReason::Binary => "binary",
        CloseReason::NotUtf8 => "not-utf8",
        CloseReason::FrameTooLarge => "frame-too-large",
        CloseReason::Draining { .. } => "draining",
        CloseReason::HeartbeatMissed => "heartbeat-missed",
        CloseReason::TooSlow => "too-slow",
        CloseReason::Unavailable => "unavailable",
        CloseReason::Flood => "flood",
        CloseReason::ProtocolViolation => "protocol-violation",
        CloseReason::Unauthorized => "unauthorized",
        CloseReason::RoomFull => "room-full",
        CloseReason::Denied => "denied",
        CloseReason::NotAdmitted { .. } => "not-admitted",
        CloseReason::Banned => "banned",
        CloseReason::Duplicate => "duplicate",
        CloseReason::RoomClosed => "room-closed",
        CloseReason::TakenOver => "taken-over",
    }
}

/// As on the wire.
pub(super) fn code_word(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::BadMessage => "bad-message",
        ErrorCode::UnknownType => "unknown-type",
        ErrorCode::NotJoined => "not-joined",
        ErrorCode::AlreadyJoined => "already-joined",
        ErrorCode::TooLarge => "too-large",
        ErrorCode::RateLimited => "rate-limited",
        ErrorCode::NoSuchPeer => "no-such-peer",
        ErrorCode::PeerUnreachable => "peer-unreachable",
        ErrorCode::NotAllowed => "not-allowed",
        ErrorCode::Denied => "denied",
        ErrorCode::RoomFull => "room-full",
        ErrorCode::RoomLocked => "room-locked",
        ErrorCode::Banned => "banned",
        ErrorCode::Duplicate => "duplicate",
        ErrorCode::Unauthorized => "unauthorized",
        ErrorCode::Unavailable => "unavailable",
    }
}

/// As on the wire.
pub(super) fn leave_word(reason: LeaveReason) -> &'static str {
    match reason {
        LeaveReason::Left => "left",
        LeaveReason::Timeout => "timeout",
        LeaveReason::Kicked => "kicked",
        LeaveReason::Replaced => "replaced",
        LeaveReason::NodeLost => "node-lost",
        LeaveReason::Closed => "closed",
    }
}

pub(super) fn upgrade_word(refused: UpgradeRefused) -> &'static str {
    match refused {
        UpgradeRefused::Room(_) => "room-name",
        UpgradeRefused::Origin(OriginRefused::NotAllowed) => "origin",
        UpgradeRefused::Origin(OriginRefused::Missing) => "no-origin",
        UpgradeRefused::Subprotocol(_) => "subprotocol",
        UpgradeRefused::NotWebSocket => "not-websocket",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_reasons_are_those_of_the_wire() {
        let json = |word: &str| format!("\"{word}\"");
        for code in [
            ErrorCode::BadMessage,
            ErrorCode::UnknownType,
            ErrorCode::NotJoined,
            ErrorCode::AlreadyJoined,
            ErrorCode::TooLarge,
            ErrorCode::RateLimited,
            ErrorCode::NoSuchPeer,
            ErrorCode::PeerUnreachable,
            ErrorCode::NotAllowed,
            ErrorCode::Denied,
            ErrorCode::RoomFull,
            ErrorCode::RoomLocked,
            ErrorCode::Banned,
            ErrorCode::Duplicate,
            ErrorCode::Unauthorized,
            ErrorCode::Unavailable,
        ] {
            assert_eq!(json(code_word(code)), serde_json::to_string(&code).unwrap());
        }
        for reason in [
            LeaveReason::Left,
            LeaveReason::Timeout,
            LeaveReason::Kicked,
            LeaveReason::Replaced,
            LeaveReason::NodeLost,
            LeaveReason::Closed,
        ] {
            assert_eq!(json(leave_word(reason)), serde_json::to_string(&reason).unwrap());
        }
    }
}
