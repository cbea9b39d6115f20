//! A socket without a network, held at both ends by the test.

use meet_signal_core::{
    CloseReason, Frame,
    socket::{Incoming, Lost, Socket},
};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

/// The server's end.
pub(crate) struct ServerEnd {
    incoming: mpsc::UnboundedReceiver<Incoming<String>>,
    outgoing: mpsc::Sender<Outgoing>,
}

/// The client's end. Dropping it cuts the connection.
pub(crate) struct ClientEnd {
    to_server: Sender,
    from_server: mpsc::Receiver<Outgoing>,
}

/// What the client's end sends with.
#[derive(Clone)]
pub(crate) struct Sender(mpsc::UnboundedSender<Incoming<String>>);

enum Outgoing {
    Batch(Vec<Frame>),
    Close(CloseReason, oneshot::Sender<()>),
}

/// Two ends of one connection; the client's takes `room` batches before the server's has to wait.
pub(crate) fn connection(room: usize) -> (ServerEnd, ClientEnd) {
    let (to_server, incoming) = mpsc::unbounded_channel();
    let (outgoing, from_server) = mpsc::channel(room);
    (ServerEnd { incoming, outgoing }, ClientEnd { to_server: Sender(to_server), from_server })
}

impl Socket for ServerEnd {
    type Text = String;

    async fn recv(&mut self) -> Incoming<String> {
        self.incoming.recv().await.unwrap_or(Incoming::Closed)
    }

    async fn send(&mut self, batch: &mut Vec<Frame>) -> Result<(), Lost> {
        let batch = Outgoing::Batch(std::mem::take(batch));
        self.outgoing.send(batch).await.map_err(|_| Lost::new())
    }

    async fn close(&mut self, reason: CloseReason) {
        let (answer, answered) = oneshot::channel();
        if self.outgoing.send(Outgoing::Close(reason, answer)).await.is_ok() {
            let _ = answered.await;
        }
    }
}

/// What a client is sent: the frames of one flush, or the end.
#[derive(Debug, PartialEq)]
pub(crate) enum Got {
    Flush(Vec<Value>),
    Closed(CloseReason),
    Gone,
}

impl Sender {
    pub(crate) fn send(&self, text: &str) {
        self.deliver(Incoming::Text(text.to_owned()));
    }

    pub(crate) fn deliver(&self, incoming: Incoming<String>) {
        // A server that has closed does not read any more.
        let _ = self.0.send(incoming);
    }
}

impl ClientEnd {
    pub(crate) fn send(&self, text: &str) {
        self.to_server.send(text);
    }

    pub(crate) fn sender(&self) -> Sender {
        self.to_server.clone()
    }

    pub(crate) async fn next(&mut self) -> Got {
        match self.from_server.recv().await {
            Some(Outgoing::Batch(frames)) => {
                let parse = |frame: &Frame| serde_json::from_str(frame.as_str()).expect("JSON");
                Got::Flush(frames.iter().map(parse).collect())
            }
            Some(Outgoing::Close(reason, answer)) => {
                let _ = answer.send(());
                Got::Closed(reason)
            }
            None => Got::Gone,
        }
    }

    /// The next flush, which is of one frame of this type.
    pub(crate) async fn expect(&mut self, kind: &str) -> Value {
        let got = self.next().await;
        match got {
            Got::Flush(mut frames) if frames.len() == 1 && frames[0]["type"] == kind => {
                frames.remove(0)
            }
            other => panic!("expected `{kind}`, got {other:?}"),
        }
    }

    /// Joins with nothing, and returns the welcome.
    pub(crate) async fn join(&mut self) -> Value {
        self.send(r#"{"type":"join"}"#);
        self.expect("welcome").await
    }
}
