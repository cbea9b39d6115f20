//! What a connection must be able to do.

use std::future::Future;

use thiserror::Error;

use crate::{CloseReason, Frame};

/// A WebSocket, as the [driver](crate::driver) needs it. An adapter implements it for its
/// framework's.
///
/// It answers WebSocket pings by itself and puts fragmented messages together, up to
/// [`Limits::frame_bytes`](crate::Limits::frame_bytes).
pub trait Socket {
    /// The text of a received frame.
    type Text: AsRef<str>;

    /// Waits for what comes next. After [`Incoming::Closed`] it is not called again.
    ///
    /// # Cancel safety
    ///
    /// Must be cancel safe: the driver drops the future whenever there is something to send.
    fn recv(&mut self) -> impl Future<Output = Incoming<Self::Text>>;

    /// Takes all frames out of `batch`, writes them, and flushes once.
    ///
    /// # Errors
    ///
    /// The connection is gone; the batch may be gone with it.
    ///
    /// # Cancel safety
    ///
    /// Need not be cancel safe: the driver drops the future only to give the socket up.
    fn send(&mut self, batch: &mut Vec<Frame>) -> impl Future<Output = Result<(), Lost>>;

    /// Sends a close frame and waits for the other end to close, discarding what still comes.
    /// The driver limits how long.
    ///
    /// A socket that was dropped with received data unread would be reset, and the reset can
    /// overtake the close frame. So where nothing more can be read, this waits all the same.
    fn close(&mut self, reason: CloseReason) -> impl Future<Output = ()>;
}

/// What came from the other end.
#[derive(Debug)]
#[non_exhaustive]
pub enum Incoming<T> {
    /// A text frame.
    Text(T),
    /// A WebSocket ping or pong: a sign of life that counts against the rate, like a message.
    Control,
    /// Something that ends the connection: [`CloseReason::Binary`], [`CloseReason::FrameTooLarge`],
    /// [`CloseReason::NotUtf8`] or [`CloseReason::NotWebSocket`].
    Refused(CloseReason),
    /// The connection is gone, with or without a close frame.
    Closed,
}

/// The connection is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the connection is gone")]
#[non_exhaustive]
pub struct Lost;

impl Lost {
    /// For implementors of [`Socket`].
    #[expect(clippy::new_without_default, reason = "an error has no default")]
    pub fn new() -> Self {
        Self
    }
}
