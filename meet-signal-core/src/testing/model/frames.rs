//! What clients send, and what they are to receive.

use std::task::Poll;

use serde_json::{Value, json};

use crate::{CloseReason, Frame, PeerId};

/// What a member sends. The number is the message's payload and its `ref`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Message {
    /// To one peer.
    Signal(PeerId, u64),
    /// To all others.
    Broadcast(u64),
    /// A new `meta`.
    Update(u64),
    /// The frames up to this number were handled.
    Ack(u64),
    /// The member leaves.
    Leave,
    /// Text that is no message.
    Invalid,
}

/// A frame that a session is to receive.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Expected {
    /// This frame, byte for byte.
    Frame(Frame),
    /// A frame with these fields, among others. A field that is `null` may be missing.
    Fields(Value),
}

impl Message {
    /// The text of the frame.
    pub fn text(&self) -> String {
        let message = match self {
            Self::Signal(to, n) => json!({"type": "signal", "to": to, "data": n, "ref": n}),
            Self::Broadcast(n) => json!({"type": "broadcast", "data": n, "ref": n}),
            Self::Update(n) => json!({"type": "update", "meta": n, "ref": n}),
            Self::Ack(received) => json!({"type": "ack", "received": received}),
            Self::Leave => json!({"type": "leave"}),
            Self::Invalid => return "no JSON".to_owned(),
        };
        message.to_string()
    }

    pub(super) fn reference(&self) -> Option<u64> {
        match self {
            Self::Signal(_, n) | Self::Broadcast(n) | Self::Update(n) => Some(*n),
            Self::Ack(_) | Self::Leave | Self::Invalid => None,
        }
    }
}

impl Expected {
    /// Whether it is this frame.
    pub fn matches(&self, frame: &Frame) -> bool {
        match self {
            Self::Frame(expected) => expected == frame,
            Self::Fields(fields) => {
                let frame: Value = serde_json::from_str(frame.as_str()).unwrap_or_default();
                let mut fields = fields.as_object().into_iter().flatten();
                fields.all(|(name, value)| frame[name] == *value)
            }
        }
    }

    /// The length in bytes, or 1 where that is not predicted.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Frame(frame) => frame.len(),
            Self::Fields(_) => 1,
        }
    }
}

/// Compares what [`Session::poll_drain`](crate::Session::poll_drain) returned and appended to `batch`
/// with what [`Model::drain`](super::Model::drain) returned.
///
/// # Panics
///
/// They differ.
pub fn assert_drained(
    drained: &Poll<Result<(), CloseReason>>,
    batch: &[Frame],
    expected: &Poll<Result<Vec<Expected>, CloseReason>>,
) {
    assert_eq!(*drained, expected.clone().map_ok(drop));
    let frames = match expected {
        Poll::Ready(Ok(frames)) => frames.as_slice(),
        _ => &[],
    };
    let is_equal = frames.len() == batch.len()
        && frames.iter().zip(batch).all(|(expected, frame)| expected.matches(frame));
    let texts = batch.iter().map(Frame::as_str);
    assert!(is_equal, "expected {frames:?}, received {:?}", texts.collect::<Vec<_>>());
}
