//! Counts the fragments in a stream of WebSocket frames while a library reads it.

use std::{
    fmt, io, mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Incoming;

/// A wrapper of the stream below a WebSocket library that reassembles messages and does not report
/// their fragments (RFC 6455, section 5.4). It scans the frame headers that the library reads, and
/// modifies nothing.
///
/// Reads are [`Pending`](Poll::Pending) from when fragments were read until they are taken, so that
/// the library cannot read on through a flood of them. No waker is registered for it:
/// [`Socket::recv`](super::Socket::recv) takes the fragments
///
/// - with [`take`](Self::take), when the library is pending;
/// - with [`take_complete`](Self::take_complete), when it has a message: they are reported before it.
///
/// It costs a few comparisons per frame.
pub struct Meter<S> {
    stream: S,
    frames: Frames,
}

// Without the stream and its data.
impl<S> fmt::Debug for Meter<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter").finish_non_exhaustive()
    }
}

impl<S> Meter<S> {
    /// A meter for a server's end, right after the handshake: the first byte read begins a frame.
    pub fn new(stream: S) -> Self {
        Self { stream, frames: Frames::default() }
    }

    /// The fragments read since they were last taken: [`Incoming::Partial`].
    #[must_use = "fragments that are not reported are not counted"]
    pub fn take<T>(&mut self) -> Option<Incoming<T>> {
        let mut all = mem::take(&mut self.frames.complete);
        all.add(mem::take(&mut self.frames.open));
        all.report()
    }

    /// Like [`take`](Self::take), but only the fragments of complete messages. Those of a message
    /// after the current one are reported after it.
    #[must_use = "fragments that are not reported are not counted"]
    pub fn take_complete<T>(&mut self) -> Option<Incoming<T>> {
        mem::take(&mut self.frames.complete).report()
    }

    /// Stops counting and holding reads back, for the end of a connection, when all further data is
    /// discarded.
    pub fn stop(&mut self) {
        self.frames = Frames { stopped: true, ..Frames::default() };
    }

