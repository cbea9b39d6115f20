//! The smallest adapter: a server of nothing but rooms, on tokio-tungstenite. `docs/new-adapter.md`
//! goes through it.

use std::{future, io};

use futures_util::{SinkExt, StreamExt};
use meet_signal_core::{
    Authorize, CloseReason, Frame, Hub, OriginPolicy, driver,
    handshake::{Handshake, UpgradeRefused},
    socket::{Incoming, Lost, Socket},
};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async_with_config,
    tungstenite::{
        Error, Message, Utf8Bytes,
        error::ProtocolError::ResetWithoutClosingHandshake,
        handshake::server::{ErrorResponse, Request, Response},
        http::{HeaderValue, StatusCode, header::SEC_WEBSOCKET_PROTOCOL},
        protocol::{CloseFrame, WebSocketConfig},
    },
};

/// Rooms at `/signal/{room}`, until accepting fails.
///
/// # Errors
///
/// The listener's.
pub async fn serve<A>(listener: TcpListener, hub: Hub, authorize: A) -> io::Result<()>
where
    A: Authorize<Decision: Send> + Clone + Send + Sync + 'static,
{
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(connection(stream, hub.clone(), authorize.clone()));
    }
}

async fn connection<A: Authorize>(stream: TcpStream, hub: Hub, authorize: A) {
    let mut room = None;
    #[expect(clippy::result_large_err, reason = "tungstenite's type")]
    let decide = |request: &Request, mut response: Response| {
        let headers = request.headers().iter();
        let headers = headers.map(|(name, value)| (name.as_str(), value.as_bytes()));
        // Any other path is no room's name.
        let name = request.uri().path().strip_prefix("/signal/").unwrap_or_default();
        let handshake = Handshake::new(None, headers);
        let accepted = handshake.check(name, &OriginPolicy::same_host()).map_err(refuse)?;
        let subprotocol = accepted.subprotocol.map(HeaderValue::from_static);
        response.headers_mut().extend(subprotocol.map(|it| (SEC_WEBSOCKET_PROTOCOL, it)));
        room = Some(accepted.room);
        Ok(response)
    };
    let longest = Some(hub.limits().frame_bytes());
    let config = WebSocketConfig::default().max_message_size(longest).max_frame_size(longest);
    let upgrade = accept_hdr_async_with_config(stream, decide, Some(config));
    // A request that was refused has its answer, and one that does not come gets none.
    if let Ok(Ok(websocket)) = tokio::time::timeout(hub.limits().join_timeout(), upgrade).await {
        let room = room.expect("the upgrade was decided");
        driver::serve(hub, room, authorize, MinimalSocket(websocket)).await;
    }
}

fn refuse(refused: UpgradeRefused) -> ErrorResponse {
    let mut response = ErrorResponse::new(Some(refused.to_string()));
    *response.status_mut() = StatusCode::from_u16(refused.status()).expect("a status of HTTP");
    response
}

struct MinimalSocket(WebSocketStream<TcpStream>);

impl Socket for MinimalSocket {
    type Text = Utf8Bytes;

    async fn recv(&mut self) -> Incoming<Self::Text> {
        match self.0.next().await {
            Some(Ok(Message::Text(text))) => Incoming::Text(text),
            Some(Ok(Message::Binary(_))) => Incoming::Refused(CloseReason::Binary),
            // Reading on answers them; after a close, it ends.
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_))) => Incoming::Control,
            Some(Err(Error::Capacity(_))) => Incoming::Refused(CloseReason::FrameTooLarge),
            Some(Err(Error::Utf8(_))) => Incoming::Refused(CloseReason::NotUtf8),
            Some(Err(Error::Protocol(error))) if error != ResetWithoutClosingHandshake => {
                Incoming::Refused(CloseReason::NotWebSocket)
            }
            _ => Incoming::Closed,
        }
    }

    async fn send(&mut self, batch: &mut Vec<Frame>) -> Result<(), Lost> {
        for frame in batch.drain(..) {
            let text = Utf8Bytes::try_from(frame.into_bytes()).expect("a frame is UTF-8");
            self.0.feed(Message::Text(text)).await.map_err(|_| Lost::new())?;
        }
        self.0.flush().await.map_err(|_| Lost::new())
    }

    async fn close(&mut self, reason: CloseReason) {
        let frame =
            CloseFrame { code: reason.code().into(), reason: reason.text().as_ref().into() };
        if self.0.send(Message::Close(Some(frame))).await.is_err() {
            return;
        }
        while let Some(Ok(message)) = self.0.next().await {
            if message.is_close() {
                return;
            }
        }
        // Nothing more can be read, but dropping the socket now might reset it: see `Socket`.
        future::pending::<()>().await;
    }
}

#[cfg(test)]
mod conformance;
