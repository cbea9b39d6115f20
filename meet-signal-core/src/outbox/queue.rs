//! The frames of an outbox, and the numbers that both ends go by.

use std::collections::VecDeque;

use super::{Full, NeverSent};
use crate::Frame;

/// Frame number *n* is the *n*th that was pushed since the counting began. They lie in one row:
/// those that were sent and not acknowledged, then those that wait.
#[derive(Debug, Default)]
pub(super) struct Queue {
    frames: VecDeque<Frame>,
    unacknowledged: Size,
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
        waiting.add(&frame);
        if waiting.exceeds(bound) {
            *self = Self { overflowed: true, ..Self::default() };
            return Err(Full);
        }
        self.waiting = waiting;
        self.frames.push_back(frame);
        Ok(())
    }

    /// Appends what waits to `batch`, up to `most` bytes but at least one frame, and keeps it until
    /// it is acknowledged; of all that is kept so, the oldest beyond `bound` is dropped. False where
    /// nothing waits.
    pub(super) fn send(&mut self, most: usize, bound: Size, batch: &mut Vec<Frame>) -> bool {
        if self.waiting.frames == 0 {
            return false;
        }
        let first = self.unacknowledged.frames;
        let mut size = Size::default();
        for frame in self.frames.range(first..) {
            if size.frames > 0 && size.bytes + frame.len() > most {
                break;
            }
            size.add(frame);
            batch.push(frame.clone());
        }
        self.waiting.subtract(size);
        self.unacknowledged.frames += size.frames;
        self.unacknowledged.bytes += size.bytes;
        while self.unacknowledged.exceeds(bound) {
            self.drop_first();
        }
        true
    }

    /// The client has handled the first `received` frames.
    pub(super) fn acknowledge(&mut self, received: u64) -> Result<(), NeverSent> {
        let sent = self.dropped + self.unacknowledged.frames as u64;
        if received > sent && !self.overflowed {
            return Err(NeverSent);
        }
        while self.dropped < received && self.unacknowledged.frames > 0 {
            self.drop_first();
        }
        Ok(())
    }

    pub(super) fn has_overflowed(&self) -> bool {
        self.overflowed
    }

    /// Drops the oldest of those that were sent.
    fn drop_first(&mut self) {
        let frame = self.frames.pop_front().expect("what is unacknowledged is in the queue");
        self.unacknowledged.subtract(Size { frames: 1, bytes: frame.len() });
        self.dropped += 1;
        if self.frames.is_empty() && self.frames.capacity() > IDLE_CAPACITY {
            self.frames.shrink_to(IDLE_CAPACITY);
        }
    }

    /// How many frames were dropped from the front, and how many are kept.
    #[cfg(test)]
    pub(super) fn kept(&self) -> (u64, usize) {
        (self.dropped, self.frames.len())
    }
}

impl Size {
    fn add(&mut self, frame: &Frame) {
        self.frames += 1;
        self.bytes += frame.len();
    }

    fn subtract(&mut self, other: Self) {
        self.frames -= other.frames;
        self.bytes -= other.bytes;
    }

    fn exceeds(self, bound: Self) -> bool {
        self.frames > bound.frames || self.bytes > bound.bytes
    }
}

/// How many frames' room an empty queue keeps: a burst should not cost every idle session memory.
const IDLE_CAPACITY: usize = 16;
