//! Why a room did not apply an input, and what clients and applications are told.

use std::time::Duration;

use super::JoinError;
use crate::{
    inbound::{ErrorReply, Rejection, rate_exceeded},
    room::ApplyError,
};

/// Why an input had no effect, or only a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InputError {
    Apply(ApplyError),
    /// As many have joined as may in this time.
    TooOften {
        retry_after: Duration,
    },
    /// A recipient's queue is full; the others have received the frame.
    Unreachable,
}

impl InputError {
    /// The error for the client whose input it was.
    pub(super) fn reply(self, reference: Option<u64>) -> Rejection {
        match self {
            Self::Apply(error) => ErrorReply::from(error).to(reference),
            Self::TooOften { retry_after } => {
                rate_exceeded("too many join this room", retry_after, reference)
            }
            Self::Unreachable => ErrorReply::PEER_UNREACHABLE.to(reference),
        }
    }
}

impl From<ApplyError> for InputError {
    fn from(error: ApplyError) -> Self {
        Self::Apply(error)
    }
}

impl From<ApplyError> for JoinError {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::RoomLocked => Self::RoomLocked,
            ApplyError::Banned => Self::Banned,
            ApplyError::Duplicate => Self::Duplicate,
            ApplyError::LobbyFull => Self::LobbyFull,
            _ => Self::RoomFull,
        }
    }
}
