//! An upgraded connection as a [`Socket`] of the core.

use std::{
    fmt,
    future::{self, poll_fn},
    net::IpAddr,
    task::{Context, Poll},
};

use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use meet_signal_core::{
    CloseReason, Frame, Limits,
    handshake::HELLO_SUBPROTOCOL,
    is_going_away,
    socket::{Disconnected, Incoming, Meter, Socket},
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message, Utf8Bytes,
        error::ProtocolError::ResetWithoutClosingHandshake,
        protocol::{CloseFrame, Role, WebSocketConfig},
    },
};

/// The connection of an upgraded request, for [`SignalUpgrade::on_socket`](crate::SignalUpgrade::on_socket):
/// serve it with the [`driver`](crate::driver), as it is or within a [`Socket`] of your own.
pub struct SignalSocket {
    inner: AxumSocket<TokioIo<Upgraded>>,
    awaits_hello: bool,
}

/// The text of a received frame.
#[derive(Clone)]
pub struct SignalText(Utf8Bytes);

impl SignalSocket {
    pub(crate) async fn new(
        upgraded: Upgraded,
        limits: &Limits,
        peer: Option<IpAddr>,
        subprotocol: Option<&str>,
    ) -> Self {
        let inner = AxumSocket::new(TokioIo::new(upgraded), limits, peer).await;
        Self { inner, awaits_hello: subprotocol == Some(HELLO_SUBPROTOCOL) }
    }
}

impl Socket for SignalSocket {
    type Text = SignalText;

    fn recv(&mut self) -> impl Future<Output = Incoming<SignalText>> {
        self.inner.recv()
    }

    fn send(&mut self, batch: &mut Vec<Frame>) -> impl Future<Output = Result<(), Disconnected>> {
        self.inner.send(batch)
    }

    fn close(&mut self, reason: CloseReason) -> impl Future<Output = ()> {
        self.inner.close(reason)
    }

    fn peer_address(&self) -> Option<IpAddr> {
        self.inner.peer_address()
    }

    fn awaits_hello(&self) -> bool {
        self.awaits_hello
    }
}

impl AsRef<str> for SignalText {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SignalSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignalSocket").finish_non_exhaustive()
    }
}

// Without the text, because a `join` has secrets in it.
impl fmt::Debug for SignalText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignalText").field("bytes", &self.0.len()).finish()
    }
}

// Not split: the halves of a split socket share a lock.
struct AxumSocket<S> {
    inner: WebSocketStream<Meter<S>>,
    peer: Option<IpAddr>,
    /// A message that waits until its fragments have been reported.
    held: Option<Utf8Bytes>,
    /// An error has ended the stream: nothing more can be read, even if data has arrived.
    broken: bool,
    /// The client has sent a close frame. Data after it is ignored.
    closing: bool,
    /// The code of that close frame says that the page goes away.
    going_away: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> AxumSocket<S> {
    async fn new(stream: S, limits: &Limits, peer: Option<IpAddr>) -> Self {
        let longest = Some(limits.frame_bytes());
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(WRITE_BUFFER)
            .max_message_size(longest)
            .max_frame_size(longest);
        let stream = Meter::new(stream);
        let inner = WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await;
        Self { inner, peer, held: None, broken: false, closing: false, going_away: false }
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Incoming<SignalText>> {
        if let Some(text) = self.held.take() {
            return Poll::Ready(Incoming::Text(SignalText(text)));
        }
        loop {
            let Poll::Ready(next) = self.inner.poll_next_unpin(cx) else {
                // It waits for more data, or for these reports to be taken.
                return self.inner.get_mut().take().map_or(Poll::Pending, Poll::Ready);
            };
            return Poll::Ready(match next {
                // Further reads send the reply to the close frame, and end the stream.
                Some(Ok(_)) if self.closing => continue,
                Some(Ok(Message::Close(frame))) => {
                    self.closing = true;
                    self.going_away = frame.is_some_and(|frame| is_going_away(frame.code.into()));
                    self.inner.get_mut().stop();
                    continue;
                }
                Some(Ok(Message::Text(text))) => match self.inner.get_mut().take_complete() {
                    Some(partial) => {
                        self.held = Some(text);
                        partial
                    }
                    None => Incoming::Text(SignalText(text)),
                },
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => Incoming::Control,
                // tungstenite returns no raw frames.
                Some(Ok(Message::Binary(_) | Message::Frame(_))) => {
                    Incoming::ProtocolError(CloseReason::Binary)
                }
                Some(Err(error)) if !self.closing => self.protocol_error(&error),
                Some(Err(_)) | None if self.going_away => Incoming::GoingAway,
                Some(Err(_)) | None => Incoming::Closed,
            });
        }
    }

    fn protocol_error(&mut self, error: &Error) -> Incoming<SignalText> {
        self.broken = true;
        match error {
            Error::Capacity(_) => Incoming::ProtocolError(CloseReason::FrameTooLarge),
            Error::Utf8(_) if self.inner.get_ref().has_malformed_close() => {
                Incoming::ProtocolError(CloseReason::NotWebSocket)
            }
            Error::Utf8(_) => Incoming::ProtocolError(CloseReason::NotUtf8),
            Error::Protocol(ResetWithoutClosingHandshake) => Incoming::Closed,
            Error::Protocol(_) => Incoming::ProtocolError(CloseReason::NotWebSocket),
            _ => Incoming::Closed,
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket for AxumSocket<S> {
    type Text = SignalText;

    async fn recv(&mut self) -> Incoming<SignalText> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    // If this is dropped during a write, the rest of the frame is in tungstenite's buffer, and a close
    // frame is queued after it.
    async fn send(&mut self, batch: &mut Vec<Frame>) -> Result<(), Disconnected> {
        for frame in batch.drain(..) {
            let text = Utf8Bytes::try_from(frame.into_bytes()).expect("a frame is UTF-8");
            self.inner.feed(Message::Text(text)).await.map_err(|_| Disconnected::new())?;
        }
        self.inner.flush().await.map_err(|_| Disconnected::new())
    }

    async fn close(&mut self, reason: CloseReason) {
        self.inner.get_mut().stop();
        let text = reason.text();
        let frame = CloseFrame { code: reason.code().into(), reason: text.as_ref().into() };
        if self.inner.send(Message::Close(Some(frame))).await.is_err() {
            return;
        }
        if self.broken {
            return future::pending().await;
        }
        while let Some(Ok(_)) = self.inner.next().await {}
    }

    fn peer_address(&self) -> Option<IpAddr> {
        self.peer
    }
}

/// Zeroed before each read and kept by each connection: tungstenite's default of 128 KiB takes a third
/// of the CPU time and most of the memory. A candidate needs one read, a session description one to
/// three.
const READ_BUFFER: usize = 3 * 1024;

/// How much is buffered before a write; the driver flushes each batch anyway.
const WRITE_BUFFER: usize = 16 * 1024;

#[cfg(test)]
mod tests;
