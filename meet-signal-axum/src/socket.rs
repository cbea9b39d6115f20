//! axum's WebSocket as the core sees it.

use std::future;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use futures_util::SinkExt;
use meet_signal_core::{
    CloseReason, Frame,
    socket::{Incoming, Lost, Socket},
};
use tungstenite::Error;

// Not split: the halves of a split socket share a lock.
pub(crate) struct AxumSocket {
    inner: WebSocket,
    /// An error has ended the stream: nothing more can be read, though something may be there.
    broken: bool,
}

impl AxumSocket {
    pub(crate) fn new(inner: WebSocket) -> Self {
        Self { inner, broken: false }
    }

    fn refuse(&mut self, error: axum::Error) -> Incoming<Text> {
        self.broken = true;
        // Were axum to use another version of tungstenite, this would not match, and such a
        // connection would count as lost; a test would tell.
        match error.into_inner().downcast_ref() {
            Some(Error::Capacity(_)) => Incoming::Refused(CloseReason::FrameTooLarge),
            Some(Error::Utf8(_)) => Incoming::Refused(CloseReason::NotUtf8),
            Some(Error::Protocol(
                tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
            )) => Incoming::Closed,
            Some(Error::Protocol(_)) => Incoming::Refused(CloseReason::NotWebSocket),
            _ => Incoming::Closed,
        }
    }
}

impl Socket for AxumSocket {
    type Text = Text;

    async fn recv(&mut self) -> Incoming<Text> {
        match self.inner.recv().await {
            Some(Ok(Message::Text(text))) => Incoming::Text(Text(text)),
            Some(Ok(Message::Binary(_))) => Incoming::Refused(CloseReason::Binary),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Incoming::Control,
            // Reading on sends the answer, and ends.
            Some(Ok(Message::Close(_))) => {
                while let Some(Ok(_)) = self.inner.recv().await {}
                Incoming::Closed
            }
            Some(Err(error)) => self.refuse(error),
            None => Incoming::Closed,
        }
    }

    async fn send(&mut self, batch: &mut Vec<Frame>) -> Result<(), Lost> {
        for frame in batch.drain(..) {
            let text = Utf8Bytes::try_from(frame.into_bytes()).expect("a frame is UTF-8");
            self.inner.feed(Message::Text(text)).await.map_err(|_| Lost::new())?;
        }
        self.inner.flush().await.map_err(|_| Lost::new())
    }

    async fn close(&mut self, reason: CloseReason) {
        let text = reason.text();
        let frame = CloseFrame { code: reason.code(), reason: text.as_ref().into() };
        if self.inner.send(Message::Close(Some(frame))).await.is_err() {
            return;
        }
        if self.broken {
            return future::pending().await;
        }
        while let Some(Ok(_)) = self.inner.recv().await {}
    }
}

pub(crate) struct Text(Utf8Bytes);

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        &self.0
    }
}
