//! What waits for one session's socket, and what was sent but may have to be sent again.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use thiserror::Error;

use crate::{CloseReason, Frame, Limits};

/// A queue with many writers and one reader, bounded in frames and in bytes.
///
/// It counts: frame number *n* is the *n*th that was ever pushed. Frames that went to a socket are
/// kept, within a bound of their own, until the client acknowledges their number.
///
/// Nothing here waits. A push that finds the queue full marks it as overflowed and drops all of it,
/// since its reader can no longer be given a history without a hole.
#[derive(Debug)]
pub(crate) struct Outbox {
    limits: OutboxLimits,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy)]
struct OutboxLimits {
    waiting: Size,
    unacknowledged: Size,
}

#[derive(Debug, Default)]
struct State {
    /// First those that were sent and not acknowledged, then those that wait.
    frames: VecDeque<Frame>,
    unacknowledged: Size,
    waiting: Size,
    /// How many frames came before the first of `frames`.
    dropped: u64,
    overflowed: bool,
    closed: Option<CloseReason>,
    reader: Option<Waker>,
}

/// The queue is full, or was once: this reader gets nothing more.
#[derive(Debug, PartialEq, Eq, Error)]
#[error("the outbox is full")]
pub(crate) struct Full;

/// Frames were acknowledged that were never sent.
#[derive(Debug, PartialEq, Eq, Error)]
#[error("more was acknowledged than was sent")]
pub(crate) struct NeverSent;

impl Outbox {
    pub(crate) fn new(limits: &Limits) -> Self {
        let limits = OutboxLimits {
            waiting: Size { frames: limits.outbox_frames(), bytes: limits.outbox_bytes() },
            unacknowledged: Size {
                frames: limits.unacknowledged_frames(),
                bytes: limits.unacknowledged_bytes(),
            },
        };
        Self { limits, state: Mutex::default() }
    }

    /// Appends a frame. The waker is the reader's: for firing it once no lock is held.
    pub(crate) fn push(&self, frame: Frame) -> Result<Option<Waker>, Full> {
        let mut state = self.lock();
        if state.overflowed || state.closed.is_some() {
            return Err(Full);
        }
        let mut waiting = state.waiting;
        waiting.add(&frame);
        if waiting.exceeds(self.limits.waiting) {
            state.overflow();
            // The reader must see it: with the wake-up, its connection ends.
            let reader = state.reader.take();
            drop(state);
            reader.inspect(Waker::wake_by_ref);
            return Err(Full);
        }
        state.waiting = waiting;
        state.frames.push_back(frame);
        Ok(state.reader.take())
    }

    /// Ends the session that reads from here. The first reason stays.
    pub(crate) fn close(&self, reason: CloseReason) -> Option<Waker> {
        let mut state = self.lock();
        state.closed.get_or_insert(reason);
        state.reader.take()
    }

    /// Appends all that waits, up to `most` bytes (but at least one frame), to `batch`.
    ///
    /// Ready with an error once the queue is closed or has overflowed. There is one reader: only the
    /// last waker counts.
    pub(crate) fn poll_drain(
        &self,
        cx: &Context<'_>,
        most: usize,
        batch: &mut Vec<Frame>,
    ) -> Poll<Result<(), CloseReason>> {
        let mut state = self.lock();
        if let Some(reason) = state.end() {
            return Poll::Ready(Err(reason));
        }
        if state.waiting.frames == 0 {
            state.wait(cx);
            return Poll::Pending;
        }
        state.send(most, batch);
        state.forget_beyond(self.limits.unacknowledged);
        Poll::Ready(Ok(()))
    }

    /// Ready once the queue is closed; for a session that has no socket. Overflowing is no reason to
    /// end such a session: it tells a client that comes back what it missed.
    pub(crate) fn poll_closed(&self, cx: &Context<'_>) -> Poll<CloseReason> {
        let mut state = self.lock();
        match state.closed {
            Some(reason) => Poll::Ready(reason),
            None => {
                state.wait(cx);
                Poll::Pending
            }
        }
    }

    /// The client has handled the first `received` frames of the session.
    pub(crate) fn acknowledge(&self, received: u64) -> Result<(), NeverSent> {
        let mut state = self.lock();
        let sent = state.dropped + state.unacknowledged.frames as u64;
        if received > sent && !state.overflowed {
            return Err(NeverSent);
        }
        while state.dropped < received && state.unacknowledged.frames > 0 {
            state.drop_first();
        }
        Ok(())
    }

