//! How a connection and its session ended.

use std::time::Duration;

use super::exit::Exit;
use crate::{CloseReason, Frame, PeerId};

/// How a connection that was [served](super::serve) and its session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// The participant; `None` if the connection neither joined nor resumed a session.
    pub peer: Option<PeerId>,
    /// Why it ended.
    pub reason: EndReason,
    /// From the start of the connection to the end of its session, or until a newer connection
    /// resumed the session.
    pub duration: Duration,
    /// What the client sent after it had joined.
    pub received: Traffic,
    /// What the socket took for the client, from its `welcome` on.
    pub sent: Traffic,
}

/// Why a session, or a connection without one, ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndReason {
    /// The server closed the connection, or ended the session without one. With
    /// [`CloseReason::TakenOver`], the session goes on with a newer connection.
    Closed(CloseReason),
    /// The client disconnected before it had joined.
    Disconnected,
    /// The connection ended, and the client did not resume the session within its grace period.
    TimedOut {
        /// Why the server closed the connection; `None` if the client disconnected.
        closed: Option<CloseReason>,
    },
    /// The connection was not served to its end: its request was not upgraded, or its task was
    /// dropped or has panicked. The peer, if there is one, has left, unless a newer connection has
    /// resumed its session. Only a [`SessionWatch`](super::SessionWatch) reports this, and then the
    /// traffic is not known.
    Aborted,
}

/// Messages in one direction: text frames, and the bytes of their texts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Traffic {
    /// How many messages.
    pub frames: u64,
    /// How many bytes.
    pub bytes: u64,
}

impl Outcome {
    pub(super) fn new() -> Self {
        Self {
            peer: None,
            reason: EndReason::Disconnected,
            duration: Duration::ZERO,
            received: Traffic::default(),
            sent: Traffic::default(),
        }
    }

    pub(super) fn ended(self, reason: EndReason, duration: Duration) -> Self {
        Self { reason, duration, ..self }
    }
}

impl Traffic {
    pub(super) fn count(&mut self, bytes: usize) {
        self.frames += 1;
        self.bytes += bytes as u64;
    }

    pub(super) fn of(frames: &[Frame]) -> Self {
        let bytes = frames.iter().map(|frame| frame.len() as u64).sum();
        Self { frames: frames.len() as u64, bytes }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.frames += other.frames;
        self.bytes += other.bytes;
    }
}

impl From<Exit> for EndReason {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Closed { reason, .. } => Self::Closed(reason),
            Exit::Disconnected | Exit::GoingAway => Self::Disconnected,
        }
    }
}
