//! The frames of a session, by their numbers.

use super::Expected;
use crate::{PeerId, Resumed};

/// The reference for the outbox of a session: all frames since the session began, and how far each of
/// three counts has come.
///
/// Frames are numbered from 1. A `partial` resume begins a new sequence of numbers. The frames of
/// earlier sequences are kept: some may still be on their way to the client.
#[derive(Debug, Clone)]
pub struct QueueModel {
    bounds: QueueBounds,
    sequences: Vec<Vec<(Expected, FrameClass)>>,
    /// How many frames of the current sequence cannot be sent again.
    dropped: usize,
    /// How many were sent on the current connection, and on any connection.
    sent_here: usize,
    sent: usize,
    has_overflowed: bool,
}

/// How many frames may be kept, and how many bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct QueueBounds {
    pub(crate) waiting: Size,
    /// Of what waits, the frames of other members.
    pub(crate) relayed: Size,
    pub(crate) unacknowledged: Size,
}

/// Frames, and their bytes together.
pub(crate) type Size = (usize, usize);

/// What becomes of a frame for which there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FrameClass {
    /// A frame of another member, and the address of that, if it is known. It is refused.
    Relayed(PeerId, Option<u32>),
    /// A frame of the application for this member alone. It is refused.
    Direct,
    /// A frame that the member must not miss. The queue overflows.
    Event,
}

impl QueueModel {
    pub(crate) fn new(bounds: QueueBounds) -> Self {
        let sequences = vec![Vec::new()];
        Self { bounds, sequences, dropped: 0, sent_here: 0, sent: 0, has_overflowed: false }
    }

    /// Appends a frame, and returns whether there was room for it.
    pub(crate) fn push(&mut self, frame: Expected, class: FrameClass) -> bool {
        let has_room = self.has_room(frame.len(), class);
        if has_room {
            self.current_mut().push((frame, class));
        } else if class == FrameClass::Event {
            self.overflow();
        }
        has_room
    }

    /// Drops what waits. Nothing more is sent before a resume.
    pub(crate) fn overflow(&mut self) {
        let sent = self.sent;
        self.current_mut().truncate(sent);
        self.has_overflowed = true;
    }

    /// Sends frames of at most `most` bytes together, but at least one frame.
    pub(crate) fn send(&mut self, most: usize) -> Vec<Expected> {
        if self.has_overflowed {
            return Vec::new();
        }
        let unsent = &self.current()[self.sent_here..];
        let fits = |count: &usize| size(&unsent[..*count]).1 <= most;
        let count = (1..=unsent.len()).rev().find(fits).unwrap_or(1).min(unsent.len());
        let batch = unsent[..count].iter().map(|(frame, _)| frame.clone()).collect();
        self.sent_here += count;
        self.sent = self.sent.max(self.sent_here);
        let bound = self.bounds.unacknowledged;
        while exceeds(size(&self.current()[self.dropped..self.sent]), bound) {
            self.dropped += 1;
        }
        batch
    }

    /// The client has handled the frames up to this number. False if they were not all sent.
    pub(crate) fn acknowledge(&mut self, received: usize) -> bool {
        let is_valid = self.has_overflowed || received <= self.sent;
        if is_valid {
            self.dropped = self.dropped.max(received.min(self.sent_here));
        }
        is_valid
    }

    /// Another connection goes on after the frame of this number, if the number is known.
    pub(crate) fn resume_from(&mut self, received: Option<usize>) -> Resumed {
        let kept = self.dropped..=self.sent;
        match received.filter(|received| kept.contains(received) && !self.has_overflowed) {
            Some(received) => {
                (self.dropped, self.sent_here) = (received, received);
                Resumed::Full
            }
            None => {
                self.sequences.push(Vec::new());
                (self.dropped, self.sent_here, self.sent) = (0, 0, 0);
                self.has_overflowed = false;
                Resumed::Partial
            }
        }
    }

    /// The indices, from 0, of the frames that are kept.
    #[cfg(test)]
    pub(crate) fn kept(&self) -> std::ops::Range<usize> {
        if self.has_overflowed { 0..0 } else { self.dropped..self.current().len() }
    }

    /// Whether a frame that the member must not miss found no room.
    pub fn has_overflowed(&self) -> bool {
        self.has_overflowed
    }

    /// How many frames wait to be sent for the first time.
    pub fn waiting(&self) -> usize {
        self.current().len() - self.sent
    }

    /// Whether all frames were sent on the current connection.
    pub fn is_drained(&self) -> bool {
        !self.has_overflowed && self.sent_here == self.current().len()
    }

    /// The frames of a sequence, from number 1 on. Those of the last sequence go on.
    pub fn sequence(&self, sequence: usize) -> impl ExactSizeIterator<Item = &Expected> {
        self.sequences[sequence].iter().map(|(frame, _)| frame)
    }

    /// How many sequences there are.
    pub fn sequences(&self) -> usize {
        self.sequences.len()
    }

    /// A member may use as much of what is there for relayed frames as its address leaves free, and of
    /// that as much as it leaves free itself.
    fn has_room(&self, bytes: usize, class: FrameClass) -> bool {
        let waiting = &self.current()[self.sent..];
        if self.has_overflowed || exceeds(sum(&[size(waiting), (1, bytes)]), self.bounds.waiting) {
            return false;
        }
        let FrameClass::Relayed(member, address) = class else { return true };
        let relayed = |of: &dyn Fn(PeerId, Option<u32>) -> bool| {
            size(waiting.iter().filter(|(_, class)| match class {
                FrameClass::Relayed(member, address) => of(*member, *address),
                FrameClass::Direct | FrameClass::Event => false,
            }))
        };
        let all = relayed(&|_, _| true);
        let own = relayed(&|sender, _| sender == member);
        let same_address =
            relayed(&|sender, from| sender == member || (from.is_some() && from == address));
        // A frame that is alone has room, however long it is.
        all.0 == 0 || !exceeds(sum(&[all, same_address, own, (1, bytes)]), self.bounds.relayed)
    }

    fn current(&self) -> &Vec<(Expected, FrameClass)> {
        self.sequences.last().expect("the first one begins with the session")
    }

    fn current_mut(&mut self) -> &mut Vec<(Expected, FrameClass)> {
        self.sequences.last_mut().expect("the first one begins with the session")
    }
}

fn size<'a>(frames: impl IntoIterator<Item = &'a (Expected, FrameClass)>) -> Size {
    frames.into_iter().fold((0, 0), |size, (frame, _)| sum(&[size, (1, frame.len())]))
}

fn sum(sizes: &[Size]) -> Size {
    sizes.iter().fold((0, 0), |sum, size| (sum.0 + size.0, sum.1 + size.1))
}

fn exceeds(size: Size, bound: Size) -> bool {
    size.0 > bound.0 || size.1 > bound.1
}
