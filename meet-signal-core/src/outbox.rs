//! What waits for one session's socket, and what was sent but may have to be sent again.

#[cfg(all(test, not(loom)))]
mod paper;
mod queue;
#[cfg(test)]
mod tests;

use std::{
    ops::ControlFlow,
    sync::PoisonError,
    task::{Context, Poll, Waker},
};

use smallvec::SmallVec;
use thiserror::Error;

use crate::{
    CloseReason, Frame, Limits,
    connection::Generation,
    message::Resumed,
    sync::{Mutex, MutexGuard},
};
use queue::{Queue, Size};

/// A queue with many writers and one reader, bounded in frames and in bytes.
///
/// It counts: frame number *n* is the *n*th that was ever pushed. Frames that went to a socket are
/// kept, within a bound of their own, until the client acknowledges their number.
///
/// Nothing here waits. A push that finds the queue full marks it as overflowed and drops all of it,
/// since its reader can no longer be given a history without a hole.
#[derive(Debug)]
pub(crate) struct Outbox {
    bounds: Bounds,
    state: Mutex<State>,
}

/// Tasks to be woken once no lock is held.
pub(crate) type Wakes = SmallVec<[Waker; 8]>;

/// The queue is full, or was once: this reader gets nothing more.
#[derive(Debug, PartialEq, Eq, Error)]
#[error("the outbox is full")]
pub(crate) struct Full;

/// Frames were acknowledged that were never sent.
#[derive(Debug, PartialEq, Eq, Error)]
#[error("more was acknowledged than was sent")]
pub(crate) struct NeverSent;

#[derive(Debug, Clone, Copy)]
struct Bounds {
    waiting: Size,
    unacknowledged: Size,
}

#[derive(Debug, Default)]
struct State {
    queue: Queue,
    /// Which connection the reader is.
    generation: Generation,
    closed: Option<CloseReason>,
    /// Waits for frames, or for the end.
    reader: Option<Waker>,
    /// Waits for the end alone: frames for a session without a socket need wake nobody.
    watcher: Option<Waker>,
}

impl Outbox {
    pub(crate) fn new(limits: &Limits) -> Self {
        let waiting = Size { frames: limits.outbox_frames(), bytes: limits.outbox_bytes() };
        let unacknowledged =
            Size { frames: limits.unacknowledged_frames(), bytes: limits.unacknowledged_bytes() };
        Self { bounds: Bounds { waiting, unacknowledged }, state: Mutex::default() }
    }

    /// Appends a frame.
    pub(crate) fn push(&self, frame: Frame, wakes: &mut Wakes) -> Result<(), Full> {
        let mut state = self.lock();
        if state.closed.is_some() {
            return Err(Full);
        }
        // An overflow is for the reader to see, too: it ends the connection.
        wakes.extend(state.reader.take());
        state.queue.push(frame, self.bounds.waiting)
    }

    /// Ends the session that reads from here. The first reason stays.
    pub(crate) fn close(&self, reason: CloseReason, wakes: &mut Wakes) {
        let mut state = self.lock();
        state.closed.get_or_insert(reason);
        state.wake_all(wakes);
    }

    /// Another connection reads from here, whose client has handled the first `received` frames, if
    /// that is known. What it lacks comes first. Where not all of that is kept any more, the queue is
    /// empty, and the counting begins anew.
    pub(crate) fn take_over(
        &self,
        generation: Generation,
        received: Option<u64>,
        wakes: &mut Wakes,
    ) -> Resumed {
        let mut state = self.lock();
        state.generation = generation;
        state.wake_all(wakes);
        state.queue.rewind(received)
    }

    /// Appends all that waits, up to `most` bytes (but at least one frame), to `batch`.
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
        if !state.queue.send(most, self.bounds.unacknowledged, batch) {
            wait(&mut state.reader, cx);
            return Poll::Pending;
        }
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
                wait(&mut state.watcher, cx);
                Poll::Pending
            }
        }
    }

    /// The client has handled the first `received` frames of the session.
    pub(crate) fn acknowledge(&self, received: u64) -> Result<(), NeverSent> {
        self.lock().queue.acknowledge(received)
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
        if self.generation == generation { self.closed } else { Some(CloseReason::TakenOver) }
    }

    fn wake_all(&mut self, wakes: &mut Wakes) {
        wakes.extend([self.reader.take(), self.watcher.take()].into_iter().flatten());
    }
}

fn wait(waiting: &mut Option<Waker>, cx: &Context<'_>) {
    match waiting {
        Some(waker) => waker.clone_from(cx.waker()),
        none => *none = Some(cx.waker().clone()),
    }
}
