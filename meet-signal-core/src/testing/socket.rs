//! A socket without a network, held at both ends by the test.

use std::{
    future::pending,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::Value;
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::{
    CloseReason, Frame,
    socket::{Disconnected, Incoming, Socket},
};

/// The two ends of a connection; the client's takes `room` batches of frames before the server's has
/// to wait.
///
/// # Panics
///
/// `room` is 0: nothing could ever be sent.
pub fn connection(room: usize) -> (ServerEnd, ClientEnd) {
    assert!(room > 0, "a connection has room for something");
    let (to_server, incoming) = mpsc::unbounded_channel();
    let (outgoing, from_server) = mpsc::unbounded_channel();
    let wire = Arc::new(Wire { room: Semaphore::new(room), half_open: AtomicBool::new(false) });
    let server =
        ServerEnd { wire: wire.clone(), address: None, awaits_hello: false, incoming, outgoing };
    let client = ClientEnd { wire, withheld: 0, to_server: Sender(to_server), from_server };
    (server, client)
}

/// The server's end: what [`serve`](crate::driver::serve) takes.
#[derive(Debug)]
pub struct ServerEnd {
    wire: Arc<Wire>,
    address: Option<IpAddr>,
    awaits_hello: bool,
    incoming: mpsc::UnboundedReceiver<Incoming<String>>,
    outgoing: mpsc::UnboundedSender<Outgoing>,
}

/// The client's end. Dropping it cuts the connection.
///
/// It does nothing by itself: a `ping` is answered where the test says so.
#[derive(Debug)]
pub struct ClientEnd {
    wire: Arc<Wire>,
    /// How much room it keeps from the server while it stalls.
    withheld: usize,
    to_server: Sender,
    from_server: mpsc::UnboundedReceiver<Outgoing>,
}

/// What the client's end sends with; for a task beside the one that reads.
#[derive(Debug, Clone)]
pub struct Sender(mpsc::UnboundedSender<Incoming<String>>);

/// What a client is sent.
#[derive(Debug, PartialEq)]
#[non_exhaustive]
pub enum Received {
    /// The frames of one flush.
    Flush(Vec<Value>),
    /// A close frame, which was answered.
    Closed(CloseReason),
    /// Nothing any more: the server's end was dropped.
    Gone,
}

/// What is between the ends.
#[derive(Debug)]
struct Wire {
    /// Closed once the client's end is gone.
    room: Semaphore,
    /// The client's end is gone, and the server's cannot know.
    half_open: AtomicBool,
}

#[derive(Debug)]
enum Outgoing {
    Batch(Vec<Frame>),
    Close(CloseReason, oneshot::Sender<()>),
}

impl Socket for ServerEnd {
    type Text = String;

    async fn recv(&mut self) -> Incoming<String> {
        match self.incoming.recv().await {
            Some(incoming) => incoming,
            None if self.wire.is_half_open() => pending().await,
            None => Incoming::Closed,
        }
    }

    async fn send(&mut self, batch: &mut Vec<Frame>) -> Result<(), Disconnected> {
        self.write(Outgoing::Batch(std::mem::take(batch))).await
    }

    async fn close(&mut self, reason: CloseReason) {
        let (answer, answered) = oneshot::channel();
        if self.write(Outgoing::Close(reason, answer)).await.is_err() {
            return;
        }
        if answered.await.is_err() && self.wire.is_half_open() {
            pending::<()>().await;
        }
    }

    fn peer_address(&self) -> Option<IpAddr> {
        self.address
    }

    fn awaits_hello(&self) -> bool {
        self.awaits_hello
    }
}

impl ServerEnd {
    /// The client's address is this one, for the limits per address. By default there is none.
    #[must_use]
    pub fn from_address(mut self, address: IpAddr) -> Self {
        self.address = Some(address);
        self
    }

    /// The client waits for the `hello` before it sends something. By default it does not.
    #[must_use]
    pub fn awaiting_hello(mut self) -> Self {
        self.awaits_hello = true;
        self
    }

    async fn write(&self, outgoing: Outgoing) -> Result<(), Disconnected> {
        let written = match self.wire.room.acquire().await {
            Ok(permit) => {
                permit.forget();
                self.outgoing.send(outgoing).is_ok()
            }
            Err(_) => false,
        };
        if written || self.wire.is_half_open() { Ok(()) } else { Err(Disconnected::new()) }
    }
}

impl Sender {
    /// Sends a text frame.
    pub fn send(&self, text: &str) {
        self.deliver(Incoming::Text(text.to_owned()));
    }

    /// Has something arrive at the server: a [control frame](Incoming::Control), or what an adapter
    /// [refuses](Incoming::ProtocolError).
    pub fn deliver(&self, incoming: Incoming<String>) {
        // A server that has closed does not read any more.
        let _ = self.0.send(incoming);
    }
}

impl ClientEnd {
    /// Sends a text frame.
    pub fn send(&self, text: &str) {
        self.to_server.send(text);
    }

    /// To send with while another task waits for what [comes](Self::next). The connection is cut
    /// only once this is dropped, too.
    pub fn sender(&self) -> Sender {
        self.to_server.clone()
    }

    /// Waits for what comes next. Ends a [stall](Self::stall).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is lost.
    pub async fn next(&mut self) -> Received {
        self.wire.room.add_permits(std::mem::take(&mut self.withheld));
        let Some(outgoing) = self.from_server.recv().await else { return Received::Gone };
        self.wire.room.add_permits(1);
        match outgoing {
            Outgoing::Batch(frames) => {
                let parse = |frame: &Frame| {
                    serde_json::from_str(frame.as_str()).expect("a server's frames are JSON")
                };
                Received::Flush(frames.iter().map(parse).collect())
            }
            Outgoing::Close(reason, answer) => {
                let _ = answer.send(());
                Received::Closed(reason)
            }
        }
    }

    /// Waits for the next flush, which is of one frame of this type. A `hello` before it is skipped.
    ///
    /// # Panics
    ///
    /// Something else comes.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is lost.
    pub async fn expect(&mut self, kind: &str) -> Value {
        loop {
            match self.next().await {
                Received::Flush(mut frames) if frames.len() == 1 => match frames.remove(0) {
                    frame if frame["type"] == kind => return frame,
                    frame if frame["type"] == "hello" => {}
                    frame => panic!("expected `{kind}`, got {frame}"),
                },
                other => panic!("expected `{kind}`, got {other:?}"),
            }
        }
    }

    /// Joins with nothing, waits for the `welcome` and acknowledges it, as the bundled client does.
    ///
    /// # Panics
    ///
    /// Something else comes.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: it has asked.
    pub async fn join(&mut self) -> Value {
        self.send(r#"{"type":"join"}"#);
        let welcome = self.expect("welcome").await;
        self.send(r#"{"type":"ack","received":0}"#);
        welcome
    }

    /// From now on takes nothing, whatever room there is: the server's writes wait. Until the
    /// [next](Self::next) read.
    pub fn stall(&mut self) {
        self.withheld += self.wire.room.forget_permits(usize::MAX);
    }

    /// Cuts the connection: the server finds out at its next read or write. What the client had sent
    /// still arrives.
    pub fn cut(self) {
        drop(self);
    }

    /// Vanishes without a word, as a phone does that loses its network: the server hears nothing
    /// more, its writes go nowhere, and only the silence tells it.
    pub fn half_open(self) {
        self.wire.half_open.store(true, Ordering::Relaxed);
    }
}

impl Drop for ClientEnd {
    fn drop(&mut self) {
        self.wire.room.close();
    }
}

impl Wire {
    // Relaxed: stored before the channels are closed, and read after they were found closed.
    fn is_half_open(&self) -> bool {
        self.half_open.load(Ordering::Relaxed)
    }
}
