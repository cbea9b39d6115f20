//! The client's side of WebSocket frames (RFC 6455, section 5). The suite has a codec of its own,
//! because libraries do not write malformed frames.

use std::fmt;

use tokio::io::{AsyncBufRead, AsyncReadExt};

use crate::check::{Result, Violation, ensure};

/// Stands for a close frame without a code (RFC 6455, section 7.4.1).
pub(crate) const NO_CODE: u16 = 1005;

/// The bit of the last frame of a message.
pub(crate) const FIN: u8 = 0x80;
/// The first bit that is reserved for extensions.
pub(crate) const RESERVED: u8 = 0x40;

pub(crate) const CONTINUATION: u8 = 0x0;
pub(crate) const TEXT: u8 = 0x1;
pub(crate) const BINARY: u8 = 0x2;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xA;

/// A masked frame. `first` is its first byte: the opcode and the bits.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = header(first, payload.len() as u64);
    frame.extend(payload.iter().zip(MASK.into_iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// A text message in one frame.
pub(crate) fn text_frame(text: impl fmt::Display) -> Vec<u8> {
    frame(FIN | TEXT, text.to_string().as_bytes())
}

/// The header of a masked frame with a payload of `length` bytes.
pub(crate) fn header(first: u8, length: u64) -> Vec<u8> {
    let mut header = vec![first];
    match length {
        0..126 => header.push(MASKED | length as u8),
        126..0x1_0000 => {
            header.push(MASKED | LENGTH_16);
            header.extend((length as u16).to_be_bytes());
        }
        _ => {
            header.push(MASKED | LENGTH_64);
            header.extend(length.to_be_bytes());
        }
    }
    header.extend(MASK);
    header
}

/// What a client receives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    Text(String),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    /// A close frame. `code` is [`NO_CODE`] if it has none.
    Close {
        code: u16,
        reason: String,
    },
    /// The TCP connection ended, in order or by an error.
    Eof,
}

/// Decodes frames.
#[derive(Debug)]
pub(crate) struct Reader<R> {
    stream: R,
    /// The payload of an incomplete message.
    fragments: Option<Vec<u8>>,
}

impl<R: AsyncBufRead + Unpin> Reader<R> {
    pub(crate) fn new(stream: R) -> Self {
        Self { stream, fragments: None }
    }

    /// Reads the next event.
    ///
    /// # Errors
    ///
    /// The server violates RFC 6455.
    pub(crate) async fn next(&mut self) -> Result<Event> {
        loop {
            let Some((first, payload)) = read_frame(&mut self.stream).await? else {
                return Ok(Event::Eof);
            };
            match (first & OPCODE, &mut self.fragments) {
                (TEXT, fragments @ None) => *fragments = Some(payload),
                (CONTINUATION, Some(fragments)) => fragments.extend(payload),
                (PING, _) => return Ok(Event::Ping(payload)),
                (PONG, _) => return Ok(Event::Pong(payload)),
                (CLOSE, _) => return close_event(&payload),
                (opcode, _) => {
                    return Err(Violation::new(format_args!(
                        "got a frame with the opcode {opcode}"
                    )));
                }
            }
            if first & FIN != 0 {
                let text = String::from_utf8(self.fragments.take().unwrap_or_default());
                return text
                    .map(Event::Text)
                    .map_err(|_| Violation::new("got text that is not UTF-8"));
            }
        }
    }
}

/// A frame's first byte and payload. None if the connection has ended.
async fn read_frame(stream: &mut (impl AsyncBufRead + Unpin)) -> Result<Option<(u8, Vec<u8>)>> {
    let mut start = [0; 2];
    if stream.read_exact(&mut start).await.is_err() {
        return Ok(None);
    }
    let [first, length] = start;
    ensure!(first & (RESERVED | 0x30) == 0, "got a frame with reserved bits");
    ensure!(length & MASKED == 0, "got a masked frame");
    let length = match length {
        LENGTH_16 => stream.read_u16().await.map(u64::from),
        LENGTH_64 => stream.read_u64().await,
        short => Ok(u64::from(short)),
    };
    let Ok(length) = length else { return Ok(None) };
    ensure!(length <= MAX_FRAME_BYTES, "got a frame of {length} bytes");
    let mut payload = vec![0; length as usize];
    Ok(stream.read_exact(&mut payload).await.ok().map(|_| (first, payload)))
}

fn close_event(payload: &[u8]) -> Result<Event> {
    if payload.is_empty() {
        return Ok(Event::Close { code: NO_CODE, reason: String::new() });
    }
    let Some((code, reason)) = payload.split_first_chunk() else {
        return Err(Violation::new("got a close frame with a payload of one byte"));
    };
    let reason = str::from_utf8(reason)
        .map_err(|_| Violation::new("got a close reason that is not UTF-8"))?;
    Ok(Event::Close { code: u16::from_be_bytes(*code), reason: reason.to_owned() })
}

// RFC 6455 wants a random mask, to protect proxies from scripts in a browser. There is no proxy
// here, and a constant mask makes failures reproducible.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

const OPCODE: u8 = 0xF;
const MASKED: u8 = 0x80;
const LENGTH_16: u8 = 126;
const LENGTH_64: u8 = 127;

/// Far above the longest message of a server. A longer one means that the stream is out of step.
const MAX_FRAME_BYTES: u64 = 16 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 6455, section 5.7.
    #[tokio::test]
    async fn frames_match_the_rfc() {
        let hello = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        assert_eq!(frame(FIN | TEXT, b"Hello"), hello);
        assert_eq!(header(FIN | BINARY, 256)[..4], [0x82, 0xFE, 0x01, 0x00]);
        let long = [0x82, 0xFF, 0, 0, 0, 0, 0, 1, 0, 0];
        assert_eq!(header(FIN | BINARY, 65_536)[..10], long);
        let frames = b"\x01\x03Hel\x89\x01!\x80\x02lo\x88\x04\x0f\xa1by";
        let mut server = Reader::new(frames.as_slice());
        let close = Event::Close { code: 4001, reason: "by".to_owned() };
        for expected in
            [Event::Ping(b"!".to_vec()), Event::Text("Hello".to_owned()), close, Event::Eof]
        {
            assert_eq!(server.next().await, Ok(expected));
        }
    }

    #[tokio::test]
    async fn detects_frames_that_a_server_must_not_send() {
        for bad in [
            [0x81, 0x80, 0, 0, 0, 0].as_slice(),
            &[0xC1, 0],
            &[0x82, 0],
            &[0x80, 0],
            &[0x88, 1, 3],
            &[0x81, 1, 0xFF],
        ] {
            assert!(Reader::new(bad).next().await.is_err(), "{bad:x?}");
        }
    }
}
