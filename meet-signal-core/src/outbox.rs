//! The outbox of a session: the frames that wait for its socket, and the sent ones that are not
//! acknowledged yet.

#[cfg(all(test, feature = "testing", not(loom)))]
mod properties;
mod push;
mod queue;
#[cfg(test)]
mod tests;

use std::{
    ops::ControlFlow,
    sync::{Arc, PoisonError},
    task::{Context, Poll, Waker},
};

use smallvec::SmallVec;

use crate::{
    CloseReason, Frame, Limits,
    budget::{Budget, Reservation},
    connection::Generation,
    message::Resumed,
    sync::{Mutex, MutexGuard},
};
pub(crate) use push::{Push, QueueFull, Sender};
pub(crate) use queue::InvalidAck;
use queue::{Bounds, Queue, Size};

/// A queue with many writers and one reader, bounded in frames and in bytes.
///
/// Frame number *n* is the *n*th that was pushed. Sent frames are kept, within a bound of their
/// own, until the client acknowledges their number.
///
/// Nothing blocks, and nothing is dropped silently. If there is no space, a frame from a member is
/// refused; an event marks the queue as overflowed and drops all frames, because its reader can no
/// longer get a history without a gap.
#[derive(Debug)]
pub(crate) struct Outbox {
    waiting: Bounds,
    unacknowledged: Size,
    state: Mutex<State>,
}

/// The wakers of tasks, to be woken when no lock is held.
pub(crate) type Wakers = SmallVec<[Waker; 8]>;

#[derive(Debug)]
struct State {
    queue: Queue,
    /// A frame that the connection sends before all queued frames. It has no number.
    greeting: Option<Frame>,
    /// The queue's reservation in the hub's budget.
    reservation: Reservation,
    /// The generation of the reader's connection.
    generation: Generation,
    closed: Option<CloseReason>,
    /// Whether its session was admitted from the lobby, and no connection has reported that.
    is_admitted: bool,
    /// Woken by frames and by the end.
    drain_waker: Option<Waker>,
    /// Woken by the end only: frames for a session without a socket wake no task.
    close_waker: Option<Waker>,
}

impl Outbox {
    pub(crate) fn new(limits: &Limits, budget: Arc<Budget>) -> Self {
        let all = Size { frames: limits.outbox_frames(), bytes: limits.outbox_bytes() };
        let relayed = Size { frames: limits.relayed_frames(), bytes: limits.relayed_bytes() };
        let unacknowledged =
            Size { frames: limits.unacknowledged_frames(), bytes: limits.unacknowledged_bytes() };
        let state = State {
            queue: Queue::default(),
            greeting: None,
            reservation: Reservation::new(budget),
            generation: Generation::default(),
            closed: None,
            is_admitted: false,
            drain_waker: None,
            close_waker: None,
        };
        Self { waiting: Bounds { all, relayed }, unacknowledged, state: Mutex::new(state) }
    }

