//! Writes the frames of a connection to the body of its upgrade response.
//!
//! actix polls a body while its write buffer has less than 32 KiB (or
//! `HttpServer::h1_write_buffer_size`), and not while the peer does not read. So the frames that a socket
//! sends wait in a slot until actix polls the body, and `send` waits for that. A peer that does not read
//! uses the memory of one batch here, in addition to its outbox, and `send` times out.

use std::{
    cell::RefCell,
    convert::Infallible,
    future::poll_fn,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use actix_http::ws::{CloseReason, OpCode, Parser};
use actix_web::{
    body::{BodySize, MessageBody},
    web::{Bytes, BytesMut},
};
use meet_signal_core::{Frame, socket::Disconnected};

/// The two ends of a slot.
pub(crate) fn outgoing() -> (Outgoing, Body) {
    let slot = Rc::default();
    (Outgoing(Rc::clone(&slot)), Body(slot))
}

/// The socket's end. Once it is dropped, the body ends with what is in the slot.
pub(crate) struct Outgoing(Rc<RefCell<Slot>>);

/// actix's end.
pub(crate) struct Body(Rc<RefCell<Slot>>);

#[derive(Default)]
struct Slot {
    /// Encoded frames.
    bytes: BytesMut,
    /// The payload of the last ping without a pong. Earlier ones need none (RFC 6455, section 5.5.3), so
    /// a peer cannot make pongs pile up.
    ping: Option<Box<[u8]>>,
    /// actix has polled the body while the slot was empty: everything before is in actix's buffer.
    taken: bool,
    /// The other end has been dropped.
    ended: bool,
    sender: Option<Waker>,
    reader: Option<Waker>,
}

impl Outgoing {
    /// Takes all frames out of `batch`, and waits until they are in actix's buffer.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: the frames that were taken out are sent nevertheless, before later ones.
    pub(crate) async fn send(&self, batch: &mut Vec<Frame>) -> Result<(), Disconnected> {
        self.put(|slot| {
            slot.taken = false;
            slot.bytes.reserve(batch.iter().map(|frame| HEADER + frame.len()).sum());
            for frame in batch.drain(..) {
                Parser::write_message(&mut slot.bytes, frame.as_str(), OpCode::Text, true, false);
            }
        });
        poll_fn(|cx| self.0.borrow_mut().poll_taken(cx)).await
    }

    /// Sends a pong to this ping, when actix polls the body.
    pub(crate) fn pong(&self, ping: &[u8]) {
        // Copied: otherwise a few bytes would keep the whole read buffer alive.
        self.put(|slot| slot.ping = Some(ping.into()));
    }

    /// Sends a close frame. Nothing may be sent after it.
    pub(crate) fn close(&self, reason: Option<CloseReason>) {
        self.put(|slot| {
            slot.send_pong();
            Parser::write_close(&mut slot.bytes, reason, false);
        });
    }

    fn put(&self, f: impl FnOnce(&mut Slot)) {
        let reader = {
            let mut slot = self.0.borrow_mut();
            f(&mut slot);
            slot.reader.take()
        };
        reader.inspect(Waker::wake_by_ref);
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        self.put(|slot| slot.ended = true);
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        let sender = {
            let mut slot = self.0.borrow_mut();
            slot.ended = true;
            slot.sender.take()
        };
        sender.inspect(Waker::wake_by_ref);
    }
}

impl MessageBody for Body {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        let mut slot = self.0.borrow_mut();
        if let Some(chunk) = slot.chunk() {
            return Poll::Ready(Some(Ok(chunk)));
        }
        if slot.ended {
            return Poll::Ready(None);
        }
        slot.taken = true;
        slot.reader = Some(cx.waker().clone());
        let sender = slot.sender.take();
        drop(slot);
        sender.inspect(Waker::wake_by_ref);
        Poll::Pending
    }
}

impl Slot {
    fn chunk(&mut self) -> Option<Bytes> {
        self.send_pong();
        let chunk = self.bytes.split_to(self.bytes.len().min(CHUNK)).freeze();
        if self.bytes.is_empty() {
            // The chunk owns the memory; an idle connection keeps none.
            self.bytes = BytesMut::new();
        }
        (!chunk.is_empty()).then_some(chunk)
    }

    fn send_pong(&mut self) {
        if let Some(ping) = self.ping.take() {
            Parser::write_message(&mut self.bytes, ping, OpCode::Pong, true, false);
        }
    }

    fn poll_taken(&mut self, cx: &Context<'_>) -> Poll<Result<(), Disconnected>> {
        if self.ended {
            return Poll::Ready(Err(Disconnected::new()));
        }
        if self.taken {
            return Poll::Ready(Ok(()));
        }
        self.sender = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// The size of a chunk. actix may buffer so much more than its own limit.
const CHUNK: usize = 16 * 1024;

/// The maximum length of a frame's header (RFC 6455, section 5.2).
const HEADER: usize = 10;
