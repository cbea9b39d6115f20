//! The frames of an outbox, and the numbers that both ends go by.

use std::collections::VecDeque;

use smallvec::SmallVec;

use super::{InvalidAck, Push, QueueFull, Sender};
use crate::{Frame, message::Resumed};

/// Frame number *n* is the *n*th that was pushed since the counting began. They lie in one row:
/// first those that were sent on this connection, then those that were sent on an earlier one and
/// are to be sent again, then those that wait. The first two are what is unacknowledged.
#[derive(Debug, Default)]
pub(super) struct Queue {
    frames: VecDeque<Queued>,
    sent: Size,
    again: Size,
    waiting: Size,
    /// How much of what waits is from members, and from whom.
    relayed: Size,
    shares: SmallVec<[Share; 1]>,
    /// How many frames came before the first of `frames`.
    dropped: u64,
    overflowed: bool,
}

/// So many frames, of so many bytes together.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) frames: usize,
    pub(super) bytes: usize,
}

/// What may wait.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) all: Size,
    /// Of it, what is from members.
    pub(super) relayed: Size,
}

#[derive(Debug)]
struct Queued {
    frame: Frame,
    sender: Option<Sender>,
}

/// What waits of one member's frames.
#[derive(Debug)]
struct Share {
    sender: Sender,
    waiting: Size,
}

impl Queue {
    /// Appends a frame, or nothing where there is no room for it.
    ///
    /// The members of one address have room for as much as they leave free of what is there for
    /// members, and each of them for as much of that as it leaves free: whatever one sends, there is
    /// some for the others.
    pub(super) fn push(&mut self, push: Push, bounds: Bounds) -> Result<(), QueueFull> {
        let bytes = push.frame.len();
        let waiting = self.waiting.plus(bytes);
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
        // What is alone there is let in, however long it is: limits are such that all of it fits.
        if self.relayed.frames == 0 {
            let waiting = Size::default().plus(bytes);
            self.relayed = waiting;
            self.shares.push(Share { sender, waiting });
            return Ok(());
        }
        let same = self.shares.iter().filter(|share| share.sender.address == sender.address);
        let used = same.fold(self.relayed, |used, share| used.and(share.waiting));
        let share = self.shares.iter_mut().find(|share| share.sender == sender);
        let own = share.as_ref().map_or(Size::default(), |share| share.waiting).plus(bytes);
        if own.and(used).exceeds(bound) {
            return Err(QueueFull);
        }
        match share {
            Some(share) => share.waiting = own,
            None => self.shares.push(Share { sender, waiting: own }),
        }
        self.relayed = self.relayed.plus(bytes);
        Ok(())
    }

    /// Drops all frames: the reader can no longer be given a history without a hole.
    pub(super) fn overflow(&mut self) {
        *self = Self { overflowed: true, ..Self::default() };
    }

    /// Appends what is to be sent to `batch`, up to `most` bytes but at least one frame, and keeps it
    /// until it is acknowledged; of all that is kept so, the oldest beyond `bound` is dropped. False
    /// where there is nothing to send.
    pub(super) fn send(&mut self, most: usize, bound: Size, batch: &mut Vec<Frame>) -> bool {
        let mut size = Size::default();
        for Queued { frame, sender } in self.frames.range_mut(self.sent.frames..) {
            let bytes = frame.len();
            if size.frames > 0 && size.bytes + bytes > most {
                break;
            }
            size = size.plus(bytes);
            // A waiting frame is sent only once none is to be sent again.
            if self.again.frames > 0 {
                self.again.subtract(bytes);
            } else {
                self.waiting.subtract(bytes);
                if let Some(sender) = sender.take() {
                    self.relayed.subtract(bytes);
                    if self.relayed.frames == 0 {
                        self.shares = SmallVec::new();
                    } else {
                        give_back(&mut self.shares, sender, bytes);
                    }
                }
            }
            self.sent = self.sent.plus(bytes);
            batch.push(frame.clone());
        }
        while self.unacknowledged().exceeds(bound) {
            self.drop_first();
        }
        size.frames > 0
    }

    /// The client has handled the first `received` frames.
    pub(super) fn acknowledge(&mut self, received: u64) -> Result<(), InvalidAck> {
        if received > self.ever_sent() && !self.overflowed {
            return Err(InvalidAck);
        }
        // What is to be sent again stays: the client counts it as it comes on this connection.
        while self.dropped < received && self.sent.frames > 0 {
            self.drop_first();
        }
        Ok(())
    }

    /// Goes back to the frame after the first `received`: those before it are acknowledged, those
    /// from it on are sent again. Where one of these is not kept any more, or where nobody knows how
    /// many the client has received, counting begins anew, with no frames.
    pub(super) fn resume_from(&mut self, received: Option<u64>) -> Resumed {
        let kept = self.dropped..=self.ever_sent();
        match received {
            Some(received) if !self.overflowed && kept.contains(&received) => {
                self.again = self.unacknowledged();
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

    /// How much memory the frames take: their bytes, and what holds them.
    pub(super) fn kept_bytes(&self) -> usize {
        self.frames.len() * KEPT_WITH_FRAME
            + [self.sent, self.again, self.waiting].map(|part| part.bytes).iter().sum::<usize>()
    }

    /// How many frames have gone to any socket.
    fn ever_sent(&self) -> u64 {
        self.dropped + self.unacknowledged().frames as u64
    }

    fn unacknowledged(&self) -> Size {
        Size {
            frames: self.sent.frames + self.again.frames,
            bytes: self.sent.bytes + self.again.bytes,
        }
    }

    /// Drops the oldest of those that went to a socket.
    fn drop_first(&mut self) {
        let first = self.frames.pop_front().expect("what is unacknowledged is in the queue");
        let part = if self.sent.frames > 0 { &mut self.sent } else { &mut self.again };
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

fn give_back(shares: &mut SmallVec<[Share; 1]>, sender: Sender, bytes: usize) {
    let at = shares.iter().position(|share| share.sender == sender);
    let at = at.expect("who has a frame that waits has a share");
    shares[at].waiting.subtract(bytes);
    if shares[at].waiting.frames == 0 {
        shares.swap_remove(at);
    }
}

impl Size {
    /// With one more frame of so many bytes.
    fn plus(self, bytes: usize) -> Self {
        Self { frames: self.frames + 1, bytes: self.bytes + bytes }
    }

    fn and(self, other: Self) -> Self {
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

/// How many frames' room an empty queue keeps: a burst should not cost every idle session memory.
const IDLE_CAPACITY: usize = 16;

/// What keeping a frame costs beside its text: its place in the queue, and what its memory is counted
/// with.
const KEPT_WITH_FRAME: usize = size_of::<Queued>() + 32;