    /// Sets the frame that this connection sends before all queued frames, without a number. It
    /// does nothing if the connection is no longer the reader.
    pub(crate) fn greet(&self, generation: Generation, frame: Frame) {
        let mut state = self.lock();
        if state.end(generation).is_none() {
            state.greeting = Some(frame);
            state.update_reservation();
        }
        let waker = state.drain_waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    /// Begins a new history, whose first frame is this greeting, if this connection is the reader.
    /// Nothing that was sent before counts.
    pub(crate) fn begin(
        &self,
        greeting: Option<Frame>,
        generation: Generation,
        wakers: &mut Wakers,
    ) {
        let mut state = self.lock();
        if state.end(generation).is_some() {
            return;
        }
        state.is_admitted = true;
        state.queue = Queue::default();
        state.greeting = greeting;
        state.update_reservation();
        wakers.extend(state.drain_waker.take());
    }

    /// Whether the session was admitted from the lobby, and this connection, the newest, is the first
    /// that asks. The session may have ended since.
    #[cfg(feature = "driver")]
    pub(crate) fn takes_admission(&self, generation: Generation) -> bool {
        let mut state = self.lock();
        state.generation == generation && std::mem::take(&mut state.is_admitted)
    }

    /// Drops the greeting of a connection that is gone: the next one gets its own.
    pub(crate) fn discard_greeting(&self) {
        let mut state = self.lock();
        state.greeting = None;
        state.update_reservation();
    }

    /// Appends a frame.
    pub(crate) fn push(&self, push: Push, wakers: &mut Wakers) -> Result<(), QueueFull> {
        let mut state = self.lock();
        if state.closed.is_some() {
            return Err(QueueFull);
        }
        let overflows = push.overflows;
        let pushed = state.queue.push(push, self.waiting);
        if pushed.is_ok() {
            wakers.extend(state.drain_waker.take());
        } else if overflows {
            state.overflow(wakers);
        }
        state.update_reservation();
        pushed
    }

    /// Drops all queued frames, and ends the reader's connection.
    pub(crate) fn overflow(&self, wakers: &mut Wakers) {
        let mut state = self.lock();
        state.overflow(wakers);
        state.update_reservation();
    }

    /// The bytes that [`overflow`](Self::overflow) would give back to the hub's budget.
    pub(crate) fn kept_bytes(&self) -> usize {
        self.lock().queue.kept_bytes()
    }

    /// Ends the reader's session. A later reason does not replace the first one.
    pub(crate) fn close(&self, reason: CloseReason, wakers: &mut Wakers) {
        let mut state = self.lock();
        state.closed.get_or_insert(reason);
        // The frames are never sent.
        state.queue.overflow();
        state.greeting = None;
        state.update_reservation();
        state.wake_all(wakers);
    }

    /// Makes another connection the reader. Its client has handled the first `received` frames, if
    /// that is known; the others are sent first. If any of them is no longer kept, the queue is
    /// emptied, and the count restarts.
    pub(crate) fn take_over(
        &self,
        generation: Generation,
        received: Option<u64>,
        wakers: &mut Wakers,
    ) -> Resumed {
        let mut state = self.lock();
        state.generation = generation;
        state.greeting = None;
        state.wake_all(wakers);
        let resumed = state.queue.resume_from(received);
        state.update_reservation();
        resumed
    }

    /// Appends the queued frames, up to `max_bytes` bytes (but at least one frame), to `batch`; the
    /// greeting comes first, in a batch of its own.
    ///
    /// Ready with an error once the queue is closed or has overflowed, or another connection is the
    /// reader. There is one reader: only the last waker is kept.
    pub(crate) fn poll_drain(
        &self,
        generation: Generation,
        cx: &Context<'_>,
        max_bytes: usize,
        batch: &mut Vec<Frame>,
    ) -> Poll<Result<(), CloseReason>> {
        let mut state = self.lock();
        if let Some(reason) = state.end(generation) {
            return Poll::Ready(Err(reason));
        }
        // It may be as long as a whole batch, and a client whose queue has overflowed needs it, too: it
        // has the ticket with which the client resumes.
        if let Some(greeting) = state.greeting.take() {
            batch.push(greeting);
            state.update_reservation();
            return Poll::Ready(Ok(()));
        }
        if state.queue.has_overflowed() {
            return Poll::Ready(Err(CloseReason::TooSlow));
        }
        if !state.queue.send(max_bytes, self.unacknowledged, batch) {
            wait(&mut state.drain_waker, cx);
            return Poll::Pending;
        }
        state.update_reservation();
        Poll::Ready(Ok(()))
    }

    /// Ready once the queue is closed or another connection is the reader; for a session without a
    /// socket. An overflow does not end such a session: its client is informed when it resumes.
    pub(crate) fn poll_closed(
        &self,
        generation: Generation,
        cx: &Context<'_>,
    ) -> Poll<CloseReason> {
        let mut state = self.lock();
        match state.end(generation) {
            Some(reason) => Poll::Ready(reason),
            None => {
                wait(&mut state.close_waker, cx);
                Poll::Pending
            }
        }
    }

    /// Drops the first `received` frames of the session, which the client has handled.
    pub(crate) fn acknowledge(&self, received: u64) -> Result<(), InvalidAck> {
        let mut state = self.lock();
        state.queue.acknowledge(received)?;
        state.update_reservation();
        Ok(())
    }

    /// A break if this connection gets no more frames.
    pub(crate) fn end(&self, generation: Generation) -> ControlFlow<CloseReason> {
        self.lock().end(generation).map_or(ControlFlow::Continue(()), ControlFlow::Break)
    }

    /// Why the session has ended, unless a newer connection than this one speaks for it.
    pub(crate) fn session_end(&self, generation: Generation) -> Option<CloseReason> {
        let state = self.lock();
        // A session that replaces this one takes its generation over as well, without a connection.
        let is_replaced =
            state.closed == Some(CloseReason::TakenOver) && state.generation == generation.next();
        (is_replaced || state.generation == generation).then(|| state.closed.clone()).flatten()
    }

    /// Whether this connection is the reader.
    pub(crate) fn serves(&self, generation: Generation) -> bool {
        self.lock().generation == generation
    }

    // A panic cannot leave the state half changed: no foreign code runs between two changes.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Why this connection gets no more frames.
    fn end(&self, generation: Generation) -> Option<CloseReason> {
        if self.generation == generation {
            self.closed.clone()
        } else {
            Some(CloseReason::TakenOver)
        }
    }

    /// Updates the reservation in the hub's budget.
    fn update_reservation(&mut self) {
        let greeting = self.greeting.as_ref().map_or(0, Frame::len);
        self.reservation.set(self.queue.kept_bytes() + greeting);
    }

    /// Drops all queued frames, and wakes the reader.
    fn overflow(&mut self, wakers: &mut Wakers) {
        self.queue.overflow();
        wakers.extend(self.drain_waker.take());
    }

    fn wake_all(&mut self, wakers: &mut Wakers) {
        wakers.extend([self.drain_waker.take(), self.close_waker.take()].into_iter().flatten());
    }
}

fn wait(waiting: &mut Option<Waker>, cx: &Context<'_>) {
    match waiting {
        Some(waker) => waker.clone_from(cx.waker()),
        none => *none = Some(cx.waker().clone()),
    }
}
