//! The smallest adapter: a server that has only rooms, on tokio-tungstenite. `docs/new-adapter.md`
//! explains it.

use std::{
    future::{self, poll_fn},
    io,
    net::IpAddr,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::{SinkExt, StreamExt};
use meet_signal_core::{
    Authorize, CloseReason, Frame, Hub, OriginPolicy, RoomId, driver,
    handshake::{Handshake, UpgradeRefused},
    is_going_away,
    socket::{Disconnected, Incoming, Meter, Socket},
};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::{
        Error, Message, Utf8Bytes,
        error::ProtocolError::{ReceivedAfterClosing, ResetWithoutClosingHandshake},
        handshake::server::{ErrorResponse, Request, Response},
        http::{HeaderValue, StatusCode, header::SEC_WEBSOCKET_PROTOCOL},
        protocol::{CloseFrame, Role, WebSocketConfig},
    },
};

/// Serves rooms at `/signal/{room}`, until accepting fails.
///
/// # Errors
///
/// The listener's.
pub async fn serve<A, M>(listener: TcpListener, hub: Hub, authorize: A) -> io::Result<()>
where
    A: Authorize<M> + 'static,
    M: 'static,
{
    let authorize = authorize.shared();
    loop {
        let (stream, peer) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(connection(stream, peer.ip(), hub.clone(), authorize.clone()));
    }
}

async fn connection(stream: TcpStream, peer: IpAddr, hub: Hub, authorize: Arc<dyn Authorize>) {
    let mut room = None;
    #[expect(clippy::result_large_err, reason = "tungstenite's type")]
    let decide = |request: &Request, mut response: Response| {
        let headers = request.headers().iter();
        let headers = headers.map(|(name, value)| (name.as_str(), value.as_bytes()));
        // Any other path has no room name.
        let segment = request.uri().path().strip_prefix("/signal/").unwrap_or_default();
        let name = RoomId::from_segment(segment).map_err(|invalid| refuse(invalid.into()))?;
        let handshake = Handshake::new(None, headers);
        let accepted =
            handshake.check(name.as_str(), &OriginPolicy::same_host()).map_err(refuse)?;
        let subprotocol = accepted.subprotocol.map(HeaderValue::from_static);
        response.headers_mut().extend(subprotocol.map(|it| (SEC_WEBSOCKET_PROTOCOL, it)));
        room = Some(accepted.room);
        Ok(response)
    };
    let upgrade = accept_hdr_async(stream, decide);
    // A refused request has its response already; if none arrives, there is none to send.
    let upgraded = tokio::time::timeout(hub.limits().join_timeout(), upgrade).await;
    let Ok(Ok(websocket)) = upgraded else { return };
    let room = room.expect("the upgrade was decided");
    let longest = Some(hub.limits().frame_bytes());
    let config = WebSocketConfig::default().max_message_size(longest).max_frame_size(longest);
    let config = config.read_buffer_size(4096);
    let stream = Meter::new(websocket.into_inner());
    let websocket = WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await;
    let socket = MinimalSocket { websocket, peer, held: None, going_away: false };
    driver::serve(hub, room, authorize, socket).await;
}

fn refuse(refused: UpgradeRefused) -> ErrorResponse {
    let mut response = ErrorResponse::new(Some(refused.to_string()));
    *response.status_mut() = StatusCode::from_u16(refused.status()).expect("a status of HTTP");
    response
}

struct MinimalSocket {
    websocket: WebSocketStream<Meter<TcpStream>>,
    peer: IpAddr,
    /// A message that waits until its fragments have been reported.
    held: Option<Utf8Bytes>,
    /// The client's close frame says that its page goes away.
    going_away: bool,
}

impl MinimalSocket {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Incoming<Utf8Bytes>> {
        if let Some(text) = self.held.take() {
            return Poll::Ready(Incoming::Text(text));
        }
        let Poll::Ready(next) = self.websocket.poll_next_unpin(cx) else {
            return self.websocket.get_mut().take().map_or(Poll::Pending, Poll::Ready);
        };
        Poll::Ready(match next {
            Some(Ok(Message::Text(text))) => match self.websocket.get_mut().take_complete() {
                Some(partial) => {
                    self.held = Some(text);
                    partial
                }
                None => Incoming::Text(text),
            },
            Some(Ok(Message::Binary(_))) => Incoming::ProtocolError(CloseReason::Binary),
            // Further reads send the reply.
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Incoming::Control,
            Some(Ok(Message::Close(frame))) => {
                self.going_away = frame.is_some_and(|frame| is_going_away(frame.code.into()));
                Incoming::Control
            }
            Some(Err(Error::Capacity(_))) => Incoming::ProtocolError(CloseReason::FrameTooLarge),
            Some(Err(Error::Utf8(_))) if !self.websocket.get_ref().has_malformed_close() => {
                Incoming::ProtocolError(CloseReason::NotUtf8)
            }
            Some(Err(Error::Protocol(ResetWithoutClosingHandshake | ReceivedAfterClosing))) => {
                Incoming::Closed
            }
            Some(Err(Error::Protocol(_) | Error::Utf8(_))) => {
                Incoming::ProtocolError(CloseReason::NotWebSocket)
            }
            _ if self.going_away => Incoming::GoingAway,
            _ => Incoming::Closed,
        })
    }
}

impl Socket for MinimalSocket {
    type Text = Utf8Bytes;

    async fn recv(&mut self) -> Incoming<Utf8Bytes> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    async fn send(&mut self, batch: &mut Vec<Frame>) -> Result<(), Disconnected> {
        for frame in batch.drain(..) {
            let text = Utf8Bytes::try_from(frame.into_bytes()).expect("a frame is UTF-8");
            self.websocket.feed(Message::Text(text)).await.map_err(|_| Disconnected::new())?;
        }
        self.websocket.flush().await.map_err(|_| Disconnected::new())
    }

    async fn close(&mut self, reason: CloseReason) {
        self.websocket.get_mut().stop();
        let frame =
            CloseFrame { code: reason.code().into(), reason: reason.text().as_ref().into() };
        if self.websocket.send(Message::Close(Some(frame))).await.is_err() {
            return;
        }
        while let Some(Ok(message)) = self.websocket.next().await {
            if message.is_close() {
                return;
            }
        }
        // Nothing more can be read, but dropping the socket now might reset it: see `Socket`.
        future::pending::<()>().await;
    }

    fn peer_address(&self) -> Option<IpAddr> {
        Some(self.peer)
    }
}

#[cfg(test)]
mod conformance;
