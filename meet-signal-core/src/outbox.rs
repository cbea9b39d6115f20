//! What waits for one session's socket, and what was sent but may have to be sent again.

#[cfg(all(test, feature = "testing", not(loom)))]
mod properties;
mod queue;
#[cfg(test)]
mod tests;

use std::{
    num::NonZeroU32,
    ops::ControlFlow,
    sync::{Arc, PoisonError},
    task::{Context, Poll, Waker},
};

use smallvec::SmallVec;
use thiserror::Error;

use crate::{
    CloseReason, Frame, Limits, PeerId,
    budget::{Budget, Reservation},
    connection::Generation,
    message::Resumed,
    sync::{Mutex, MutexGuard},
};
use queue::{Bounds, Queue, Size};

/// A queue with many writers and one reader, bounded in frames and in bytes.
///
/// It counts: frame number *n* is the *n*th that was ever pushed. Frames that went to a socket are
/// kept, within a bound of their own, until the client acknowledges their number.
///
/// Nothing here waits, and nothing is dropped in silence. What a member sends and what finds no room
/// is refused. What everybody has to hear and what finds no room marks the queue as overflowed and
/// drops all of it, since its reader can no longer be given a history without a hole.
#[derive(Debug)]
pub(crate) struct Outbox {
    waiting: Bounds,
    unacknowledged: Size,
    state: Mutex<State>,
}

/// Tasks to be woken once no lock is held.
pub(crate) type Wakers = SmallVec<[Waker; 8]>;

/// There is no room for the frame, or the reader gets nothing more.
#[derive(Debug, PartialEq, Eq, Error)]
#[error("the outbox is full")]
pub(crate) struct QueueFull;

/// Frames were acknowledged that were never sent.
#[derive(Debug, PartialEq, Eq, Error)]
#[error("more was acknowledged than was sent")]
pub(crate) struct InvalidAck;

/// A frame, and what it means that there is no room for it.
#[derive(Debug, Clone)]
pub(crate) struct Push {
    frame: Frame,
    /// The member whose share of the queue it takes.
    sender: Option<Sender>,
    overflows: bool,
}

/// A member that sends, and the address that it sends from: told from others by a part of its id, and
/// by a hash. Those who happen to share one share what they may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sender {
    member: NonZeroU32,
    address: u32,
}

impl Sender {
    /// A member, and the hash of its address, where that is known: then all members of that address
    /// together are bounded, too, since one who wants more can join more often.
    pub(crate) fn new(member: PeerId, address: Option<u32>) -> Self {
        let member = NonZeroU32::MIN.saturating_add(member.low_bits() >> 1);
        Self { member, address: address.unwrap_or(member.get()) }
    }
}

impl Push {
    /// What a member sends. It is refused where there is no room.
    pub(crate) fn relayed(frame: Frame, from: Sender) -> Self {
        Self { frame, sender: Some(from), overflows: false }
    }

    /// Something for this reader alone. It is refused where there is no room.
    pub(crate) fn direct(frame: Frame) -> Self {
        Self { frame, sender: None, overflows: false }
    }

    /// What its reader cannot do without.
    pub(crate) fn event(frame: Frame) -> Self {
        Self { frame, sender: None, overflows: true }
    }
}

