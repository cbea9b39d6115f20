//! A connection in memory: the driver has one end, the test the other.

use std::{
    cell::RefCell,
    collections::VecDeque,
    future::poll_fn,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use meet_signal_core::{
    CloseReason, Frame,
    socket::{Disconnected, Incoming, Socket},
};

use crate::event::{Event, Events};

/// The driver's end.
pub(crate) struct MemorySocket {
    connection: u32,
    wire: Wire,
    events: Events,
    awaits_hello: bool,
}

/// The test's end.
#[derive(Clone, Default)]
pub(crate) struct Wire(Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    incoming: VecDeque<Incoming<String>>,
    /// Nothing comes and goes any more.
    is_closed: bool,
    /// The client takes nothing: writes wait.
    is_blocked: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl MemorySocket {
    pub(crate) fn new(connection: u32, wire: Wire, events: Events, awaits_hello: bool) -> Self {
        Self { connection, wire, events, awaits_hello }
    }

    fn push(&self, event: Event) {
        self.events.borrow_mut().push(event);
    }
}

impl Socket for MemorySocket {
    type Text = String;

    async fn recv(&mut self) -> Incoming<String> {
        poll_fn(|cx| self.wire.poll_recv(cx)).await
    }

    async fn send(&mut self, batch: &mut Vec<Frame>) -> Result<(), Disconnected> {
        poll_fn(|cx| self.wire.poll_writable(cx)).await?;
        for frame in batch.drain(..) {
            self.push(Event::text(self.connection, frame.as_str()));
        }
        Ok(())
    }

    async fn close(&mut self, reason: CloseReason) {
        if poll_fn(|cx| self.wire.poll_writable(cx)).await.is_ok() {
            self.push(Event::close(self.connection, reason));
            poll_fn(|cx| self.wire.poll_closed(cx)).await;
        }
    }

    fn awaits_hello(&self) -> bool {
        self.awaits_hello
    }
}

impl Drop for MemorySocket {
    fn drop(&mut self) {
        if !self.wire.0.borrow().is_closed {
            self.push(Event::gone(self.connection));
        }
    }
}

impl Wire {
    /// Something arrives at the driver.
    pub(crate) fn deliver(&self, incoming: Incoming<String>) {
        let mut state = self.0.borrow_mut();
        state.is_closed |= matches!(incoming, Incoming::Closed | Incoming::GoingAway);
        state.incoming.push_back(incoming);
        state.wake();
    }

    /// Whether the driver's writes wait from now on.
    pub(crate) fn block(&self, is_blocked: bool) {
        let mut state = self.0.borrow_mut();
        state.is_blocked = is_blocked;
        state.wake();
    }

    fn poll_recv(&self, cx: &Context<'_>) -> Poll<Incoming<String>> {
        let mut state = self.0.borrow_mut();
        match state.incoming.pop_front() {
            Some(incoming) => Poll::Ready(incoming),
            None => {
                state.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn poll_writable(&self, cx: &Context<'_>) -> Poll<Result<(), Disconnected>> {
        let mut state = self.0.borrow_mut();
        if state.is_closed {
            return Poll::Ready(Err(Disconnected::new()));
        }
        if !state.is_blocked {
            return Poll::Ready(Ok(()));
        }
        state.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    fn poll_closed(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.0.borrow_mut();
        if state.is_closed {
            return Poll::Ready(());
        }
        state.writer = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl State {
    fn wake(&mut self) {
        let wakers = [self.reader.take(), self.writer.take()];
        wakers.into_iter().flatten().for_each(Waker::wake);
    }
}
