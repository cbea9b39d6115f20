use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Wake,
};

use super::*;
use crate::PeerId;

#[derive(Default)]
struct Wakeups(AtomicUsize);

impl Wake for Wakeups {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Wakeups {
    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

fn first() -> Generation {
    Generation::default()
}

fn frame(n: usize) -> Frame {
    Frame::new(format!("{n:04}"))
}

fn outbox(frames: usize, bytes: usize, unacknowledged: usize) -> Outbox {
    let limits = Limits::builder().outbox_frames(frames).unacknowledged_frames(unacknowledged);
    let mut outbox = Outbox::new(&limits.build().unwrap(), Budget::new(usize::MAX));
    // Below the minimum of the limits.
    outbox.waiting.all.bytes = bytes;
    outbox.waiting.relayed.bytes = bytes.div_ceil(2);
    outbox.unacknowledged.bytes = 1000;
    outbox
}

/// Pushes a frame, then wakes.
fn push(outbox: &Outbox, n: usize) -> Result<(), QueueFull> {
    push_as(outbox, Push::event(frame(n)))
}

fn push_as(outbox: &Outbox, push: Push) -> Result<(), QueueFull> {
    let mut wakers = Wakers::new();
    let pushed = outbox.push(push, &mut wakers);
    wakers.into_iter().for_each(Waker::wake);
    pushed
}

/// A member that is distinct from those of other numbers.
pub(super) fn peer(n: u32) -> PeerId {
    format!("{n:A>21}A").parse().unwrap()
}

/// Pushes a frame of the member with this number; the tens digit is its address.
fn relay(outbox: &Outbox, n: usize, from: u32) -> Result<(), QueueFull> {
    push_as(outbox, Push::relayed(frame(n), Sender::new(peer(from), Some(from / 10))))
}

fn drain(outbox: &Outbox, max_bytes: usize) -> Poll<Result<Vec<String>, CloseReason>> {
    drain_as(first(), outbox, max_bytes)
}

fn drain_as(
    generation: Generation,
    outbox: &Outbox,
    max_bytes: usize,
) -> Poll<Result<Vec<String>, CloseReason>> {
    let mut batch = Vec::new();
    let cx = Context::from_waker(Waker::noop());
    outbox
        .poll_drain(generation, &cx, max_bytes, &mut batch)
        .map_ok(|()| batch.iter().map(|frame| frame.as_str().to_owned()).collect())
}

fn push_and_drain(outbox: &Outbox, numbers: Range<usize>) {
    for n in numbers {
        push(outbox, n).unwrap();
        assert!(drain(outbox, 99).is_ready());
    }
}

fn take_over(outbox: &Outbox, generation: Generation, received: Option<u64>) -> Resumed {
    let mut wakers = Wakers::new();
    let resumed = outbox.take_over(generation, received, &mut wakers);
    wakers.into_iter().for_each(Waker::wake);
    resumed
}

fn texts(numbers: Range<usize>) -> Vec<String> {
    numbers.map(|n| frame(n).as_str().to_owned()).collect()
}

fn kept(outbox: &Outbox) -> (u64, usize) {
    outbox.lock().queue.kept()
}

#[test]
fn frames_come_in_order_and_in_batches() {
    let outbox = outbox(10, 1000, 10);
    for n in 0..5 {
        push(&outbox, n).unwrap();
    }
    assert_eq!(drain(&outbox, 8), Poll::Ready(Ok(vec!["0000".into(), "0001".into()])));
    // A frame that exceeds the batch's size is a batch of its own.
    assert_eq!(drain(&outbox, 1), Poll::Ready(Ok(vec!["0002".into()])));
    assert_eq!(drain(&outbox, 99), Poll::Ready(Ok(vec!["0003".into(), "0004".into()])));
    assert_eq!(drain(&outbox, 99), Poll::Pending);
}

#[test]
fn a_push_wakes_the_reader_once() {
    let outbox = outbox(10, 1000, 10);
    let wakeups = Arc::new(Wakeups::default());
    let waker = Waker::from(wakeups.clone());
    let cx = Context::from_waker(&waker);
    assert!(outbox.poll_drain(first(), &cx, 99, &mut Vec::new()).is_pending());
    push(&outbox, 0).unwrap();
    push(&outbox, 1).unwrap();
    assert_eq!(wakeups.count(), 1, "it is awake already");
}

#[test]
fn without_a_socket_only_the_end_wakes() {
    let outbox = outbox(1, 1000, 10);
    let wakeups = Arc::new(Wakeups::default());
    let waker = Waker::from(wakeups.clone());
    assert!(outbox.poll_closed(first(), &Context::from_waker(&waker)).is_pending());
    push(&outbox, 0).unwrap();
    push(&outbox, 1).unwrap_err();
    assert_eq!(wakeups.count(), 0);
    let mut wakers = Wakers::new();
    outbox.close(CloseReason::RoomClosed, &mut wakers);
    wakers.into_iter().for_each(Waker::wake);
    assert_eq!(wakeups.count(), 1);
}

#[test]
fn too_many_frames_or_bytes_end_it_with_too_slow() {
    for outbox in [outbox(2, 1000, 10), outbox(10, 8, 10)] {
        push(&outbox, 0).unwrap();
        push(&outbox, 1).unwrap();
        assert_eq!(push(&outbox, 2), Err(QueueFull));
        assert_eq!(push(&outbox, 3), Err(QueueFull), "once full, nothing more comes");
        assert_eq!(drain(&outbox, 99), Poll::Ready(Err(CloseReason::TooSlow)));
        assert_eq!(kept(&outbox).1, 0, "its memory is free");
        let cx = Context::from_waker(Waker::noop());
        assert!(outbox.poll_closed(first(), &cx).is_pending(), "without a socket it is no end");
    }
}

#[test]
fn one_member_or_address_leaves_space_for_others() {
    // Bounded by frames, and by bytes: each frame has four.
    for outbox in [outbox(48, 1000, 99), outbox(200, 192, 99)] {
        let fill = |from| (0..99).take_while(|n| relay(&outbox, *n, from).is_ok()).count();
        // Of 24: the first member gets a third; more members of its address get less and less.
        assert_eq!([fill(11), fill(12), fill(13)], [8, 3, 1]);
        assert_eq!([fill(14), fill(11), fill(12)], [0, 0, 0], "half of it is for this address");
        assert_eq!([fill(21), fill(31), fill(41)], [4, 3, 2], "a third of what is free");
        assert_eq!(push_as(&outbox, Push::direct(frame(0))), Ok(()));
        assert_eq!(drain(&outbox, 32), Poll::Ready(Ok(texts(0..8))), "the connection stays open");
        assert_eq!(fill(11), 3, "sent frames free their space");
        let events = (0..99).take_while(|n| push(&outbox, *n).is_ok()).count();
        assert_eq!(events, 48 - 17, "events may use the other half as well");
    }
}

#[test]
fn a_refused_frame_uses_no_space_and_closes_no_connection() {
    let outbox = outbox(4, 1000, 10);
    relay(&outbox, 0, 1).unwrap();
    relay(&outbox, 1, 1).unwrap_err();
    (1..4).for_each(|n| push(&outbox, n).unwrap());
    push_as(&outbox, Push::direct(frame(9))).unwrap_err();
    relay(&outbox, 9, 2).unwrap_err();
    assert_eq!(drain(&outbox, 99), Poll::Ready(Ok(texts(0..4))));
    relay(&outbox, 4, 1).unwrap();
    assert_eq!(drain(&outbox, 99), Poll::Ready(Ok(texts(4..5))));
}

#[test]
fn kept_frames_and_no_others_are_counted() {
    let budget = Budget::new(1 << 20);
    let limits = Limits::builder().unacknowledged_frames(8).build().unwrap();
    let outbox = Outbox::new(&limits, budget.clone());
    let kept = |outbox: &Outbox| outbox.kept_bytes();
    relay(&outbox, 0, 1).unwrap();
    let one = kept(&outbox);
    assert!((4 + 32..200).contains(&one), "{one}");
    (1..4).for_each(|n| push(&outbox, n).unwrap());
    assert_eq!(kept(&outbox), 4 * one);
    assert!(drain(&outbox, 99).is_ready());
    assert_eq!(kept(&outbox), 4 * one, "until it is acknowledged");
    outbox.acknowledge(1).unwrap();
    assert_eq!(kept(&outbox), 3 * one);
    assert_eq!(take_over(&outbox, first().next(), Some(3)), Resumed::Full);
    assert_eq!(kept(&outbox), one);
    assert_eq!(take_over(&outbox, first().next().next(), None), Resumed::Partial);
    assert_eq!(kept(&outbox), 0);
    push(&outbox, 4).unwrap();
    outbox.overflow(&mut Wakers::new());
    assert_eq!(kept(&outbox), 0);
    assert_eq!(take_over(&outbox, first(), None), Resumed::Partial);
    push(&outbox, 5).unwrap();
    outbox.close(CloseReason::RoomClosed, &mut Wakers::new());
    assert_eq!(kept(&outbox), 0);
    let other = Outbox::new(&limits, budget.clone());
    push(&other, 0).unwrap();
    assert!(!budget.is_unused());
    drop(other);
    assert!(budget.is_unused());
}

#[test]
fn an_overflow_wakes_the_reader() {
    let outbox = outbox(10, 3, 10);
    let wakeups = Arc::new(Wakeups::default());
    let waker = Waker::from(wakeups.clone());
    assert!(
        outbox.poll_drain(first(), &Context::from_waker(&waker), 99, &mut Vec::new()).is_pending()
    );
    assert_eq!(push(&outbox, 0), Err(QueueFull));
    assert_eq!(wakeups.count(), 1);
}

#[test]
fn sent_frames_are_kept_until_acknowledged() {
    let outbox = outbox(10, 1000, 3);
    for n in 0..5 {
        push(&outbox, n).unwrap();
    }
    assert_eq!(outbox.acknowledge(1), Err(InvalidAck), "they wait, but were not sent");
    assert!(drain(&outbox, 99).is_ready());
    assert_eq!(kept(&outbox), (2, 3), "the oldest are dropped beyond the bound");
    outbox.acknowledge(4).unwrap();
    assert_eq!(kept(&outbox), (4, 1));
    outbox.acknowledge(1).unwrap();
    assert_eq!(kept(&outbox), (4, 1), "an older word changes nothing");
    assert_eq!(outbox.acknowledge(6), Err(InvalidAck));
    outbox.acknowledge(5).unwrap();
    assert_eq!(kept(&outbox), (5, 0));
}

#[test]
fn the_first_reason_to_close_stays() {
    let outbox = outbox(10, 1000, 3);
    push(&outbox, 0).unwrap();
    outbox.close(CloseReason::RoomClosed, &mut Wakers::new());
    outbox.close(CloseReason::TakenOver, &mut Wakers::new());
    assert_eq!(drain(&outbox, 99), Poll::Ready(Err(CloseReason::RoomClosed)));
    assert_eq!(push(&outbox, 1), Err(QueueFull));
}

#[test]
fn a_takeover_gets_the_missing_frames_before_newer_ones() {
    let outbox = outbox(2, 1000, 10);
    let second = first().next();
    push_and_drain(&outbox, 0..4);
    push(&outbox, 4).unwrap();
    outbox.acknowledge(1).unwrap();
    assert_eq!(take_over(&outbox, second, Some(2)), Resumed::Full);
    assert_eq!(kept(&outbox), (2, 3));
    // Retransmitted frames use no space of the waiting ones.
    push(&outbox, 5).unwrap();
    assert_eq!(drain_as(second, &outbox, 8), Poll::Ready(Ok(texts(2..4))));
    assert_eq!(drain_as(second, &outbox, 99), Poll::Ready(Ok(texts(4..6))));
    assert_eq!(drain_as(second, &outbox, 99), Poll::Pending);
    outbox.acknowledge(6).unwrap();
    assert_eq!(kept(&outbox), (6, 0));
}

#[test]
fn a_gap_makes_the_queue_empty_and_usable() {
    let second = first().next();
    for received in [None, Some(0), Some(1), Some(5)] {
        let outbox = outbox(2, 1000, 2);
        push_and_drain(&outbox, 0..4);
        assert_eq!(take_over(&outbox, second, received), Resumed::Partial, "{received:?}");
        assert_eq!(kept(&outbox), (0, 0));
        push(&outbox, 7).unwrap();
        assert_eq!(drain_as(second, &outbox, 99), Poll::Ready(Ok(texts(7..8))));
        outbox.acknowledge(1).unwrap();
    }
    for received in [Some(2), Some(3), Some(4)] {
        let outbox = outbox(2, 1000, 2);
        push_and_drain(&outbox, 0..4);
        assert_eq!(take_over(&outbox, second, received), Resumed::Full, "{received:?}");
    }
}

#[test]
fn an_overflow_is_over_once_another_connection_reads() {
    let outbox = outbox(1, 1000, 10);
    let second = first().next();
    push(&outbox, 0).unwrap();
    assert_eq!(push(&outbox, 1), Err(QueueFull));
    assert_eq!(take_over(&outbox, second, Some(0)), Resumed::Partial);
    push(&outbox, 2).unwrap();
    assert_eq!(drain_as(second, &outbox, 99), Poll::Ready(Ok(texts(2..3))));
}

#[test]
fn the_older_reader_is_woken_and_gets_nothing_more() {
    for wait in [Outbox::poll_closed, |outbox: &Outbox, generation, cx: &Context<'_>| {
        outbox.poll_drain(generation, cx, 99, &mut Vec::new()).map(|drained| drained.unwrap_err())
    }] {
        let outbox = outbox(10, 1000, 10);
        let wakeups = Arc::new(Wakeups::default());
        let waker = Waker::from(wakeups.clone());
        let cx = Context::from_waker(&waker);
        assert!(wait(&outbox, first(), &cx).is_pending());
        take_over(&outbox, first().next(), Some(0));
        assert_eq!(wakeups.count(), 1);
        push(&outbox, 0).unwrap();
        assert_eq!(wait(&outbox, first(), &cx), Poll::Ready(CloseReason::TakenOver));
        // It gets no later reason, either.
        outbox.close(CloseReason::RoomClosed, &mut Wakers::new());
        assert_eq!(wait(&outbox, first(), &cx), Poll::Ready(CloseReason::TakenOver));
    }
}

#[test]
fn retransmitted_frames_are_dropped_only_when_acknowledged_on_their_connection() {
    let outbox = outbox(10, 1000, 10);
    let second = first().next();
    push_and_drain(&outbox, 0..3);
    assert_eq!(take_over(&outbox, second, Some(1)), Resumed::Full);
    outbox.acknowledge(3).unwrap();
    assert_eq!(drain_as(second, &outbox, 99), Poll::Ready(Ok(texts(1..3))));
    assert_eq!(outbox.acknowledge(4), Err(InvalidAck));
    outbox.acknowledge(3).unwrap();
    assert_eq!(kept(&outbox), (3, 0));
}

#[test]
fn the_greeting_comes_first_alone_and_once() {
    let outbox = outbox(2, 1000, 8);
    push(&outbox, 0).unwrap();
    outbox.greet(first(), frame(100));
    assert_eq!(drain(&outbox, 99), Poll::Ready(Ok(texts(100..101))));
    assert_eq!(drain(&outbox, 99), Poll::Ready(Ok(texts(0..1))));
    // It is not counted: the client has handled the one frame.
    assert_eq!(take_over(&outbox, first().next(), Some(1)), Resumed::Full);
    assert_eq!(drain_as(first().next(), &outbox, 99), Poll::Pending);
    // Not of a connection that is gone.
    outbox.greet(first(), frame(101));
    assert_eq!(drain_as(first().next(), &outbox, 99), Poll::Pending);
}

#[test]
fn the_greeting_outlives_an_overflow_and_nothing_else() {
    let outbox = outbox(1, 1000, 8);
    outbox.greet(first(), frame(100));
    push(&outbox, 0).unwrap();
    assert_eq!(push(&outbox, 1), Err(QueueFull));
    // It has the ticket with which the client comes back.
    assert_eq!(drain(&outbox, 99), Poll::Ready(Ok(texts(100..101))));
    assert_eq!(drain(&outbox, 99), Poll::Ready(Err(CloseReason::TooSlow)));

    let ends: [fn(&Outbox); 2] = [Outbox::discard_greeting, |outbox| {
        take_over(outbox, first(), None);
    }];
    for end in ends {
        outbox.greet(first(), frame(101));
        end(&outbox);
        assert_ne!(drain(&outbox, 99), Poll::Ready(Ok(texts(101..102))));
    }
    outbox.greet(first(), frame(102));
    outbox.close(CloseReason::RoomClosed, &mut Wakers::new());
    assert_eq!(drain(&outbox, 99), Poll::Ready(Err(CloseReason::RoomClosed)));
    outbox.greet(first(), frame(103));
    assert_eq!(drain(&outbox, 99), Poll::Ready(Err(CloseReason::RoomClosed)));
}

#[test]
fn the_greeting_counts_in_the_budget_and_cannot_be_reclaimed() {
    let budget = Budget::new(100);
    let outbox = Outbox::new(&Limits::default(), budget.clone());
    outbox.greet(first(), Frame::new("x".repeat(101)));
    assert!(budget.is_exceeded());
    assert_eq!(outbox.kept_bytes(), 0);
    assert!(drain(&outbox, 1).is_ready());
    assert!(!budget.is_exceeded());
}