    // A panic while the lock was held cannot leave the state half changed: nothing in here calls
    // foreign code between two changes.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn end(&self) -> Option<CloseReason> {
        self.closed.or(self.overflowed.then_some(CloseReason::TooSlow))
    }

    fn wait(&mut self, cx: &Context<'_>) {
        match &mut self.reader {
            Some(reader) => reader.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
    }

    fn send(&mut self, most: usize, batch: &mut Vec<Frame>) {
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
    }

    fn forget_beyond(&mut self, bound: Size) {
        while self.unacknowledged.exceeds(bound) {
            self.drop_first();
        }
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

    fn overflow(&mut self) {
        self.overflowed = true;
        self.frames = VecDeque::new();
        self.unacknowledged = Size::default();
        self.waiting = Size::default();
    }
}

#[derive(Debug, Default, Clone, Copy)]
struct Size {
    frames: usize,
    bytes: usize,
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

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl std::task::Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn frame(n: usize) -> Frame {
        Frame::new(format!("{n:04}"))
    }

    fn outbox(frames: usize, bytes: usize, unacknowledged: usize) -> Outbox {
        Outbox {
            limits: OutboxLimits {
                waiting: Size { frames, bytes },
                unacknowledged: Size { frames: unacknowledged, bytes: 1000 },
            },
            state: Mutex::default(),
        }
    }

    fn drain(outbox: &Outbox, most: usize) -> Poll<Result<Vec<String>, CloseReason>> {
        let mut batch = Vec::new();
        let cx = Context::from_waker(Waker::noop());
        outbox
            .poll_drain(&cx, most, &mut batch)
            .map_ok(|()| batch.iter().map(|frame| frame.as_str().to_owned()).collect())
    }

    #[test]
    fn frames_come_in_order_and_in_batches() {
        let outbox = outbox(10, 1000, 10);
        for n in 0..5 {
            outbox.push(frame(n)).unwrap();
        }
        assert_eq!(drain(&outbox, 8), Poll::Ready(Ok(vec!["0000".into(), "0001".into()])));
        // A frame over the batch's size is a batch of its own, not a stall.
        assert_eq!(drain(&outbox, 1), Poll::Ready(Ok(vec!["0002".into()])));
        assert_eq!(drain(&outbox, 99), Poll::Ready(Ok(vec!["0003".into(), "0004".into()])));
        assert_eq!(drain(&outbox, 99), Poll::Pending);
    }

    #[test]
    fn a_push_wakes_the_reader_once() {
        let outbox = outbox(10, 1000, 10);
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(wakes.clone());
        let cx = Context::from_waker(&waker);
        assert!(outbox.poll_drain(&cx, 99, &mut Vec::new()).is_pending());
        outbox.push(frame(0)).unwrap().expect("a reader waits").wake();
        assert!(outbox.push(frame(1)).unwrap().is_none(), "it is awake already");
        assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn too_many_frames_or_bytes_end_it_with_too_slow() {
        for outbox in [outbox(2, 1000, 10), outbox(10, 8, 10)] {
            outbox.push(frame(0)).unwrap();
            outbox.push(frame(1)).unwrap();
            assert_eq!(outbox.push(frame(2)).unwrap_err(), Full);
            assert_eq!(outbox.push(frame(3)).unwrap_err(), Full, "once full, nothing more comes");
            assert_eq!(drain(&outbox, 99), Poll::Ready(Err(CloseReason::TooSlow)));
            assert!(outbox.lock().frames.is_empty(), "its memory is free");
            let cx = Context::from_waker(Waker::noop());
            assert!(outbox.poll_closed(&cx).is_pending(), "without a socket it is no end");
        }
    }

    #[test]
    fn an_overflow_wakes_the_reader() {
        let outbox = outbox(10, 3, 10);
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(wakes.clone());
        assert!(outbox.poll_drain(&Context::from_waker(&waker), 99, &mut Vec::new()).is_pending());
        assert_eq!(outbox.push(frame(0)).unwrap_err(), Full);
        assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn what_was_sent_is_kept_until_acknowledged() {
        let outbox = outbox(10, 1000, 3);
        for n in 0..5 {
            outbox.push(frame(n)).unwrap();
        }
        assert_eq!(outbox.acknowledge(1), Err(NeverSent), "they wait, but were not sent");
        assert!(drain(&outbox, 99).is_ready());
        let kept = |outbox: &Outbox| {
            let state = outbox.lock();
            (state.dropped, state.frames.len())
        };
        assert_eq!(kept(&outbox), (2, 3), "the oldest are dropped beyond the bound");
        outbox.acknowledge(4).unwrap();
        assert_eq!(kept(&outbox), (4, 1));
        outbox.acknowledge(1).unwrap();
        assert_eq!(kept(&outbox), (4, 1), "an older word changes nothing");
        assert_eq!(outbox.acknowledge(6), Err(NeverSent));
        outbox.acknowledge(5).unwrap();
        assert_eq!(kept(&outbox), (5, 0));
    }

    #[test]
    fn the_first_reason_to_close_stays() {
        let outbox = outbox(10, 1000, 3);
        outbox.push(frame(0)).unwrap();
        outbox.close(CloseReason::RoomClosed);
        outbox.close(CloseReason::TakenOver);
        assert_eq!(drain(&outbox, 99), Poll::Ready(Err(CloseReason::RoomClosed)));
        assert_eq!(outbox.push(frame(1)).unwrap_err(), Full);
    }
}
