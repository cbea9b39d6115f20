//! The frames of an outbox, and their sequence numbers.

use std::collections::VecDeque;

use smallvec::SmallVec;
use thiserror::Error;

use super::push::{Push, QueueFull, Sender};
use crate::{Frame, message::Resumed};

/// Frame number *n* is the *n*th that was pushed since the count started. The queue has three
/// parts, in this order: the frames that were sent on this connection, those that were sent on an
/// earlier one and must be retransmitted, and those that wait. The first two are unacknowledged.
#[derive(Debug, Default)]
pub(super) struct Queue {
    frames: VecDeque<Queued>,
    sent: Size,
    retransmit: Size,
    waiting: Size,
    /// The part of `waiting` that is from members, and the share of each.
    relayed: Size,
    shares: SmallVec<[Share; 1]>,
    /// How many frames were dropped before the first of `frames`.
    dropped: u64,
    overflowed: bool,
}

/// A number of frames, and their bytes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) frames: usize,
    pub(super) bytes: usize,
}

/// The bounds on the frames that wait.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) all: Size,
    /// The part of `all` for frames from members.
    pub(super) relayed: Size,
}

#[derive(Debug)]
struct Queued {
    frame: Frame,
    sender: Option<Sender>,
}

/// The frames of one member that wait.
#[derive(Debug)]
struct Share {
    sender: Sender,
    waiting: Size,
}

/// The acknowledged frames include some that were never sent.
#[derive(Debug, PartialEq, Eq, Error)]
#[error("more was acknowledged than was sent")]
pub(crate) struct InvalidAck;

impl Queue {
    /// Appends a frame if there is space for it.
    ///
    /// The members of one address may use as much as they leave free of the part for members, and
    /// each of them as much of that as it leaves free: there is always some space for the others.
    pub(super) fn push(&mut self, push: Push, bounds: Bounds) -> Result<(), QueueFull> {
        let bytes = push.frame.len();
        let waiting = self.waiting.with_frame(bytes);
        if self.overflowed || waiting.exceeds(bounds.all) {
            return Err(QueueFull);
        }
        if let Some(sender) = push.sender {
            self.take_share(sender, bytes, bounds.relayed)?;
        }
        self.waiting = waiting;
        self.frames.push_back(Queued { frame: push.frame, sender: push.sender });
        Ok(())
    }

    fn take_share(&mut self, sender: Sender, bytes: usize, bound: Size) -> Result<(), QueueFull> {
        // A frame that is the only one always fits: the limits ensure it.
        if self.relayed.frames == 0 {
            let waiting = Size::default().with_frame(bytes);
            self.relayed = waiting;
            self.shares.push(Share { sender, waiting });
            return Ok(());
        }
        let same = self.shares.iter().filter(|share| share.sender.address == sender.address);
        let used = same.fold(self.relayed, |used, share| used.combine(share.waiting));
        let share = self.shares.iter_mut().find(|share| share.sender == sender);
        let own = share.as_ref().map_or(Size::default(), |share| share.waiting).with_frame(bytes);
        if own.combine(used).exceeds(bound) {
            return Err(QueueFull);
        }
        match share {
            Some(share) => share.waiting = own,
            None => self.shares.push(Share { sender, waiting: own }),
        }
        self.relayed = self.relayed.with_frame(bytes);
        Ok(())
    }

    /// Drops all frames: the reader can no longer get a history without a gap.
    pub(super) fn overflow(&mut self) {
        *self = Self { overflowed: true, ..Self::default() };
    }

    /// Appends the frames to send to `batch`, up to `max_bytes` bytes but at least one frame, and
    /// keeps them until they are acknowledged. If the unacknowledged frames exceed `bound`, the
    /// oldest are dropped. Returns false if there is nothing to send.
    pub(super) fn send(&mut self, max_bytes: usize, bound: Size, batch: &mut Vec<Frame>) -> bool {
        let mut size = Size::default();
        for Queued { frame, sender } in self.frames.range_mut(self.sent.frames..) {
            let bytes = frame.len();
            if size.frames > 0 && size.bytes + bytes > max_bytes {
                break;
            }
            size = size.with_frame(bytes);
            // Frames to retransmit come first.
            if self.retransmit.frames > 0 {
                self.retransmit.subtract(bytes);
            } else {
                self.waiting.subtract(bytes);
                if let Some(sender) = sender.take() {
                    self.relayed.subtract(bytes);
                    if self.relayed.frames == 0 {
                        self.shares = SmallVec::new();
                    } else {
                        release_share(&mut self.shares, sender, bytes);
                    }
                }
            }
            self.sent = self.sent.with_frame(bytes);
            batch.push(frame.clone());
        }
        while self.unacknowledged().exceeds(bound) {
            self.drop_first();
        }
        size.frames > 0
    }

