//! A client's end of one connection.

use std::{fmt, sync::Arc};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncWriteExt, BufReader},
    net::tcp,
    sync::{Mutex, mpsc},
    task::JoinHandle,
    time::{Duration, sleep},
};

use crate::{
    check::{Broken, Verdict, ensure, says, within_patience},
    wire::{CLOSE, FIN, PONG, Reader, Received, frame, text_frame},
};

/// A connection after its handshake. Dropping it cuts it.
#[derive(Debug)]
pub(crate) struct Client {
    writer: Writer,
    received: mpsc::Receiver<Verdict<Received>>,
    reading: Reading,
}

/// What a client does by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conduct {
    /// Reads, answers pings and closing, and does not mention pings.
    Attentive,
    /// Reads, and answers nothing.
    Mute,
    /// Does not even read, until it [listens](Client::listen).
    Deaf,
}

/// The writing end.
#[derive(Debug, Clone)]
pub(crate) struct Writer(Arc<Mutex<tcp::OwnedWriteHalf>>);

#[derive(Debug)]
enum Reading {
    Not(Option<(Stream, mpsc::Sender<Verdict<Received>>)>),
    Yes(JoinHandle<()>),
}

type Stream = BufReader<tcp::OwnedReadHalf>;

impl Client {
    pub(crate) fn new(stream: Stream, writer: tcp::OwnedWriteHalf, conduct: Conduct) -> Self {
        let (tell, received) = mpsc::channel(UNREAD);
        let writer = Writer(Arc::new(Mutex::new(writer)));
        let mut client = Self { writer, received, reading: Reading::Not(Some((stream, tell))) };
        if conduct != Conduct::Deaf {
            client.listen(conduct);
        }
        client
    }

    /// Begins to read.
    pub(crate) fn listen(&mut self, conduct: Conduct) {
        if let Reading::Not(stream) = &mut self.reading
            && let Some((stream, tell)) = stream.take()
        {
            let read = read(Reader::new(stream), self.writer.clone(), conduct, tell);
            self.reading = Reading::Yes(tokio::spawn(read));
        }
    }

    /// Sends a text frame.
    pub(crate) async fn say(&self, text: impl fmt::Display) -> Verdict {
        self.writer.say(text).await
    }

    /// Sends bytes as they are.
    pub(crate) async fn write(&self, bytes: &[u8]) -> Verdict {
        self.writer.write(bytes).await
    }

    /// Has the connection end with a reset instead of in order, once it is dropped.
    pub(crate) async fn reset_when_dropped(&self) {
        // Without it, the connection ends in order: no harm.
        let _ = self.writer.0.lock().await.as_ref().set_zero_linger();
    }

    pub(crate) fn writer(&self) -> Writer {
        self.writer.clone()
    }

    /// What comes next.
    pub(crate) async fn next(&mut self) -> Verdict<Received> {
        let next = within_patience("waiting for the server", self.received.recv()).await?;
        next.unwrap_or(Ok(Received::Ended))
    }

    /// The next message's text.
    pub(crate) async fn hear(&mut self) -> Verdict<String> {
        match self.next().await? {
            Received::Text(text) => Ok(text),
            other => Err(Broken::new(format_args!("expected a message, got {other:?}"))),
        }
    }

    /// The next message.
    pub(crate) async fn told(&mut self) -> Verdict<Value> {
        let text = self.hear().await?;
        serde_json::from_str(&text).map_err(|_| Broken::new(format_args!("no JSON came: {text}")))
    }

    /// The next message, which says this (and may say more).
    pub(crate) async fn expect(&mut self, expected: Value) -> Verdict<Value> {
        let got = self.told().await.map_err(|broken| broken.during(&expected))?;
        ensure!(says(&got, &expected), "expected {expected}, got {got}");
        Ok(got)
    }

    /// The next message, which is an error with this code and reference.
    pub(crate) async fn expect_error(
        &mut self,
        code: &str,
        reference: Option<u64>,
    ) -> Verdict<Value> {
        let got = self.expect(json!({"type": "error", "code": code, "ref": reference})).await?;
        ensure!(got["message"].is_string(), "an error without a message: {got}");
        Ok(got)
    }

