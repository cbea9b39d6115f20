//! The queue against its [model](crate::testing::model::QueueModel): over any history, with frames of any
//! length, senders of several addresses, and limits of any size.
//!
//! These tests alone find what is wrong with sizes in bytes and with the shares of addresses.

use proptest::{collection::vec, prelude::*};

use super::{
    Push, Sender,
    queue::{Bounds, Queue, Size},
    tests::peer,
};
use crate::{
    Frame,
    testing::model::{Expected, FrameClass, QueueBounds, QueueModel},
};

#[derive(Debug, Clone)]
enum Step {
    /// A frame of this length.
    Push(usize, FrameClass),
    Send(usize),
    Acknowledge(usize),
    ResumeFrom(Option<usize>),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let class = prop_oneof![
        4 => Just(FrameClass::Event),
        // Two of three members have one address.
        4 => (0..3_u32).prop_map(|n| FrameClass::Relayed(peer(n), Some(n / 2))),
        1 => Just(FrameClass::Direct),
    ];
    let step = prop_oneof![
        8 => (1..40_usize, class).prop_map(|(length, class)| Step::Push(length, class)),
        5 => (0..100_usize).prop_map(Step::Send),
        3 => (0..20_usize).prop_map(Step::Acknowledge),
        2 => prop::option::weighted(0.9, 0..20_usize).prop_map(Step::ResumeFrom),
    ];
    vec(step, 1..60)
}

fn size() -> impl Strategy<Value = (usize, usize)> {
    (0..12_usize, 0..200_usize)
}

fn push(frame: Frame, class: FrameClass) -> Push {
    match class {
        FrameClass::Event => Push::event(frame),
        FrameClass::Direct => Push::direct(frame),
        FrameClass::Relayed(member, address) => Push::relayed(frame, Sender::new(member, address)),
    }
}

proptest! {
    #[test]
    fn the_queue_agrees_with_the_model(
        steps in steps(), waiting in size(), relayed in size(), unacknowledged in size(),
    ) {
        let mut model = QueueModel::new(QueueBounds { waiting, relayed, unacknowledged });
        let [all, relayed, unacknowledged] =
            [waiting, relayed, unacknowledged].map(|(frames, bytes)| Size { frames, bytes });
        let bounds = Bounds { all, relayed };
        let mut queue = Queue::default();
        for (n, step) in steps.into_iter().enumerate() {
            match step {
                Step::Push(length, class) => {
                    let frame = Frame::new(format!("{n:0length$}"));
                    let has_room = queue.push(push(frame.clone(), class), bounds).is_ok();
                    if !has_room && class == FrameClass::Event {
                        queue.overflow();
                    }
                    prop_assert_eq!(has_room, model.push(Expected::Frame(frame), class));
                }
                Step::Send(most) => {
                    let mut batch = Vec::new();
                    let sent = queue.send(most, unacknowledged, &mut batch);
                    prop_assert_eq!(sent, !batch.is_empty());
                    let batch: Vec<_> = batch.into_iter().map(Expected::Frame).collect();
                    prop_assert_eq!(batch, model.send(most));
                }
                Step::Acknowledge(received) => {
                    let is_valid = queue.acknowledge(received as u64).is_ok();
                    prop_assert_eq!(is_valid, model.acknowledge(received));
                }
                Step::ResumeFrom(received) => {
                    let resumed = queue.resume_from(received.map(|received| received as u64));
                    prop_assert_eq!(resumed, model.resume_from(received));
                }
            }
            prop_assert_eq!(queue.has_overflowed(), model.has_overflowed());
            let kept = model.kept();
            prop_assert_eq!(queue.kept(), (kept.start as u64, kept.len()));
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
