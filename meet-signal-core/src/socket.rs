//! The interface between the driver and an adapter's WebSocket.

#[cfg(feature = "driver")]
mod meter;

use std::{fmt, future::Future, net::IpAddr};

use thiserror::Error;

#[cfg(feature = "driver")]
pub use self::meter::Meter;
use crate::{CloseReason, Frame};

/// A WebSocket for the [driver](crate::driver). Each adapter implements it for its framework's
/// WebSocket.
///
/// The implementation answers WebSocket pings and reassembles fragmented messages, up to
/// [`Limits::frame_bytes`](crate::Limits::frame_bytes).
///
/// An application may put one of its own around that of its adapter. It passes each function on,
/// [`peer_address`](Self::peer_address) and [`awaits_hello`](Self::awaits_hello) as well, and neither
/// leaves out text frames nor adds or reorders any: both ends count them, for a resume. A panic in it
/// ends its own session alone.
pub trait Socket {
    /// The text of a received frame.
    type Text: AsRef<str>;

    /// Waits for the next event. It is not called again after [`Incoming::Closed`] and
    /// [`Incoming::GoingAway`].
    ///
    /// # Cancel safety
    ///
    /// Must be cancel safe: the driver drops the future when it has something to send.
    fn recv(&mut self) -> impl Future<Output = Incoming<Self::Text>>;

    /// Takes all frames out of `batch`, writes them, and flushes once.
    ///
    /// # Errors
    ///
    /// The connection is gone; frames in the batch may be lost.
    ///
    /// # Cancel safety
    ///
    /// Frames may be lost when the future is dropped: the driver drops it only to end the
    /// connection. The next call is [`close`](Self::close), which must complete a partially written
    /// frame before the close frame.
    fn send(&mut self, batch: &mut Vec<Frame>) -> impl Future<Output = Result<(), Disconnected>>;

    /// Sends a close frame and waits until the other end has closed, discarding what it still
    /// receives. The driver limits the time.
    ///
    /// Dropping a socket with unread data would reset the connection, and the reset can overtake
    /// the close frame. So wait even if nothing more can be read.
    fn close(&mut self, reason: CloseReason) -> impl Future<Output = ()>;

    /// The address of the client, for the limits per address: that of the TCP connection, or the
    /// one that a trusted proxy forwards. If it is `None`, these limits are off for the connection.
    fn peer_address(&self) -> Option<IpAddr> {
        None
    }

    /// Whether the client sends nothing before the server's `hello`: its subprotocol is
    /// [`HELLO_SUBPROTOCOL`](crate::handshake::HELLO_SUBPROTOCOL).
    fn awaits_hello(&self) -> bool {
        false
    }
}

/// An event from the other end.
#[non_exhaustive]
pub enum Incoming<T> {
    /// A text frame.
    Text(T),
    /// A WebSocket ping or pong, which counts against the rate like a message.
    Control,
    /// Fragments of an incomplete message (RFC 6455, section 5.4). They count against the rate as
    /// they arrive: all fragments of one read of a few KiB are reported together, before the next
    /// read and before their message. The last fragment of a message is not reported: the message
    /// is. For a library that hides fragments there is [`Meter`].
    Partial {
        /// The number of fragments.
        fragments: usize,
        /// The bytes of their payloads together.
        bytes: usize,
    },
    /// A violation of the protocol that ends the connection: [`CloseReason::Binary`],
    /// [`CloseReason::FrameTooLarge`], [`CloseReason::NotUtf8`] or [`CloseReason::NotWebSocket`].
    ProtocolError(CloseReason),
    /// The connection is gone, with or without a close frame.
    Closed,
    /// The connection is gone, with a close code that indicates that the page goes away: see
    /// [`is_going_away`](crate::is_going_away). An adapter that cannot tell returns
    /// [`Closed`](Self::Closed).
    GoingAway,
}

// Without the text, because a `join` has secrets in it.
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
    /// For implementations of [`Socket`].
    #[expect(clippy::new_without_default, reason = "an error has no default")]
    pub fn new() -> Self {
        Self
    }
}
