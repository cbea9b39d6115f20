//! A WebSocket client that costs little beside any server: tungstenite's frames, over a buffer of its
//! own. It neither copies what it receives nor masks what it sends again. Without WebSocket it also
//! carries plain bytes, for the floor.

use std::{
    io::{self, Cursor, ErrorKind},
    net::{Ipv4Addr, SocketAddr},
    ops::Range,
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::{
    io::AsyncReadExt,
    net::{
        TcpSocket,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};
use tungstenite::{
    ClientRequestBuilder,
    client::IntoClientRequest,
    handshake::{
        client::{Response, generate_request},
        machine::TryParse,
    },
    http::StatusCode,
    protocol::frame::{
        CloseFrame, Frame, FrameHeader,
        coding::{CloseCode, Control, Data, OpCode},
    },
};

/// Where a message ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Framing {
    /// At the end of a text frame.
    WebSocket,
    /// After so many bytes.
    Fixed(usize),
}

/// Reads messages.
pub(crate) struct Receiver {
    half: OwnedReadHalf,
    framing: Framing,
    buffer: Vec<u8>,
    /// How many bytes of the buffer were returned already.
    taken: usize,
}

/// Writes messages; from any thread.
pub(crate) struct Sender {
    half: OwnedWriteHalf,
    /// Keeps a message in one piece if it does not fit the socket's buffer at once.
    writing: Mutex<()>,
}

/// What was received. Ranges are of [`Receiver::bytes`].
pub(crate) enum Received {
    Message(Range<usize>),
    Ping(Range<usize>),
    /// A close frame.
    Close,
    /// The end of the stream.
    End,
}

/// Opens a connection; for a WebSocket, upgrades it.
pub(crate) async fn connect(
    server: SocketAddr,
    framing: Framing,
    path: &str,
    subprotocol: Option<&str>,
) -> io::Result<(Sender, Receiver)> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(next_source())?;
    let stream = socket.connect(server).await?;
    stream.set_nodelay(true)?;
    let (read, write) = stream.into_split();
    let sender = Sender { half: write, writing: Mutex::default() };
    let mut receiver = Receiver { half: read, framing, buffer: Vec::new(), taken: 0 };
    if matches!(framing, Framing::WebSocket) {
        sender.send(&request(server, path, subprotocol).map_err(io::Error::other)?)?;
        receiver.upgraded().await?;
    }
    Ok((sender, receiver))
}

pub(crate) fn append_text(out: &mut Vec<u8>, text: &str) {
    append(out, Frame::message(text.to_owned(), OpCode::Data(Data::Text), true));
}

/// Appends the answer to a ping.
pub(crate) fn append_pong(out: &mut Vec<u8>, payload: &[u8]) {
    append(out, Frame::pong(payload.to_vec()));
}

pub(crate) fn append_close(out: &mut Vec<u8>) {
    let frame = CloseFrame { code: CloseCode::Normal, reason: "".into() };
    append(out, Frame::close(Some(frame)));
}

/// Masks the frame, as the protocol asks of a client.
fn append(out: &mut Vec<u8>, mut frame: Frame) {
    frame.header_mut().mask = Some(MASK);
    frame.format(out).expect("writing to memory does not fail");
}

impl Receiver {
    /// Waits for the next message.
    pub(crate) async fn next(&mut self) -> io::Result<Received> {
        loop {
            if let Some(received) = self.take()? {
                return Ok(received);
            }
            if !self.fill().await? {
                return Ok(Received::End);
            }
        }
    }

    /// The bytes of a range that the last [`next`](Self::next) returned.
    pub(crate) fn bytes(&self, range: &Range<usize>) -> &[u8] {
        &self.buffer[range.clone()]
    }

    /// Reads the answer to the upgrade.
    async fn upgraded(&mut self) -> io::Result<()> {
        loop {
            let parsed = Response::try_parse(&self.buffer).map_err(io::Error::other)?;
            if let Some((length, response)) = parsed {
                if response.status() != StatusCode::SWITCHING_PROTOCOLS {
                    return Err(io::Error::other(format!("no upgrade: {response:?}")));
                }
                self.taken = length;
                return Ok(());
            }
            if !self.fill().await? {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }

    async fn fill(&mut self) -> io::Result<bool> {
        self.buffer.drain(..self.taken);
        self.taken = 0;
        self.buffer.reserve(READ);
        Ok(self.half.read_buf(&mut self.buffer).await? > 0)
    }

    fn take(&mut self) -> io::Result<Option<Received>> {
        let rest = &self.buffer[self.taken..];
        let (opcode, header, length) = match self.framing {
            Framing::Fixed(length) => (OpCode::Data(Data::Text), 0, length),
            Framing::WebSocket => {
                let mut cursor = Cursor::new(rest);
                let parsed = FrameHeader::parse(&mut cursor).map_err(io::Error::other)?;
                let Some((header, length)) = parsed else { return Ok(None) };
                if !header.is_final || header.mask.is_some() {
                    return Err(io::Error::other("a fragmented or a masked frame"));
                }
                (header.opcode, cursor.position() as usize, length as usize)
            }
        };
        if rest.len() < header + length {
            return Ok(None);
        }
        let start = self.taken + header;
        self.taken = start + length;
        let payload = start..self.taken;
        Ok(Some(match opcode {
            OpCode::Data(Data::Text) => Received::Message(payload),
            OpCode::Control(Control::Ping) => Received::Ping(payload),
            OpCode::Control(Control::Close) => Received::Close,
            opcode => return Err(io::Error::other(format!("unexpected frame: {opcode}"))),
        }))
    }
}

impl Sender {
    /// Writes a whole message.
    ///
    /// It does not wait for the runtime, so that any thread can use it: a socket's buffer holds far
    /// more than a generator sends before it looks for answers.
    pub(crate) fn send(&self, mut bytes: &[u8]) -> io::Result<()> {
        let _writing = self.writing.lock().expect("no panic under the lock");
        let mut blocked_since = None;
        while !bytes.is_empty() {
            match self.half.try_write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if blocked_since.get_or_insert_with(Instant::now).elapsed() > SEND_TIMEOUT {
                        return Err(io::Error::other("the server does not read"));
                    }
                    thread::yield_now();
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn request(
    server: SocketAddr,
    path: &str,
    subprotocol: Option<&str>,
) -> tungstenite::Result<Vec<u8>> {
    let mut request = ClientRequestBuilder::new(format!("ws://{server}{path}").parse()?);
    if let Some(name) = subprotocol {
        request = request.with_sub_protocol(name);
    }
    Ok(generate_request(request.into_client_request()?)?.0)
}

/// A port that was closed cannot be used again for a minute, so one address does not have enough of
/// them for a storm: all of 127.0.0.0/8 is this machine.
fn next_source() -> SocketAddr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let host = 2 + NEXT.fetch_add(1, Ordering::Relaxed) % SOURCES;
    let address = Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 0, 0, 0)) + host);
    (address, 0).into()
}

/// Any key costs a server the same, and one that is always the same costs the generator nothing.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// At least how many bytes are read at once.
const READ: usize = 4 * 1024;

/// How many addresses connections come from.
const SOURCES: u32 = 64;

/// How long a socket may be full.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