    /// Whether a close frame with a reason that is not UTF-8 was read. It is a violation of the
    /// WebSocket protocol ([`CloseReason::NotWebSocket`](crate::CloseReason::NotWebSocket)), for
    /// which some libraries return the same error as for invalid text.
    pub fn has_malformed_close(&self) -> bool {
        self.frames.malformed_close
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Meter<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { stream, frames } = self.get_mut();
        if !frames.all_taken() {
            return Poll::Pending;
        }
        let before = buf.filled().len();
        ready!(Pin::new(stream).poll_read(cx, buf))?;
        frames.scan(&buf.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Meter<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

/// Fragments that were read and not taken.
#[derive(Debug, Default, Clone, Copy)]
struct Fragments {
    count: usize,
    bytes: usize,
}

impl Fragments {
    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.bytes = self.bytes.saturating_add(other.bytes);
    }

    fn report<T>(self) -> Option<Incoming<T>> {
        let Self { count: fragments, bytes } = self;
        (fragments > 0).then_some(Incoming::Partial { fragments, bytes })
    }
}

/// The position of the stream within its frames. The library rejects invalid frames; here they only
/// lead to a wrong count.
#[derive(Debug, Default)]
struct Frames {
    header: [u8; LONGEST_HEADER],
    /// How many bytes of the header were read.
    have: usize,
    /// The length of the frame's payload, and how much of it remains.
    length: u64,
    rest: u64,
    /// The payload of a close frame, masked.
    close: Vec<u8>,
    malformed_close: bool,
    /// Fragments of complete messages.
    complete: Fragments,
    /// Fragments of the incomplete message.
    open: Fragments,
    stopped: bool,
}

impl Frames {
    fn all_taken(&self) -> bool {
        self.complete.count == 0 && self.open.count == 0
    }

    fn scan(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && !self.stopped {
            if self.rest == 0 {
                let wanted = self.header_length() - self.have;
                let (part, others) = bytes.split_at(wanted.min(bytes.len()));
                self.header[self.have..][..part.len()].copy_from_slice(part);
                self.have += part.len();
                bytes = others;
                if self.have < self.header_length() {
                    continue;
                }
                self.length = self.payload_length();
                self.rest = self.length;
            } else {
                let here = usize::try_from(self.rest).map_or(bytes.len(), |it| it.min(bytes.len()));
                let (part, others) = bytes.split_at(here);
                if self.opcode() == CLOSE && self.length <= LONGEST_CONTROL {
                    self.close.extend(part);
                }
                self.rest -= here as u64;
                bytes = others;
            }
            if self.rest == 0 {
                self.end_of_frame();
            }
        }
    }

    fn end_of_frame(&mut self) {
        let [first, ..] = self.header;
        if first & CONTROL != 0 {
            if self.opcode() == CLOSE {
                self.malformed_close |= !self.close_reason_is_text();
            }
        } else if first & FIN == 0 {
            let bytes = usize::try_from(self.length).unwrap_or(usize::MAX);
            self.open.add(Fragments { count: 1, bytes });
        } else {
            self.complete.add(mem::take(&mut self.open));
        }
        self.have = 0;
    }

    fn close_reason_is_text(&mut self) -> bool {
        let mut payload = mem::take(&mut self.close);
        if let Some(mask) = self.mask() {
            payload.iter_mut().zip(mask.into_iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
        }
        payload.get(CODE_LENGTH..).is_none_or(|reason| str::from_utf8(reason).is_ok())
    }

    fn opcode(&self) -> u8 {
        self.header[0] & OPCODE
    }

    /// As far as the bytes read so far determine it.
    fn header_length(&self) -> usize {
        if self.have < SHORTEST_HEADER {
            return SHORTEST_HEADER;
        }
        let mask = if self.header[1] & MASKED == 0 { 0 } else { MASK_LENGTH };
        SHORTEST_HEADER + self.extended_length() + mask
    }

    fn extended_length(&self) -> usize {
        match self.header[1] & !MASKED {
            LENGTH_16 => 2,
            LENGTH_64 => 8,
            _ => 0,
        }
    }

    fn payload_length(&self) -> u64 {
        match self.extended_length() {
            0 => u64::from(self.header[1] & !MASKED),
            bytes => {
                let extended = &self.header[SHORTEST_HEADER..][..bytes];
                extended.iter().fold(0, |length, byte| length << 8 | u64::from(*byte))
            }
        }
    }

    fn mask(&self) -> Option<[u8; MASK_LENGTH]> {
        let mask = self.header.get(SHORTEST_HEADER + self.extended_length()..)?;
        (self.header[1] & MASKED != 0).then(|| mask.first_chunk().copied())?
    }
}

// RFC 6455, section 5.2.

const FIN: u8 = 0x80;
const OPCODE: u8 = 0xF;
const CONTROL: u8 = 0x8;
const CLOSE: u8 = 0x8;
const MASKED: u8 = 0x80;
const LENGTH_16: u8 = 126;
const LENGTH_64: u8 = 127;
const MASK_LENGTH: usize = 4;
const SHORTEST_HEADER: usize = 2;
const LONGEST_HEADER: usize = SHORTEST_HEADER + 8 + MASK_LENGTH;

// Section 5.5.

const LONGEST_CONTROL: u64 = 125;
const CODE_LENGTH: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![first];
        match payload.len() {
            short @ ..126 => frame.push(MASKED | short as u8),
            medium @ ..0x1_0000 => {
                frame.push(MASKED | LENGTH_16);
                frame.extend((medium as u16).to_be_bytes());
            }
            long => {
                frame.push(MASKED | LENGTH_64);
                frame.extend((long as u64).to_be_bytes());
            }
        }
        let mask = [7, 1, 2, 3];
        frame.extend(mask);
        frame.extend(payload.iter().zip(mask.into_iter().cycle()).map(|(byte, mask)| byte ^ mask));
        frame
    }

    fn seen(fragments: &Fragments) -> (usize, usize) {
        (fragments.count, fragments.bytes)
    }

    #[test]
    fn fragments_are_counted_however_the_bytes_are_cut() {
        let stream = [
            frame(0x81, b"whole"),
            frame(0x01, b"a"),
            frame(0x89, b"ping"),
            frame(0x00, b""),
            frame(0x00, &[b'b'; 300]),
            frame(0x8A, b""),
            frame(0x80, b"the end"),
            frame(0x81, &[b'c'; 200]),
            frame(0x02, &[b'd'; 70_000]),
            frame(0x88, b""),
        ]
        .concat();
        for size in [1, 2, 3, 7, 64, 1000, stream.len()] {
            let mut frames = Frames::default();
            stream.chunks(size).for_each(|part| frames.scan(part));
            assert_eq!(seen(&frames.complete), (3, 301), "in parts of {size} bytes");
            assert_eq!(seen(&frames.open), (1, 70_000), "in parts of {size} bytes");
            assert!(!frames.malformed_close);
        }
    }

    #[test]
    fn a_fragment_counts_when_all_of_it_is_there() {
        let mut frames = Frames::default();
        let fragment = frame(0x01, b"slowly");
        frames.scan(&fragment[..fragment.len() - 1]);
        assert!(frames.all_taken());
        frames.scan(&fragment[fragment.len() - 1..]);
        assert_eq!(seen(&frames.open), (1, 6));
    }

    #[test]
    fn a_close_frame_whose_reason_is_no_text_is_noticed() {
        let closes: [(&[u8], bool); 6] = [
            (b"", false),
            (b"\x03", false),
            (b"\x03\xE8", false),
            (b"\x03\xE8good bye", false),
            (b"\x03\xE8\xFF", true),
            (b"\xFF\xFFgood \xC3", true),
        ];
        for (payload, malformed) in closes {
            let mut frames = Frames::default();
            for byte in frame(0x88, payload) {
                frames.scan(&[byte]);
            }
            assert_eq!(frames.malformed_close, malformed, "{payload:x?}");
        }
    }

    #[test]
    fn lengths_that_cannot_be_are_no_trouble() {
        let mut frames = Frames::default();
        frames.scan(&[0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0]);
        frames.scan(&[0; 4096]);
        frames.scan(&[0xFF; 4096]);
        assert!(frames.all_taken());
    }
}
