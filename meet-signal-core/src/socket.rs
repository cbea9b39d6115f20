//! What a connection must be able to do.

#[cfg(feature = "driver")]
mod meter;

use std::{fmt, future::Future, net::IpAddr};

use thiserror::Error;

#[cfg(feature = "driver")]
pub use self::meter::Meter;
use crate::{CloseReason, Frame};

/// A WebSocket, as the [driver](crate::driver) needs it. An adapter implements it for its
/// framework's.
///
/// It answers WebSocket pings by itself and puts fragmented messages together, up to
/// [`Limits::frame_bytes`](crate::Limits::frame_bytes).
pub trait Socket {
    /// The text of a received frame.
    type Text: AsRef<str>;

    /// Waits for what comes next. After [`Incoming::Closed`] and
    /// [`Incoming::GoingAway`] it is not called again.
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
    /// Frames may be lost when the future is dropped: the driver drops it only to end the
    /// connection. A frame of which a part was written must not be: [`close`](Self::close), which
    /// is all that follows, writes the rest of it before the close frame.
    fn send(&mut self, batch: &mut Vec<Frame>) -> impl Future<Output = Result<(), Disconnected>>;

    /// Sends a close frame and waits for the other end to close, discarding what still comes.
    /// The driver limits how long.
    ///
    /// A socket that was dropped with received data unread would be reset, and the reset can
    /// overtake the close frame. So where nothing more can be read, this waits all the same.
    fn close(&mut self, reason: CloseReason) -> impl Future<Output = ()>;

    /// The address of the client, for the limits per address: that of the TCP connection, or what a
    /// trusted proxy says. `None` where it is not known; these limits are off for the connection
    /// then.
    fn peer_address(&self) -> Option<IpAddr> {
        None
    }
}

/// What came from the other end.
#[non_exhaustive]
pub enum Incoming<T> {
    /// A text frame.
    Text(T),
    /// A WebSocket ping or pong: a sign of life that counts against the rate, like a message.
    Control,
    /// Fragments of a message that is not complete yet (RFC 6455, section 5.4). They count against
    /// the rate as they arrive: all that one read of a few KiB brought are reported together, before
    /// the next read and before the message that they belong to. The last fragment of a message is
    /// not reported: the message is. For a library that hides fragments there is [`Meter`].
    Partial {
        /// How many.
        fragments: usize,
        /// The bytes of their payloads together.
        bytes: usize,
    },
    /// Something that ends the connection: [`CloseReason::Binary`], [`CloseReason::FrameTooLarge`],
    /// [`CloseReason::NotUtf8`] or [`CloseReason::NotWebSocket`].
    ProtocolError(CloseReason),
    /// The connection is gone, with or without a close frame.
    Closed,
    /// The connection is gone, with a close frame whose code says that the page goes away: see
    /// [`is_going_away`](crate::is_going_away). An adapter that cannot tell says
    /// [`Closed`](Self::Closed).
    GoingAway,
}

// Without the text: a `join` has secrets in it.
impl<T> fmt::Debug for Incoming<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str("Text(..)"),
            Self::Control => f.write_str("Control"),
            Self::Partial { fragments, bytes } => f
                .debug_struct("Partial")
                .field("fragments", fragments)
                .field("bytes", bytes)
                .finish(),
            Self::ProtocolError(reason) => f.debug_tuple("ProtocolError").field(reason).finish(),
            Self::Closed => f.write_str("Closed"),
            Self::GoingAway => f.write_str("GoingAway"),
        }
    }
}

/// The connection is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the connection is gone")]
#[non_exhaustive]
pub struct Disconnected;

impl Disconnected {
    /// For implementors of [`Socket`].
    #[expect(clippy::new_without_default, reason = "an error has no default")]
    pub fn new() -> Self {
        Self
    }
}
