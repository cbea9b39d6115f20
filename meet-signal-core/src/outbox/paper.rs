//! The queue against one that a person would keep on paper: over any history, with frames of any
//! length and bounds on both.

use proptest::{collection::vec, option, prelude::*};

use super::queue::{Queue, Size};
use crate::{Frame, message::Resumed};

/// All frames since the counting began, and how far each of three has come.
#[derive(Debug, Default)]
struct Paper {
    frames: Vec<Frame>,
    dropped: usize,
    /// On this connection, and on any.
    sent_here: usize,
    sent: usize,
    overflowed: bool,
}

#[derive(Debug, Clone)]
enum Step {
    Push(usize),
    Send(usize),
    Acknowledge(u64),
    Rewind(Option<u64>),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (1..40_usize).prop_map(Step::Push),
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
    fn push(&mut self, frame: Frame, bound: Size) -> bool {
        self.frames.push(frame);
        if self.overflowed || exceed(&self.frames[self.sent..], bound) {
            *self = Self { overflowed: true, ..Self::default() };
        }
        !self.overflowed
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

    fn rewind(&mut self, received: Option<usize>) -> Resumed {
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
    fn the_queue_is_as_on_paper(steps in steps(), waiting in size(), unacknowledged in size()) {
        let (mut queue, mut paper) = (Queue::default(), Paper::default());
        for (n, step) in steps.into_iter().enumerate() {
            match step {
                Step::Push(length) => {
                    let frame = Frame::new(format!("{n:0length$}"));
                    let pushed = queue.push(frame.clone(), waiting);
                    prop_assert_eq!(pushed.is_ok(), paper.push(frame, waiting));
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
                    let resumed = queue.rewind(received);
                    prop_assert_eq!(resumed, paper.rewind(received.map(|n| n as usize)));
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
    let mut queue = Queue::default();
    for _ in 0..1_000 {
        queue.push(Frame::new("0".into()), bound).unwrap();
    }
    assert!(queue.send(usize::MAX, bound, &mut Vec::new()));
    assert!(queue.capacity() >= 1_000);
    queue.acknowledge(999).unwrap();
    assert!(queue.capacity() >= 1_000, "not while it is in use");
    queue.acknowledge(1_000).unwrap();
    assert!(queue.capacity() <= 16, "{}", queue.capacity());
}