    /// Drops the first `received` frames, which the client has handled.
    pub(super) fn acknowledge(&mut self, received: u64) -> Result<(), InvalidAck> {
        if received > self.ever_sent() && !self.overflowed {
            return Err(InvalidAck);
        }
        // Frames to retransmit stay: the client counts them when they arrive on this connection.
        while self.dropped < received && self.sent.frames > 0 {
            self.drop_first();
        }
        Ok(())
    }

    /// Acknowledges the first `received` frames, and schedules the later ones for retransmission.
    /// If one of these was dropped, or if `received` is not known, the queue is emptied and the
    /// count restarts.
    pub(super) fn resume_from(&mut self, received: Option<u64>) -> Resumed {
        let kept = self.dropped..=self.ever_sent();
        match received {
            Some(received) if !self.overflowed && kept.contains(&received) => {
                self.retransmit = self.unacknowledged();
                self.sent = Size::default();
                while self.dropped < received {
                    self.drop_first();
                }
                Resumed::Full
            }
            _ => {
                *self = Self::default();
                Resumed::Partial
            }
        }
    }

    pub(super) fn has_overflowed(&self) -> bool {
        self.overflowed
    }

    /// The memory of the frames, with their overhead.
    pub(super) fn kept_bytes(&self) -> usize {
        self.frames.len() * OVERHEAD_PER_FRAME
            + [self.sent, self.retransmit, self.waiting]
                .map(|part| part.bytes)
                .iter()
                .sum::<usize>()
    }

    /// How many frames were sent on any connection.
    fn ever_sent(&self) -> u64 {
        self.dropped + self.unacknowledged().frames as u64
    }

    fn unacknowledged(&self) -> Size {
        Size {
            frames: self.sent.frames + self.retransmit.frames,
            bytes: self.sent.bytes + self.retransmit.bytes,
        }
    }

    /// Drops the oldest of the sent frames.
    fn drop_first(&mut self) {
        let first = self.frames.pop_front().expect("what is unacknowledged is in the queue");
        let part = if self.sent.frames > 0 { &mut self.sent } else { &mut self.retransmit };
        part.subtract(first.frame.len());
        self.dropped += 1;
        if self.frames.is_empty() && self.frames.capacity() > IDLE_CAPACITY {
            self.frames.shrink_to(IDLE_CAPACITY);
        }
    }

    #[cfg(all(test, feature = "testing", not(loom)))]
    pub(super) fn capacity(&self) -> usize {
        self.frames.capacity()
    }

    /// How many frames were dropped from the front, and how many are kept.
    #[cfg(test)]
    pub(super) fn kept(&self) -> (u64, usize) {
        (self.dropped, self.frames.len())
    }
}

fn release_share(shares: &mut SmallVec<[Share; 1]>, sender: Sender, bytes: usize) {
    let at = shares.iter().position(|share| share.sender == sender);
    let at = at.expect("the sender of a waiting frame has a share");
    shares[at].waiting.subtract(bytes);
    if shares[at].waiting.frames == 0 {
        shares.swap_remove(at);
    }
}

impl Size {
    /// With one more frame of this size.
    fn with_frame(self, bytes: usize) -> Self {
        Self { frames: self.frames + 1, bytes: self.bytes + bytes }
    }

    fn combine(self, other: Self) -> Self {
        Self { frames: self.frames + other.frames, bytes: self.bytes + other.bytes }
    }

    fn subtract(&mut self, bytes: usize) {
        self.frames -= 1;
        self.bytes -= bytes;
    }

    fn exceeds(self, bound: Self) -> bool {
        self.frames > bound.frames || self.bytes > bound.bytes
    }
}

/// The capacity, in frames, of an empty queue: a burst must not leave every idle session with
/// memory.
const IDLE_CAPACITY: usize = 16;

/// The memory of a queued frame besides its text: its slot in the queue, and its reference count.
const OVERHEAD_PER_FRAME: usize = size_of::<Queued>() + 32;
