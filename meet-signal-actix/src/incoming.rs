//! Reads the frames of a connection from the payload of its upgrade request.

use actix_http::ws::{OpCode, Parser, ProtocolError};
use actix_web::{dev::Payload, rt::task::yield_now, web::BytesMut};
use futures_util::StreamExt;
use meet_signal_core::CloseReason;

/// The WebSocket frames of a payload. It reads no more than a frame needs: actix stops reading from the
/// connection while 32 KiB are unread.
pub(crate) struct Fragments {
    payload: Payload,
    buffer: BytesMut,
    frame_bytes: usize,
    /// How many frames were taken since the task last waited.
    taken: usize,
    state: State,
}

/// A frame of RFC 6455, section 5.2.
pub(crate) struct Fragment {
    pub(crate) last: bool,
    pub(crate) opcode: OpCode,
    pub(crate) payload: BytesMut,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// A frame was invalid, so no further one can be read.
    Broken,
    /// The payload has ended. It must not be polled again.
    Gone,
}

impl Fragments {
    pub(crate) fn new(payload: Payload, frame_bytes: usize) -> Self {
        Self { payload, buffer: BytesMut::new(), frame_bytes, taken: 0, state: State::Open }
    }

    /// The next frame, or its error. `None` if the connection has ended. It yields to other tasks after
    /// every [`TURN`] frames, also if more are buffered.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: data that has been read is kept.
    pub(crate) async fn next(&mut self) -> Option<Result<Fragment, CloseReason>> {
        if self.taken >= TURN {
            self.taken = 0;
            yield_now().await;
        }
        loop {
            if let Some(fragment) = self.buffered() {
                return Some(fragment);
            }
            self.read().await?;
        }
    }

    /// The next frame, if it has been read.
    pub(crate) fn buffered(&mut self) -> Option<Result<Fragment, CloseReason>> {
        if self.state == State::Broken {
            return None;
        }
        let fragment = self.parse().transpose()?;
        self.taken += 1;
        if fragment.is_err() {
            self.state = State::Broken;
        }
        Some(fragment)
    }

    /// Discards further data until the other end has closed.
    pub(crate) async fn until_closed(&mut self) {
        while self.state != State::Broken {
            match self.next().await {
                Some(Ok(Fragment { opcode: OpCode::Close, .. })) | None => break,
                Some(_) => {}
            }
        }
        while self.read().await.is_some() {
            self.buffer.clear();
        }
    }

    fn parse(&mut self) -> Result<Option<Fragment>, CloseReason> {
        // actix checks the length only when the whole frame has arrived, which may be gigabytes.
        if announced_bytes(&self.buffer).is_some_and(|length| length > self.frame_bytes as u64) {
            return Err(CloseReason::FrameTooLarge);
        }
        match Parser::parse(&mut self.buffer, true, self.frame_bytes) {
            Ok(None) => Ok(None),
            Ok(Some((last, opcode, payload))) => {
                if self.buffer.is_empty() {
                    // The fragment owns the memory; an idle connection keeps none.
                    self.buffer = BytesMut::new();
                }
                Ok(Some(Fragment { last, opcode, payload: payload.unwrap_or_default() }))
            }
            Err(ProtocolError::Overflow) => Err(CloseReason::FrameTooLarge),
            Err(_) => Err(CloseReason::NotWebSocket),
        }
    }

    async fn read(&mut self) -> Option<()> {
        if self.state == State::Gone {
            return None;
        }
        let Some(Ok(chunk)) = self.payload.next().await else {
            self.state = State::Gone;
            return None;
        };
        self.buffer.extend_from_slice(&chunk);
        Some(())
    }
}

/// The length in the header of the frame at the start of `buffer` (RFC 6455, section 5.2), if it has
/// arrived.
fn announced_bytes(buffer: &[u8]) -> Option<u64> {
    match buffer.get(1)? & 0x7f {
        126 => Some(u16::from_be_bytes(*buffer.get(2..)?.first_chunk()?).into()),
        127 => Some(u64::from_be_bytes(*buffer.get(2..)?.first_chunk()?)),
        length => Some(length.into()),
    }
}

/// How many frames are taken before other tasks run: some microseconds of work.
const TURN: usize = 64;
