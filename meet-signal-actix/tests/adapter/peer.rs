//! A client: a WebSocket, and the bytes below it.

use std::{io::ErrorKind, net::SocketAddr};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncWriteExt, Interest},
    net::{TcpSocket, TcpStream},
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest},
};

pub(crate) struct Peer(pub(crate) WebSocketStream<TcpStream>);

impl Peer {
    pub(crate) async fn connect(address: SocketAddr, path: &str) -> Self {
        let tcp = TcpStream::connect(address).await.expect("a server listens");
        Self::connect_over(tcp, path).await
    }

    pub(crate) async fn connect_over(tcp: TcpStream, path: &str) -> Self {
        let address = tcp.peer_addr().expect("it is connected");
        let request = format!("ws://{address}{path}").into_client_request().expect("a URL");
        let (socket, _) = client_async(request, tcp).await.expect("an upgrade");
        Self(socket)
    }

    /// Connects, and joins with a name.
    pub(crate) async fn join(address: SocketAddr, path: &str, name: &str) -> (Self, Value) {
        let mut peer = Self::connect(address, path).await;
        peer.send(&json!({"type": "join", "meta": {"name": name}})).await;
        let welcome = peer.expect("welcome").await;
        (peer, welcome)
    }

    /// Joins with a small receive buffer, and reads nothing.
    pub(crate) async fn join_without_reading(address: SocketAddr, path: &str) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4096).expect("a size");
        let tcp = socket.connect(address).await.expect("a server listens");
        let mut peer = Self::connect_over(tcp, path).await;
        peer.send(&json!({"type": "join"})).await;
        peer
    }

    pub(crate) async fn send(&mut self, message: &Value) {
        self.0.send(Message::text(message.to_string())).await.expect("a connection");
    }

    /// Sends bytes that need not be frames.
    pub(crate) async fn send_raw(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).await.expect("a connection");
    }

    /// Shuts down the write half of the connection.
    pub(crate) async fn end_writing(&mut self) {
        self.0.get_mut().shutdown().await.expect("a connection");
    }

    /// Waits, without reading, until the other end has reset the connection.
    pub(crate) async fn expect_reset(&self) {
        let tcp = self.0.get_ref();
        tcp.ready(Interest::ERROR).await.expect("a connection");
        let error = tcp.take_error().expect("a connection").expect("an error");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }

    /// The next message of this type; others are skipped.
    pub(crate) async fn expect(&mut self, kind: &str) -> Value {
        loop {
            let message = self.next().await.expect("a message");
            if message["type"] == kind {
                return message;
            }
        }
    }

    /// The code and the reason of the close frame.
    pub(crate) async fn expect_close(&mut self) -> (u16, String) {
        loop {
            if let Err(close) = self.next().await {
                return close;
            }
        }
    }

    /// The next frame; `None` when both ends have closed.
    pub(crate) async fn frame(&mut self) -> Option<Message> {
        self.0.next().await.map(|frame| frame.expect("a connection that is not reset"))
    }

    /// The next message, or the close frame.
    pub(crate) async fn next(&mut self) -> Result<Value, (u16, String)> {
        loop {
            match self.frame().await.expect("a close frame before the end") {
                Message::Text(text) => return Ok(serde_json::from_str(&text).expect("JSON")),
                Message::Close(Some(close)) => {
                    return Err((close.code.into(), close.reason.to_string()));
                }
                Message::Close(None) => panic!("a close frame without a code"),
                _ => {}
            }
        }
    }
}

/// A frame of RFC 6455, section 5.2. `first` has the FIN bit, the reserved bits and the opcode. The
/// mask is zero, which leaves the payload unchanged.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = header(first, payload.len());
    frame.extend(payload);
    frame
}

/// The header of a frame whose payload may never come.
pub(crate) fn header(first: u8, length: usize) -> Vec<u8> {
    const MASKED: u8 = 0x80;
    let mut header = vec![first];
    match length {
        0..126 => header.push(MASKED | length as u8),
        126..0x1_0000 => {
            header.push(MASKED | 126);
            header.extend((length as u16).to_be_bytes());
        }
        _ => {
            header.push(MASKED | 127);
            header.extend((length as u64).to_be_bytes());
        }
    }
    header.extend([0; 4]);
    header
}

pub(crate) const FIN: u8 = 0x80;
pub(crate) const CONTINUE: u8 = 0x0;
pub(crate) const TEXT: u8 = 0x1;
pub(crate) const BINARY: u8 = 0x2;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;
