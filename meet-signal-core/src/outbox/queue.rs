//! The frames of an outbox, and the numbers that both ends go by.

use std::collections::VecDeque;

use super::{Full, NeverSent};
use crate::{Frame, message::Resumed};

/// Frame number *n* is the *n*th that was pushed since the counting began. They lie in one row:
/// first those that were sent on this connection, then those that were sent on an earlier one and
/// are to be sent again, then those that wait. The first two are what is unacknowledged.
#[derive(Debug, Default)]
pub(super) struct Queue {
    frames: VecDeque<Frame>,
    sent: Size,
    again: Size,
    waiting: Size,
    /// How many frames came before the first of `frames`.
    dropped: u64,
    overflowed: bool,
}

/// So many frames, of so many bytes together.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Size {
    pub(super) frames: usize,
    pub(super) bytes: usize,
}

impl Queue {
    /// Appends a frame. If that makes more than `bound` wait, all frames are dropped: the reader can
    /// no longer be given a history without a hole.
    pub(super) fn push(&mut self, frame: Frame, bound: Size) -> Result<(), Full> {
        if self.overflowed {
            return Err(Full);
        }
        let mut waiting = self.waiting;
        waiting.add(frame.len());
        if waiting.exceeds(bound) {
            *self = Self { overflowed: true, ..Self::default() };
            return Err(Full);
        }
        self.waiting = waiting;
        self.frames.push_back(frame);
        Ok(())
    }

    /// Appends what is to be sent to `batch`, up to `most` bytes but at least one frame, and keeps it
    /// until it is acknowledged; of all that is kept so, the oldest beyond `bound` is dropped. False
    /// where there is nothing to send.
    pub(super) fn send(&mut self, most: usize, bound: Size, batch: &mut Vec<Frame>) -> bool {
        let mut size = Size::default();
        for frame in self.frames.range(self.sent.frames..) {
            if size.frames > 0 && size.bytes + frame.len() > most {
                break;
            }
            size.add(frame.len());
            // A waiting frame is sent only once none is to be sent again.
            let part = if self.again.frames > 0 { &mut self.again } else { &mut self.waiting };
            part.subtract(frame.len());
            self.sent.add(frame.len());
            batch.push(frame.clone());
        }
        while self.unacknowledged().exceeds(bound) {
            self.drop_first();
        }
        size.frames > 0
    }

    /// The client has handled the first `received` frames.
    pub(super) fn acknowledge(&mut self, received: u64) -> Result<(), NeverSent> {
        if received > self.ever_sent() && !self.overflowed {
            return Err(NeverSent);
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
    pub(super) fn rewind(&mut self, received: Option<u64>) -> Resumed {
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
        let frame = self.frames.pop_front().expect("what is unacknowledged is in the queue");
        let part = if self.sent.frames > 0 { &mut self.sent } else { &mut self.again };
        part.subtract(frame.len());
        self.dropped += 1;
        if self.frames.is_empty() && self.frames.capacity() > IDLE_CAPACITY {
            self.frames.shrink_to(IDLE_CAPACITY);
        }
    }

    #[cfg(all(test, not(loom)))]
    pub(super) fn capacity(&self) -> usize {
        self.frames.capacity()
    }

    /// How many frames were dropped from the front, and how many are kept.
    #[cfg(test)]
    pub(super) fn kept(&self) -> (u64, usize) {
        (self.dropped, self.frames.len())
    }
}

impl Size {
    fn add(&mut self, bytes: usize) {
        self.frames += 1;
        self.bytes += bytes;
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
