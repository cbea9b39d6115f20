//! The client's end of one connection.

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
    check::{Context, Result, Violation, ensure, includes, with_timeout},
    wire::{CLOSE, Event, FIN, PONG, Reader, frame, text_frame},
};

/// A connection after its handshake. Dropping it closes the TCP connection.
#[derive(Debug)]
pub(crate) struct Client {
    writer: Writer,
    events: mpsc::Receiver<Result<Event>>,
    reading: Reading,
}

/// Whether a client reads, and what it replies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadMode {
    /// Reads; replies to `ping`, WebSocket pings and close frames. Pings are not events.
    AutoReply,
    /// Reads, and sends no replies.
    NoReply,
    /// Reads nothing until [`Client::start_reading`].
    Paused,
}

/// The writing half.
#[derive(Debug, Clone)]
pub(crate) struct Writer(Arc<Mutex<tcp::OwnedWriteHalf>>);

#[derive(Debug)]
enum Reading {
    Paused(Option<(Stream, mpsc::Sender<Result<Event>>)>),
    Started(JoinHandle<()>),
}

type Stream = BufReader<tcp::OwnedReadHalf>;

impl Client {
    pub(crate) fn new(stream: Stream, writer: tcp::OwnedWriteHalf, mode: ReadMode) -> Self {
        let (sender, events) = mpsc::channel(UNREAD_EVENTS);
        let writer = Writer(Arc::new(Mutex::new(writer)));
        let mut client = Self { writer, events, reading: Reading::Paused(Some((stream, sender))) };
        if mode != ReadMode::Paused {
            client.start_reading(mode);
        }
        client
    }

    pub(crate) fn start_reading(&mut self, mode: ReadMode) {
        if let Reading::Paused(stream) = &mut self.reading
            && let Some((stream, sender)) = stream.take()
        {
            let read = read(Reader::new(stream), self.writer.clone(), mode, sender);
            self.reading = Reading::Started(tokio::spawn(read));
        }
    }

    /// Sends a text frame.
    pub(crate) async fn send(&self, text: impl fmt::Display) -> Result {
        self.writer.send(text).await
    }

    /// Writes bytes to the TCP connection.
    pub(crate) async fn write(&self, bytes: &[u8]) -> Result {
        self.writer.write(bytes).await
    }

    /// Makes dropping the client reset the TCP connection instead of closing it in order.
    pub(crate) async fn reset_on_drop(&self) {
        // If this fails, the connection closes in order, which is also a loss.
        let _ = self.writer.0.lock().await.as_ref().set_zero_linger();
    }

    pub(crate) fn writer(&self) -> Writer {
        self.writer.clone()
    }

    pub(crate) async fn next_event(&mut self) -> Result<Event> {
        let next = with_timeout("waiting for the server", self.events.recv()).await?;
        next.unwrap_or(Ok(Event::Eof))
    }

    /// The text of the next message.
    pub(crate) async fn recv_text(&mut self) -> Result<String> {
        match self.next_event().await? {
            Event::Text(text) => Ok(text),
            other => Err(Violation::new(format_args!("expected a message, got {other:?}"))),
        }
    }

    /// The next message.
    pub(crate) async fn recv(&mut self) -> Result<Value> {
        let text = self.recv_text().await?;
        serde_json::from_str(&text)
            .map_err(|_| Violation::new(format_args!("got invalid JSON: {text}")))
    }

    /// Expects that the next message [includes](includes) this one.
    pub(crate) async fn expect(&mut self, expected: Value) -> Result<Value> {
        let got = self.recv().await.context(&expected)?;
        ensure!(includes(&got, &expected), "expected {expected}, got {got}");
        Ok(got)
    }

    /// Expects that the next message is an error with this code and `ref`.
    pub(crate) async fn expect_error(
        &mut self,
        code: &str,
        reference: Option<u64>,
    ) -> Result<Value> {
        let got = self.expect(json!({"type": "error", "code": code, "ref": reference})).await?;
        ensure!(got["message"].is_string(), "an error without `message`: {got}");
        Ok(got)
    }

