//! A client without a WebSocket library: it supports whole text frames only.

use std::net::SocketAddr;

use meet_signal_actix::{Hub, Limits};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpSocket, TcpStream},
};

use crate::{
    peer::{FIN, TEXT, frame},
    responses::HANDSHAKE,
};

pub(crate) struct Connection<S>(BufReader<S>);

/// Connects with a small receive buffer.
pub(crate) async fn connect(address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a size");
    socket.connect(address).await.expect("a server listens")
}

/// Requests a WebSocket, and returns the status.
pub(crate) async fn upgrade<S>(
    stream: S,
    address: SocketAddr,
    headers: &[&str],
) -> (u16, Connection<S>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut stream = BufReader::with_capacity(PIECE, stream);
    let headers: String =
        HANDSHAKE.iter().chain(headers).map(|header| format!("{header}\r\n")).collect();
    let request = format!("GET /signal/standup HTTP/1.1\r\nHost: {address}\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.expect("a connection");
    stream.flush().await.expect("a connection");
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(stream.read_line(&mut head).await.expect("a line"), 0, "{head}");
    }
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.expect("a status"), Connection(stream))
}

impl<S> Connection<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    pub(crate) async fn send(&mut self, text: &str) {
        self.0.write_all(&frame(FIN | TEXT, text.as_bytes())).await.expect("a connection");
        self.0.flush().await.expect("a connection");
    }

    /// The next message of this type; others are skipped.
    pub(crate) async fn expect(&mut self, kind: &str) -> Value {
        loop {
            let message = self.next(async || {}).await;
            if message["type"] == kind {
                return message;
            }
        }
    }

    /// The next message. Calls `between` after each piece of it.
    async fn next(&mut self, mut between: impl AsyncFnMut()) -> Value {
        assert_eq!(self.0.read_u8().await.expect("a frame"), FIN | TEXT, "a whole message");
        let length = match self.0.read_u8().await.expect("a length") {
            126 => self.0.read_u16().await.expect("a length").into(),
            length => usize::from(length),
        };
        let mut text = vec![0; length];
        for piece in text.chunks_mut(PIECE) {
            self.0.read_exact(piece).await.expect("a payload");
            between().await;
        }
        serde_json::from_slice(&text).expect("JSON")
    }
}

/// A broadcast with so many bytes of data.
pub(crate) fn broadcast(bytes: usize) -> String {
    json!({"type": "broadcast", "data": "x".repeat(bytes)}).to_string()
}

/// A hub in which one talker's share of an outbox, a third of half of it, has room for everything that
/// [`one_reads_slowly`] sends: the talker gets no error.
pub(crate) fn roomy_hub() -> Hub {
    Hub::new(Limits::builder().outbox_bytes(3 * 1024 * 1024).build().expect("limits"))
}

/// In a [`roomy_hub`], one sends more than all buffers in between hold, and the other reads a piece each
/// time that the server has replied to the first.
pub(crate) async fn one_reads_slowly<S>(talker: &mut Connection<S>, reader: &mut Connection<S>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    reader.send(r#"{"type":"join"}"#).await;
    reader.expect("welcome").await;
    talker.send(r#"{"type":"join"}"#).await;
    talker.expect("welcome").await;
    reader.expect("joined").await;
    for _ in 0..MESSAGES {
        talker.send(&broadcast(48 * 1024)).await;
    }
    for _ in 0..MESSAGES {
        let message = reader
            .next(async || {
                talker.send(r#"{"type":"nothing"}"#).await;
                talker.expect("error").await;
            })
            .await;
        assert_eq!(message["data"].as_str().map(str::len), Some(48 * 1024));
    }
    // The connection still works in both directions.
    reader.send(r#"{"type":"update","meta":1}"#).await;
    talker.expect("updated").await;
}

const MESSAGES: usize = 8;

/// How many bytes are read at a time.
const PIECE: usize = 4 * 1024;
