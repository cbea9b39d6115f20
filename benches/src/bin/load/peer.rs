//! One participant: a protocol over a socket.

use std::{
    io::{self, ErrorKind},
    net::SocketAddr,
    ops::Range,
    sync::Arc,
    time::Duration,
};

use tokio::time::timeout;

use crate::{
    payload::Payload,
    protocol::{Codec, Heard, Out, Protocol, Session},
    websocket::{self, Framing, Received, Receiver, Sender},
};

/// Whom to connect to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    pub(crate) server: SocketAddr,
    pub(crate) protocol: Protocol,
    /// How long messages are, for a protocol that knows no other end of them.
    pub(crate) length: usize,
}

/// A participant of a room.
pub(crate) struct Peer {
    codec: Box<dyn Codec>,
    framing: Framing,
    receiver: Receiver,
    sender: Arc<Sender>,
    out: Out,
}

impl Peer {
    /// Connects and joins.
    pub(crate) async fn join(target: Target, room: &str, number: usize) -> io::Result<Self> {
        let codec = target.protocol.codec(room, number);
        let mut peer = Self::connect(target, codec).await?;
        if peer.codec.is_answered() {
            peer.wait_for(Heard::Joined).await?;
        }
        Ok(peer)
    }

    /// Connects and goes on with a session. True where nothing was missed.
    pub(crate) async fn resume(
        target: Target,
        room: &str,
        session: &Session,
    ) -> io::Result<(Self, bool)> {
        let mut codec = target.protocol.codec(room, 0);
        codec.resume(session);
        let mut peer = Self::connect(target, codec).await?;
        loop {
            match peer.hear().await?.0 {
                Heard::Resumed => return Ok((peer, true)),
                Heard::Joined => return Ok((peer, false)),
                _ => {}
            }
        }
    }

    /// Waits until somebody else is said to have come, where the protocol says so.
    pub(crate) async fn announced(&mut self) -> io::Result<()> {
        if self.codec.announces() {
            self.wait_for(Heard::Announced).await?;
        }
        Ok(())
    }

    /// Waits for what another participant sent, which has to be `payload`.
    pub(crate) async fn relayed(&mut self, payload: &Payload) -> io::Result<()> {
        let range = self.wait_for(Heard::Relayed).await?;
        if payload.is_in(self.receiver.bytes(&range)) {
            Ok(())
        } else {
            let text = String::from_utf8_lossy(self.receiver.bytes(&range)).into_owned();
            Err(io::Error::other(format!("not what was sent: {text}")))
        }
    }

    /// Answers whatever is to be answered, until the connection ends.
    pub(crate) async fn linger(&mut self) -> io::Result<()> {
        loop {
            self.hear().await?;
        }
    }

    /// The bytes that bring `payload` to one other participant.
    pub(crate) fn direct(&self, to: &str, payload: &Payload) -> Vec<u8> {
        self.encode(|codec| codec.direct(to, payload.data()), payload)
    }

    /// The bytes that bring `payload` to all others, with these ids.
    pub(crate) fn broadcast(
        &self,
        protocol: Protocol,
        others: &[String],
        payload: &Payload,
    ) -> Vec<u8> {
        if protocol.has_broadcast() {
            return self.encode(|codec| codec.broadcast(payload.data()), payload);
        }
        others.iter().flat_map(|to| self.direct(to, payload)).collect()
    }

    pub(crate) fn send(&self, bytes: &[u8]) -> io::Result<()> {
        self.sender.send(bytes)
    }

    /// To send from elsewhere.
    pub(crate) fn sender(&self) -> Arc<Sender> {
        self.sender.clone()
    }

    pub(crate) fn id(&self) -> &str {
        self.codec.id()
    }

    /// What is needed to come back once the socket is lost.
    pub(crate) fn session(&self) -> Session {
        self.codec.session()
    }

    /// Leaves as the protocol has it, closes, and waits for the other end to do so, too.
    pub(crate) async fn leave(mut self) {
        if matches!(self.framing, Framing::WebSocket) {
            self.codec.leave(&mut self.out);
            websocket::append_close(&mut self.out.0);
            // Whoever is gone already has no more to hear.
            if self.sender.send(&self.out.0).is_err() {
                return;
            }
            while let Ok(Ok(received)) = timeout(CLOSE_TIMEOUT, self.receiver.next()).await {
                if matches!(received, Received::Close | Received::End) {
                    return;
                }
            }
        }
    }

    async fn connect(target: Target, mut codec: Box<dyn Codec>) -> io::Result<Self> {
        let framing = target.protocol.framing(target.length);
        let path = codec.target();
        let connection =
            websocket::connect(target.server, framing, &path, codec.subprotocol()).await;
        let (sender, receiver) = connection?;
        let mut out = Out::default();
        codec.greet(&mut out);
        sender.send(&out.0)?;
        out.0.clear();
        Ok(Self { codec, framing, receiver, sender: Arc::new(sender), out })
    }

    async fn wait_for(&mut self, wanted: Heard) -> io::Result<Range<usize>> {
        loop {
            let (heard, range) = self.hear().await?;
            if heard == wanted {
                return Ok(range);
            }
        }
    }

    /// Cancel safe.
    async fn hear(&mut self) -> io::Result<(Heard, Range<usize>)> {
        loop {
            let message = match self.receiver.next().await? {
                Received::Message(message) => message,
                Received::Ping(payload) => {
                    websocket::append_pong(&mut self.out.0, self.receiver.bytes(&payload));
                    self.answer()?;
                    continue;
                }
                Received::Close | Received::End => return Err(ErrorKind::UnexpectedEof.into()),
            };
            let bytes = self.receiver.bytes(&message);
            let text = str::from_utf8(bytes).map_err(io::Error::other)?;
            let heard = self.codec.hear(text, &mut self.out);
            self.answer()?;
            return Ok((heard, message));
        }
    }

    fn answer(&mut self) -> io::Result<()> {
        if !self.out.0.is_empty() {
            self.sender.send(&self.out.0)?;
            self.out.0.clear();
        }
        Ok(())
    }

    fn encode(&self, compose: impl FnOnce(&dyn Codec) -> String, payload: &Payload) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self.framing {
            Framing::WebSocket => websocket::append_text(&mut bytes, &compose(&*self.codec)),
            Framing::Fixed(_) => bytes.extend(payload.data().get().bytes()),
        }
        bytes
    }
}

/// How long the other end may take to close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);