    /// Expects that the next event is a close frame with this code. Returns its reason.
    pub(crate) async fn expect_close(&mut self, code: u16) -> Result<String> {
        let expected = format!("expected a close frame with {code}");
        match self.next_event().await.context(&expected)? {
            Event::Close { code: got, reason } if got == code => Ok(reason),
            other => Err(Violation::new(format_args!("{expected}, got {other:?}"))),
        }
    }

    /// Expects a close frame with this code, after any number of messages.
    pub(crate) async fn expect_close_eventually(&mut self, code: u16) -> Result {
        let expected = format!("expected a close frame with {code} eventually");
        loop {
            match self.next_event().await.context(&expected)? {
                Event::Close { code: got, .. } if got == code => return Ok(()),
                Event::Text(_) | Event::Ping(_) | Event::Pong(_) => {}
                other => return Err(Violation::new(format_args!("{expected}, got {other:?}"))),
            }
        }
    }

    /// Expects that the server closes the TCP connection and sends nothing before.
    pub(crate) async fn expect_eof(&mut self) -> Result {
        match self.next_event().await? {
            Event::Eof => Ok(()),
            other => Err(Violation::new(format_args!("expected the end, got {other:?}"))),
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Reading::Started(task) = &self.reading {
            task.abort();
        }
    }
}

impl Writer {
    pub(crate) async fn send(&self, text: impl fmt::Display) -> Result {
        self.write(&text_frame(text)).await
    }

    /// Writes the same bytes several times per heartbeat, so that the connection is never silent.
    /// The burst that the server allows lasts longer than any test. Returns only if writing fails.
    pub(crate) async fn write_repeatedly(&self, bytes: &[u8]) -> Violation {
        loop {
            if let Err(violation) = self.write(bytes).await {
                return violation;
            }
            sleep(REPEAT_INTERVAL).await;
        }
    }

    /// Ignores write errors: the reading half reports a closed connection.
    pub(crate) async fn write(&self, bytes: &[u8]) -> Result {
        let write = async { self.0.lock().await.write_all(bytes).await };
        let _ = with_timeout("writing to the server", write).await?;
        Ok(())
    }
}

/// Reads until the connection ends.
async fn read(
    mut reader: Reader<Stream>,
    writer: Writer,
    mode: ReadMode,
    events: mpsc::Sender<Result<Event>>,
) {
    let mut handled = 0;
    loop {
        let event = reader.next().await;
        if mode == ReadMode::AutoReply
            && let Some(reply) = event.as_ref().ok().and_then(|it| auto_reply(it, &mut handled))
        {
            // If writing fails, reading reports the end of the connection.
            let _ = writer.write(&reply).await;
            if !matches!(event, Ok(Event::Close { .. })) {
                continue;
            }
        }
        let is_last = matches!(event, Ok(Event::Eof) | Err(_));
        if events.send(event).await.is_err() || is_last {
            return;
        }
    }
}

/// The reply of [`ReadMode::AutoReply`]. `handled` counts the frames that section 5 of the protocol
/// numbers.
fn auto_reply(event: &Event, handled: &mut u64) -> Option<Vec<u8>> {
    match event {
        Event::Text(text) => match message_type(text).as_deref() {
            Some("ping") => {
                return Some(text_frame(json!({"type": "pong", "received": *handled})));
            }
            // A connection's first welcome begins the count, also after something in the lobby.
            Some("welcome" | "waiting") => *handled = 0,
            _ => *handled += 1,
        },
        Event::Ping(payload) => return Some(frame(FIN | PONG, payload)),
        Event::Close { code, .. } => return Some(frame(FIN | CLOSE, &code.to_be_bytes())),
        Event::Pong(_) | Event::Eof => {}
    }
    None
}

/// Skips all other fields, however deeply they nest.
fn message_type(text: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Message {
        r#type: String,
    }
    serde_json::from_str(text).ok().map(|message: Message| message.r#type)
}

const REPEAT_INTERVAL: Duration = Duration::from_millis(100);

/// More events than any test leaves unread. Beyond them, the client stops reading.
const UNREAD_EVENTS: usize = 4096;
