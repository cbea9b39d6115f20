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
    codec::{Codec, Event, Outgoing, Session},
    payload::Payload,
    protocol::Protocol,
    websocket::{self, Framing, Received, Receiver, Sender},
};

/// Where to connect to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    pub(crate) server: SocketAddr,
    pub(crate) protocol: Protocol,
    /// The length of messages, for a protocol that does not frame them.
    pub(crate) length: usize,
}

/// A participant of a room.
pub(crate) struct Peer {
    codec: Box<dyn Codec>,
    framing: Framing,
    receiver: Receiver,
    sender: Arc<Sender>,
    out: Outgoing,
}

impl Peer {
    /// Connects and joins.
    pub(crate) async fn join(target: Target, room: &str, number: usize) -> io::Result<Self> {
        let codec = target.protocol.codec(room, number);
        let mut peer = Self::connect(target, codec).await?;
        if peer.codec.is_answered() {
            peer.wait_for(Event::Joined).await?;
        }
        Ok(peer)
    }

    /// Two participants of one room. The first knows that the second has joined.
    pub(crate) async fn pair(target: Target, room: &str) -> io::Result<(Self, Self)> {
        let mut first = Self::join(target, room, 0).await?;
        let second = Self::join(target, room, 1).await?;
        first.peer_joined().await?;
        Ok((first, second))
    }

    /// Connects and resumes a session. True if nothing was missed.
    pub(crate) async fn resume(
        target: Target,
        room: &str,
        session: &Session,
    ) -> io::Result<(Self, bool)> {
        let mut codec = target.protocol.codec(room, 0);
        codec.resume(session);
        let mut peer = Self::connect(target, codec).await?;
        loop {
            match peer.receive().await?.0 {
                Event::Resumed => return Ok((peer, true)),
                Event::Joined => return Ok((peer, false)),
                _ => {}
            }
        }
    }

    /// Waits until the server announces another participant, if it does.
    pub(crate) async fn peer_joined(&mut self) -> io::Result<()> {
        if self.codec.announces_peers() {
            self.wait_for(Event::PeerJoined).await?;
        }
        Ok(())
    }

    /// Waits for what another participant sent. Fails if it is not `payload`.
    pub(crate) async fn expect(&mut self, payload: &Payload) -> io::Result<()> {
        let range = self.wait_for(Event::Relayed).await?;
        if payload.is_in(self.receiver.bytes(&range)) {
            Ok(())
        } else {
            let text = String::from_utf8_lossy(self.receiver.bytes(&range)).into_owned();
            Err(io::Error::other(format!("not what was sent: {text}")))
        }
    }

    /// Answers what has to be answered, until the connection ends.
    pub(crate) async fn run(&mut self) -> io::Result<()> {
        loop {
            self.receive().await?;
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

    /// Sends from another task or thread.
    pub(crate) fn sender(&self) -> Arc<Sender> {
        self.sender.clone()
    }

    pub(crate) fn id(&self) -> &str {
        self.codec.id()
    }

    /// What [`resume`](Self::resume) needs.
    pub(crate) fn session(&self) -> Session {
        self.codec.session()
    }

    /// Leaves, closes, and waits until the other end closes, too.
    pub(crate) async fn leave(mut self) {
        if matches!(self.framing, Framing::WebSocket) {
            self.codec.leave(&mut self.out);
            websocket::append_close(&mut self.out.0);
            // The other end may have closed first.
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
        let path = codec.path();
        let connection =
            websocket::connect(target.server, framing, &path, codec.subprotocol()).await;
        let (sender, receiver) = connection?;
        let mut out = Outgoing::default();
        codec.open(&mut out);
        sender.send(&out.0)?;
        out.0.clear();
        Ok(Self { codec, framing, receiver, sender: Arc::new(sender), out })
    }

    async fn wait_for(&mut self, wanted: Event) -> io::Result<Range<usize>> {
        loop {
            let (event, range) = self.receive().await?;
            if event == wanted {
                return Ok(range);
            }
        }
    }

    /// Cancel safe.
    async fn receive(&mut self) -> io::Result<(Event, Range<usize>)> {
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
            let event = self.codec.receive(text, &mut self.out);
            self.answer()?;
            return Ok((event, message));
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
