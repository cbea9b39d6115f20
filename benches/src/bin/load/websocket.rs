//! The client's half of RFC 6455, as thin as it can be, so that the generator costs little beside
//! any server. Without WebSocket it also carries plain bytes, for the floor.

use std::{
    io::{self, ErrorKind},
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

/// How messages are told apart.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Framing {
    /// As text frames.
    WebSocket,
    /// Each is of so many bytes.
    Fixed(usize),
}

/// Reads messages.
pub(crate) struct Receiver {
    half: OwnedReadHalf,
    framing: Framing,
    buffer: Vec<u8>,
    /// How much of the buffer was given out already.
    taken: usize,
}

/// Writes messages; from any thread.
pub(crate) struct Sender {
    half: OwnedWriteHalf,
    /// A message that does not fit the socket's buffer at once must not be torn by another.
    turn: Mutex<()>,
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
    target: &str,
    subprotocol: Option<&str>,
) -> io::Result<(Sender, Receiver)> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(next_source())?;
    let stream = socket.connect(server).await?;
    stream.set_nodelay(true)?;
    let (read, write) = stream.into_split();
    let sender = Sender { half: write, turn: Mutex::default() };
    let mut receiver = Receiver { half: read, framing, buffer: Vec::new(), taken: 0 };
    if matches!(framing, Framing::WebSocket) {
        sender.send(request(server, target, subprotocol).as_bytes())?;
        receiver.upgraded().await?;
    }
    Ok((sender, receiver))
}

/// Appends a text frame.
pub(crate) fn append_text(out: &mut Vec<u8>, text: &str) {
    append_frame(out, TEXT, text.as_bytes());
}

/// Appends the answer to a ping.
pub(crate) fn append_pong(out: &mut Vec<u8>, payload: &[u8]) {
    append_frame(out, PONG, payload);
}

/// Appends a close frame with code 1000.
pub(crate) fn append_close(out: &mut Vec<u8>) {
    append_frame(out, CLOSE, &1000_u16.to_be_bytes());
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

    /// What a range of the last [`next`](Self::next) stands for.
    pub(crate) fn bytes(&self, range: &Range<usize>) -> &[u8] {
        &self.buffer[range.clone()]
    }

    /// Reads the answer to the upgrade.
    async fn upgraded(&mut self) -> io::Result<()> {
        loop {
            if let Some(at) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                if !self.buffer.starts_with(b"HTTP/1.1 101 ") {
                    let answer = String::from_utf8_lossy(&self.buffer).into_owned();
                    return Err(io::Error::other(format!("no upgrade: {answer}")));
                }
                self.taken = at + 4;
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
            Framing::Fixed(length) => (TEXT, 0, length),
            Framing::WebSocket => match header(rest)? {
                Some(header) => header,
                None => return Ok(None),
            },
        };
        if rest.len() < header + length {
            return Ok(None);
        }
        let start = self.taken + header;
        self.taken = start + length;
        let payload = start..self.taken;
        Ok(Some(match opcode {
            TEXT => Received::Message(payload),
            PING => Received::Ping(payload),
            CLOSE => Received::Close,
            opcode => return Err(io::Error::other(format!("unexpected opcode {opcode}"))),
        }))
    }
}

impl Sender {
    /// Writes a whole message.
    ///
    /// It does not wait for the runtime, so that any thread can use it: a socket's buffer holds far
    /// more than a generator sends before it looks for answers.
    pub(crate) fn send(&self, mut bytes: &[u8]) -> io::Result<()> {
        let _turn = self.turn.lock().expect("no panic under the lock");
        let mut blocked_since = None;
        while !bytes.is_empty() {
            match self.half.try_write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if blocked_since.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
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

fn request(server: SocketAddr, target: &str, subprotocol: Option<&str>) -> String {
    let subprotocol = match subprotocol {
        Some(name) => format!("Sec-WebSocket-Protocol: {name}\r\n"),
        None => String::new(),
    };
    // The key of RFC 6455, section 1.3.
    format!(
        "GET {target} HTTP/1.1\r\nHost: {server}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{subprotocol}\r\n"
    )
}

/// A port that was closed cannot be used again for a minute, so one address does not have enough of
/// them for a storm: all of 127.0.0.0/8 is this machine.
fn next_source() -> SocketAddr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let host = 2 + NEXT.fetch_add(1, Ordering::Relaxed) % SOURCES;
    let address = Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 0, 0, 0)) + host);
    (address, 0).into()
}

/// Opcode, length of the header, and of the payload.
fn header(bytes: &[u8]) -> io::Result<Option<(u8, usize, usize)>> {
    let &[first, second, ..] = bytes else { return Ok(None) };
    if first & 0x80 == 0 || second & 0x80 != 0 {
        return Err(io::Error::other("a fragmented or a masked frame"));
    }
    let opcode = first & 0x0f;
    let extended = |length: usize| bytes.get(2..2 + length);
    Ok(match second {
        126 => extended(2).map(|length| (opcode, 4, big_endian(length))),
        127 => extended(8).map(|length| (opcode, 10, big_endian(length))),
        short => Some((opcode, 2, usize::from(short))),
    })
}

fn big_endian(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |value, byte| value << 8 | usize::from(*byte))
}

fn append_frame(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    out.push(0x80 | opcode);
    match payload.len() {
        length @ 0..126 => out.push(0x80 | length as u8),
        length @ 126..0x1_0000 => {
            out.push(0x80 | 126);
            out.extend((length as u16).to_be_bytes());
        }
        length => {
            out.push(0x80 | 127);
            out.extend((length as u64).to_be_bytes());
        }
    }
    out.extend(MASK);
    let start = out.len();
    out.extend_from_slice(payload);
    for four in out[start..].chunks_mut(4) {
        four.iter_mut().zip(MASK).for_each(|(byte, mask)| *byte ^= mask);
    }
}

const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// Any key costs a server the same, and one that is always the same costs the generator nothing.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// At least how many bytes are read at once.
const READ: usize = 4 * 1024;

/// How many addresses connections come from.
const SOURCES: u32 = 64;

/// How long a socket may be full.
const PATIENCE: Duration = Duration::from_secs(10);