    /// Nothing more comes than this close; its reason.
    pub(crate) async fn closed(&mut self, code: u16) -> Verdict<String> {
        let expected = format!("expected a close with {code}");
        match self.next().await.map_err(|broken| broken.during(&expected))? {
            Received::Closed { code: got, reason } if got == code => Ok(reason),
            other => Err(Broken::new(format_args!("{expected}, got {other:?}"))),
        }
    }

    /// Whatever comes before, in the end it is this close.
    pub(crate) async fn closed_at_last(&mut self, code: u16) -> Verdict {
        let expected = format!("expected a close with {code} at last");
        loop {
            match self.next().await.map_err(|broken| broken.during(&expected))? {
                Received::Closed { code: got, .. } if got == code => return Ok(()),
                Received::Text(_) | Received::Ping(_) | Received::Pong(_) => {}
                other => return Err(Broken::new(format_args!("{expected}, got {other:?}"))),
            }
        }
    }

    /// Nothing more comes, and the server has ended the TCP connection.
    pub(crate) async fn ended(&mut self) -> Verdict {
        match self.next().await? {
            Received::Ended => Ok(()),
            other => Err(Broken::new(format_args!("expected the end, got {other:?}"))),
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Reading::Yes(task) = &self.reading {
            task.abort();
        }
    }
}

impl Writer {
    pub(crate) async fn say(&self, text: impl fmt::Display) -> Verdict {
        self.write(&text_frame(text)).await
    }

    /// Writes the same again and again, several times in a heartbeat, so as never to be quiet for
    /// long. The burst lasts for longer than any promise takes. Ends only where it cannot be
    /// written.
    pub(crate) async fn keep_writing(&self, bytes: &[u8]) -> Broken {
        loop {
            if let Err(broken) = self.write(bytes).await {
                return broken;
            }
            sleep(OFTEN).await;
        }
    }

    /// A connection that the server has ended takes nothing more; that it has, reading tells.
    pub(crate) async fn write(&self, bytes: &[u8]) -> Verdict {
        let write = async { self.0.lock().await.write_all(bytes).await };
        let _ = within_patience("a server takes nothing", write).await?;
        Ok(())
    }
}

/// Reads until the connection has ended.
async fn read(
    mut reader: Reader<Stream>,
    writer: Writer,
    conduct: Conduct,
    tell: mpsc::Sender<Verdict<Received>>,
) {
    let mut handled = 0;
    loop {
        let received = reader.next().await;
        if conduct == Conduct::Attentive
            && let Some(answer) = received.as_ref().ok().and_then(|it| answer(it, &mut handled))
        {
            // A connection that takes no answer has ended, which reading tells.
            let _ = writer.write(&answer).await;
            if !matches!(received, Ok(Received::Closed { .. })) {
                continue;
            }
        }
        let over = matches!(received, Ok(Received::Ended) | Err(_));
        if tell.send(received).await.is_err() || over {
            return;
        }
    }
}

/// What an attentive client answers by itself. `handled` counts what section 5 of the protocol has
/// it count.
fn answer(received: &Received, handled: &mut u64) -> Option<Vec<u8>> {
    match received {
        Received::Text(text) => match kind(text).as_deref() {
            Some("ping") => {
                return Some(text_frame(json!({"type": "pong", "received": *handled})));
            }
            Some("welcome" | "waiting") => {}
            _ => *handled += 1,
        },
        Received::Ping(payload) => return Some(frame(FIN | PONG, payload)),
        Received::Closed { code, .. } => return Some(frame(FIN | CLOSE, &code.to_be_bytes())),
        Received::Pong(_) | Received::Ended => {}
    }
    None
}

/// A message's type. Whatever else is in it is passed over, however deep.
fn kind(text: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Message {
        r#type: String,
    }
    serde_json::from_str(text).ok().map(|message: Message| message.r#type)
}

/// How often who keeps writing does.
const OFTEN: Duration = Duration::from_millis(100);

/// How much a test may leave unread before its client stops reading, too: more than any is sent.
const UNREAD: usize = 4096;