#[derive(Debug)]
struct State {
    queue: Queue,
    /// What the connection is to send before anything of the queue. It has no number.
    greeting: Option<Frame>,
    /// What the queue counts for in the hub's budget.
    reservation: Reservation,
    /// Which connection the reader is.
    generation: Generation,
    closed: Option<CloseReason>,
    /// Waits for frames, or for the end.
    drain_waker: Option<Waker>,
    /// Waits for the end alone: frames for a session without a socket need wake nobody.
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
            drain_waker: None,
            close_waker: None,
        };
        Self { waiting: Bounds { all, relayed }, unacknowledged, state: Mutex::new(state) }
    }

    /// Has this connection send a frame before anything else that waits, and outside of the count.
    /// Nothing happens if the connection does not read from here any more.
    pub(crate) fn greet(&self, generation: Generation, frame: Frame) {
        let mut state = self.lock();
        if state.end(generation).is_none() && !state.queue.has_overflowed() {
            state.greeting = Some(frame);
            state.settle();
        }
        let waker = state.drain_waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
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
        state.settle();
        pushed
    }

    /// Drops what is kept, and ends the connection that reads from here.
    pub(crate) fn overflow(&self, wakers: &mut Wakers) {
        let mut state = self.lock();
        state.overflow(wakers);
        state.settle();
    }

    /// How much the queue counts for in the hub's budget.
    pub(crate) fn kept_bytes(&self) -> usize {
        self.lock().reservation.bytes()
    }

    /// Ends the session that reads from here. The first reason stays.
    pub(crate) fn close(&self, reason: CloseReason, wakers: &mut Wakers) {
        let mut state = self.lock();
        state.closed.get_or_insert(reason);
        // Nothing of it is sent any more.
        state.drop_frames();
        state.settle();
        state.wake_all(wakers);
    }

    /// Another connection reads from here, whose client has handled the first `received` frames, if
    /// that is known. What it lacks comes first. Where not all of that is kept any more, the queue is
    /// empty, and the counting begins anew.
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
        state.settle();
        resumed
    }

    /// Appends all that waits, up to `most` bytes (but at least one frame), to `batch`; first of all
    /// the greeting by itself.
    ///
    /// Ready with an error once the queue is closed or has overflowed, or another connection reads
    /// from it. There is one reader: only the last waker counts.
    pub(crate) fn poll_drain(
        &self,
        generation: Generation,
        cx: &Context<'_>,
        most: usize,
        batch: &mut Vec<Frame>,
    ) -> Poll<Result<(), CloseReason>> {
        let mut state = self.lock();
        if let Some(reason) = state.end(generation) {
            return Poll::Ready(Err(reason));
        }
        if state.queue.has_overflowed() {
            return Poll::Ready(Err(CloseReason::TooSlow));
        }
        let greeting = state.greeting.take();
        let is_greeted = greeting.is_some();
        batch.extend(greeting);
        // With a greeting, the rest is for the next time: it may be as long as all that is sent at once.
        if !is_greeted && !state.queue.send(most, self.unacknowledged, batch) {
            wait(&mut state.drain_waker, cx);
            return Poll::Pending;
        }
        state.settle();
        Poll::Ready(Ok(()))
    }

    /// Ready once the queue is closed or another connection reads from it; for a session that has no
    /// socket. Overflowing is no reason to end such a session: a client that comes back is told.
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

    /// The client has handled the first `received` frames of the session.
    pub(crate) fn acknowledge(&self, received: u64) -> Result<(), InvalidAck> {
        let mut state = self.lock();
        state.queue.acknowledge(received)?;
        state.settle();
        Ok(())
    }

    /// A break where this connection has nothing to wait for any more.
    pub(crate) fn end(&self, generation: Generation) -> ControlFlow<CloseReason> {
        self.lock().end(generation).map_or(ControlFlow::Continue(()), ControlFlow::Break)
    }

    /// Whether this connection reads from here.
    pub(crate) fn serves(&self, generation: Generation) -> bool {
        self.lock().generation == generation
    }

    // A panic while the lock was held cannot leave the state half changed: nothing in here calls
    // foreign code between two changes.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Why this connection has nothing to wait for any more.
    fn end(&self, generation: Generation) -> Option<CloseReason> {
        if self.generation == generation {
            self.closed.clone()
        } else {
            Some(CloseReason::TakenOver)
        }
    }

    /// Counts what the queue keeps by now.
    fn settle(&mut self) {
        let greeting = self.greeting.as_ref().map_or(0, Frame::len);
        self.reservation.set(self.queue.kept_bytes() + greeting);
    }

    fn drop_frames(&mut self) {
        self.queue.overflow();
        self.greeting = None;
    }

    /// It is for the reader to see, too.
    fn overflow(&mut self, wakers: &mut Wakers) {
        self.drop_frames();
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
