//! A frame on its way into an outbox, and its sender.

use std::num::NonZeroU32;

use thiserror::Error;

use crate::{Frame, PeerId};

/// A frame to push, and what happens if there is no space for it.
#[derive(Debug, Clone)]
pub(crate) struct Push {
    pub(super) frame: Frame,
    /// The member whose share of the queue it uses.
    pub(super) sender: Option<Sender>,
    pub(super) overflows: bool,
}

/// A member that sends, and its address, identified by a part of its id and by a hash. Senders that
/// collide share one share of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sender {
    member: NonZeroU32,
    pub(super) address: u32,
}

impl Sender {
    /// A member, and the hash of its address if known: it bounds all members of one address
    /// together, because one client can join several times.
    pub(crate) fn new(member: PeerId, address: Option<u32>) -> Self {
        let member = NonZeroU32::MIN.saturating_add(member.low_bits() >> 1);
        Self { member, address: address.unwrap_or(member.get()) }
    }
}

impl Push {
    /// A frame from a member. It is refused if there is no space.
    pub(crate) fn relayed(frame: Frame, from: Sender) -> Self {
        Self { frame, sender: Some(from), overflows: false }
    }

    /// A frame for this reader only. It is refused if there is no space.
    pub(crate) fn direct(frame: Frame) -> Self {
        Self { frame, sender: None, overflows: false }
    }

    /// A frame that the reader must get. The queue overflows if there is no space.
    pub(crate) fn event(frame: Frame) -> Self {
        Self { frame, sender: None, overflows: true }
    }
}

/// There is no space for the frame, or the reader gets no more frames.
#[derive(Debug, PartialEq, Eq, Error)]
#[error("the outbox is full")]
pub(crate) struct QueueFull;
