//! A client with a configurable address.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpSocket, TcpStream},
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{self, Message, client::IntoClientRequest},
};

/// The attacker's address; other peers have other addresses.
pub(crate) const ATTACKER: u8 = 1;

/// It counts the frames that it receives, and sends the replies that the protocol requires.
pub(crate) struct Peer {
    pub(crate) socket: WebSocketStream<TcpStream>,
    /// How many sequenced frames it has received.
    pub(crate) received: u64,
}

/// How a connection ended: the close code, if there was one.
pub(crate) type End = Option<u16>;

impl Peer {
    /// Connects from 127.0.0.`host`.
    pub(crate) async fn connect(server: SocketAddr, host: u8, room: &str) -> Self {
        Self::over(tcp(server, host, None).await.expect("a connection"), room).await
    }

    /// The same with a small receive buffer.
    pub(crate) async fn connect_small(server: SocketAddr, host: u8, room: &str) -> Self {
        Self::over(tcp(server, host, Some(4096)).await.expect("a connection"), room).await
    }

    pub(crate) async fn over(tcp: TcpStream, room: &str) -> Self {
        let server = tcp.peer_addr().expect("it is connected");
        let request = format!("ws://{server}/signal/{room}").into_client_request().expect("a URL");
        let (socket, _) = client_async(request, tcp).await.expect("an upgrade");
        Self { socket, received: 0 }
    }

    pub(crate) async fn join(server: SocketAddr, host: u8, room: &str) -> (Self, Value) {
        let mut peer = Self::connect(server, host, room).await;
        let welcome = peer.join_with(json!({})).await.expect("it joins");
        (peer, welcome)
    }

    /// Sends `join` with these fields, and waits for the welcome.
    pub(crate) async fn join_with(&mut self, mut fields: Value) -> Result<Value, (Value, End)> {
        fields["type"] = "join".into();
        // The server may have refused the connection already.
        let _ = self.try_send(&fields).await;
        let mut error = Value::Null;
        loop {
            match self.next().await {
                Ok(message) if message["type"] == "welcome" => return Ok(message),
                Ok(message) if message["type"] == "error" => error = message,
                Ok(_) => {}
                Err(end) => return Err((error, end)),
            }
        }
    }

    pub(crate) async fn send(&mut self, message: &Value) {
        self.try_send(message).await.expect("the connection goes on");
    }

    pub(crate) async fn try_send(&mut self, message: &Value) -> Result<(), tungstenite::Error> {
        self.socket.send(Message::text(message.to_string())).await
    }

    /// Sends bytes that need not be whole frames.
    pub(crate) async fn send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.socket.get_mut().write_all(bytes).await
    }

    /// Resumes a session on another connection.
    pub(crate) async fn resume(
        server: SocketAddr,
        host: u8,
        room: &str,
        ticket: &Value,
        received: u64,
    ) -> (Self, Result<Value, (Value, End)>) {
        let mut peer = Self::connect(server, host, room).await;
        peer.received = received;
        let resume = json!({"ticket": ticket, "received": received});
        let reply = peer.join_with(json!({"resume": resume})).await;
        (peer, reply)
    }

    /// The next message. Replies to a ping, and acknowledges every sixteenth frame.
    pub(crate) async fn next(&mut self) -> Result<Value, End> {
        loop {
            let text = match self.socket.next().await {
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(Message::Close(close))) => {
                    return Err(close.map(|close| close.code.into()));
                }
                Some(Ok(_)) => continue,
                Some(Err(_)) | None => return Err(None),
            };
            let message: Value = serde_json::from_str(&text).expect("JSON");
            let reply = match message["type"].as_str() {
                Some("ping") => Some("pong"),
                // It counts from its welcome on.
                Some("welcome" | "waiting") => {
                    if message["resumed"] != "full" {
                        self.received = 0;
                    }
                    None
                }
                _ => {
                    self.received += 1;
                    self.received.is_multiple_of(16).then_some("ack")
                }
            };
            if let Some(reply) = reply {
                // The next read shows whether the connection is still open.
                let _ = self.try_send(&json!({"type": reply, "received": self.received})).await;
            }
            return Ok(message);
        }
    }

    /// The next message of this type; others are skipped.
    pub(crate) async fn expect(&mut self, kind: &str) -> Value {
        loop {
            let message = self.next().await.unwrap_or_else(|end| panic!("{kind}, not {end:?}"));
            if message["type"] == kind {
                return message;
            }
        }
    }

    /// The errors before the end of the connection, and how it ends.
    pub(crate) async fn expect_end(&mut self) -> (Vec<Value>, End) {
        let mut errors = Vec::new();
        loop {
            match self.next().await {
                Ok(message) if message["type"] == "error" => errors.push(message),
                Ok(_) => {}
                Err(end) => return (errors, end),
            }
        }
    }

    /// Waits until the server has handled everything that it has sent, and returns the errors.
    pub(crate) async fn settle(&mut self) -> Vec<Value> {
        self.send(&json!({"type": "signal", "to": "nobody", "data": 0, "ref": SETTLED})).await;
        let mut errors = Vec::new();
        loop {
            let error = self.expect("error").await;
            if error["ref"] == SETTLED {
                return errors;
            }
            errors.push(error);
        }
    }

    /// Ends with a reset, like a lost connection.
    pub(crate) fn drop_hard(self) {
        let tcp = self.socket.into_inner().into_std().expect("a socket");
        socket2::Socket::from(tcp).set_linger(Some(std::time::Duration::ZERO)).expect("an option");
    }
}

pub(crate) async fn tcp(
    server: SocketAddr,
    host: u8,
    buffer: Option<u32>,
) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((Ipv4Addr::new(127, 0, 0, host), 0)))?;
    if let Some(buffer) = buffer {
        socket.set_recv_buffer_size(buffer)?;
    }
    let stream = socket.connect(server).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

pub(crate) fn signal(to: &Value, data: impl Into<Value>) -> Value {
    json!({"type": "signal", "to": to, "data": data.into()})
}

pub(crate) fn broadcast(data: impl Into<Value>) -> Value {
    json!({"type": "broadcast", "data": data.into()})
}

/// A frame of RFC 6455, section 5.2, with a mask of zero.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = header(first, payload.len());
    frame.extend(payload);
    frame
}

/// The header of a frame whose payload may never come.
pub(crate) fn header(first: u8, length: usize) -> Vec<u8> {
    const MASKED: u8 = 0x80;
    let mut header = vec![first];
    if length < 126 {
        header.push(MASKED | length as u8);
    } else {
        header.push(MASKED | 127);
        header.extend((length as u64).to_be_bytes());
        if length < 0x1_0000 {
            header.truncate(1);
            header.push(MASKED | 126);
            header.extend((length as u16).to_be_bytes());
        }
    }
    header.extend([0; 4]);
    header
}

pub(crate) const FIN: u8 = 0x80;
pub(crate) const CONTINUE: u8 = 0x0;
pub(crate) const TEXT: u8 = 0x1;
pub(crate) const PING: u8 = 0x9;

/// A `ref` that no other message of the tests has.
const SETTLED: u64 = 1 << 40;
