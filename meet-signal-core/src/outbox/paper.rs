//! The queue against one that a person would keep on paper: over any history, with frames of any
//! length and bounds on both.

use proptest::{collection::vec, option, prelude::*};

use super::{
    Push, Sender,
    queue::{Bounds, Queue, Size},
    tests::peer,
};
use crate::{Frame, message::Resumed};

/// All frames since the counting began and who sent each, and how far each of three has come.
#[derive(Debug, Default)]
struct Paper {
    frames: Vec<Frame>,
    senders: Vec<Option<u32>>,
    dropped: usize,
    /// On this connection, and on any.
    sent_here: usize,
    sent: usize,
    overflowed: bool,
}

#[derive(Debug, Clone)]
enum Step {
    /// Of this length, from one of some members or from none.
    Push(usize, Option<u32>),
    Send(usize),
    Acknowledge(u64),
    Rewind(Option<u64>),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (1..40_usize, option::of(0..3_u32)).prop_map(|(length, from)| Step::Push(length, from)),
        5 => (0..100_usize).prop_map(Step::Send),
        3 => (0..20_u64).prop_map(Step::Acknowledge),
        2 => option::weighted(0.9, 0..20_u64).prop_map(Step::Rewind),
    ];
    vec(step, 1..60)
}

fn size() -> impl Strategy<Value = Size> {
    (0..12_usize, 0..200_usize).prop_map(|(frames, bytes)| Size { frames, bytes })
}

fn bytes(frames: &[Frame]) -> usize {
    frames.iter().map(Frame::len).sum()
}

fn exceed(frames: &[Frame], bound: Size) -> bool {
    frames.len() > bound.frames || bytes(frames) > bound.bytes
}

impl Paper {
    /// Whether there is room for it.
    fn push(&mut self, frame: Frame, sender: Option<u32>, bounds: Bounds) -> bool {
        self.frames.push(frame);
        self.senders.push(sender);
        let fits = !self.overflowed
            && !exceed(&self.frames[self.sent..], bounds.all)
            && sender.is_none_or(|sender| self.has_room_for_last(sender, bounds.relayed));
        if !fits {
            self.frames.pop();
            self.senders.pop();
        }
        fits
    }

    /// Whether what waits of one sender is not more than what is free of what its address may have,
    /// without its last frame. Here, two of three are of one address.
    fn has_room_for_last(&self, sender: u32, bound: Size) -> bool {
        let waiting = |of: &dyn Fn(u32) -> bool| -> Vec<_> {
            let all = self.frames.iter().zip(&self.senders).skip(self.sent);
            all.filter(|(_, it)| it.is_some_and(of)).map(|(frame, _)| frame.clone()).collect()
        };
        let own = waiting(&|it| it == sender);
        let address = waiting(&|it| it / 2 == sender / 2);
        let relayed = waiting(&|_| true);
        if relayed.len() == 1 {
            return true;
        }
        // The last one is in all three, and counts once.
        let before = |frames: &[Frame]| frames[..frames.len() - 1].to_vec();
        let relayed = [before(&relayed), before(&address), own].concat();
        !exceed(&relayed, bound)
    }

    fn overflow(&mut self) {
        *self = Self { overflowed: true, ..Self::default() };
    }

    fn send(&mut self, most: usize, bound: Size) -> Vec<Frame> {
        let all = &self.frames[self.sent_here..];
        let fits = |count: &usize| bytes(&all[..*count]) <= most;
        let count = (0..=all.len()).rev().find(fits).unwrap_or(0).max(1).min(all.len());
        let batch = all[..count].to_vec();
        self.sent_here += count;
        self.sent = self.sent.max(self.sent_here);
        while exceed(&self.frames[self.dropped..self.sent], bound) {
            self.dropped += 1;
        }
        batch
    }

    fn acknowledge(&mut self, received: usize) -> bool {
        let is_known = received <= self.sent || self.overflowed;
        if is_known {
            self.dropped = self.dropped.max(received.min(self.sent_here));
        }
        is_known
    }

    fn resume_from(&mut self, received: Option<usize>) -> Resumed {
        let kept = self.dropped..=self.sent;
        match received.filter(|received| kept.contains(received) && !self.overflowed) {
            Some(received) => {
                (self.dropped, self.sent_here) = (received, received);
                Resumed::Full
            }
            None => {
                *self = Self::default();
                Resumed::Partial
            }
        }
    }
}

proptest! {
    #[test]
    fn the_queue_is_as_on_paper(
        steps in steps(),
        all in size(),
        relayed in size(),
        unacknowledged in size(),
    ) {
        let bounds = Bounds { all, relayed };
        let (mut queue, mut paper) = (Queue::default(), Paper::default());
        for (n, step) in steps.into_iter().enumerate() {
            match step {
                Step::Push(length, sender) => {
                    let frame = Frame::new(format!("{n:0length$}"));
                    let push = match sender {
                        Some(n) => Push::relayed(frame.clone(), Sender::new(peer(n), Some(n / 2))),
                        None => Push::event(frame.clone()),
                    };
                    let fits = paper.push(frame, sender, bounds);
                    prop_assert_eq!(queue.push(push, bounds).is_ok(), fits);
                    // Of what happens in a room, nothing may be missing.
                    if !fits && sender.is_none() {
                        queue.overflow();
                        paper.overflow();
                    }
                }
                Step::Send(most) => {
                    let mut batch = Vec::new();
                    let sent = queue.send(most, unacknowledged, &mut batch);
                    prop_assert_eq!(sent, !batch.is_empty());
                    prop_assert_eq!(batch, paper.send(most, unacknowledged));
                }
                Step::Acknowledge(received) => {
                    let known = queue.acknowledge(received).is_ok();
                    prop_assert_eq!(known, paper.acknowledge(received as usize));
                }
                Step::Rewind(received) => {
                    let resumed = queue.resume_from(received);
                    prop_assert_eq!(resumed, paper.resume_from(received.map(|n| n as usize)));
                }
            }
            prop_assert_eq!(queue.has_overflowed(), paper.overflowed);
            let kept = (paper.dropped as u64, paper.frames.len() - paper.dropped);
            prop_assert_eq!(queue.kept(), kept);
        }
    }
}

#[test]
fn a_burst_costs_an_idle_session_no_memory() {
    let bound = Size { frames: 1_000, bytes: 100_000 };
    let bounds = Bounds { all: bound, relayed: bound };
    let mut queue = Queue::default();
    for _ in 0..1_000 {
        queue.push(Push::event(Frame::new("0".into())), bounds).unwrap();
    }
    assert!(queue.send(usize::MAX, bound, &mut Vec::new()));
    assert!(queue.capacity() >= 1_000);
    queue.acknowledge(999).unwrap();
    assert!(queue.capacity() >= 1_000, "not while it is in use");
    queue.acknowledge(1_000).unwrap();
    assert!(queue.capacity() <= 16, "{}", queue.capacity());
}
