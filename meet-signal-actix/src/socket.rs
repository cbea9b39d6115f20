//! An upgraded connection as a [`Socket`] of the core.

use std::{fmt, net::IpAddr};

use actix_http::ws::{self, CloseCode, OpCode};
use actix_web::{dev::Payload, web::BytesMut};
use bytestring::ByteString;
use meet_signal_core::{
    CloseReason, Frame,
    handshake::HELLO_SUBPROTOCOL,
    is_going_away,
    socket::{Disconnected, Incoming, Socket},
};

use crate::{
    connection::{PendingReset, ResetHandle},
    incoming::{Fragment, Fragments},
    outgoing::Outgoing,
};

/// The connection of an upgraded request, for [`SignalUpgrade::on_socket`](crate::SignalUpgrade::on_socket):
/// serve it with the [`driver`](crate::driver), as it is or within a [`Socket`] of your own.
pub struct SignalSocket {
    fragments: Fragments,
    /// The message whose last fragment has not arrived.
    message: Option<BytesMut>,
    /// What followed the fragments that were reported.
    next: Option<Incoming<SignalText>>,
    outgoing: Outgoing,
    /// Until the close begins.
    reset_handle: Option<ResetHandle>,
    /// After that.
    pending_reset: Option<PendingReset>,
    frame_bytes: usize,
    peer_address: Option<IpAddr>,
    awaits_hello: bool,
}

/// The text of a received frame.
#[derive(Clone)]
pub struct SignalText(ByteString);

impl SignalSocket {
    pub(crate) fn new(
        payload: Payload,
        outgoing: Outgoing,
        reset_handle: Option<ResetHandle>,
        frame_bytes: usize,
        peer_address: Option<IpAddr>,
        subprotocol: Option<&str>,
    ) -> Self {
        let fragments = Fragments::new(payload, frame_bytes);
        Self {
            fragments,
            message: None,
            next: None,
            outgoing,
            reset_handle,
            pending_reset: None,
            frame_bytes,
            peer_address,
            awaits_hello: subprotocol == Some(HELLO_SUBPROTOCOL),
        }
    }

    /// Converts a fragment to an event of the core.
    fn take(&mut self, fragment: Result<Fragment, CloseReason>) -> Incoming<SignalText> {
        fragment.and_then(|fragment| self.read(fragment)).unwrap_or_else(Incoming::ProtocolError)
    }

    fn read(&mut self, fragment: Fragment) -> Result<Incoming<SignalText>, CloseReason> {
        let Fragment { last, opcode, payload } = fragment;
        let bytes = payload.len();
        match (opcode, &mut self.message) {
            (OpCode::Text, message @ None) => *message = Some(payload),
            (OpCode::Continue, Some(message)) => {
                if message.len() + bytes > self.frame_bytes {
                    return Err(CloseReason::FrameTooLarge);
                }
                message.extend_from_slice(&payload);
            }
            (OpCode::Binary, None) => return Err(CloseReason::Binary),
            (OpCode::Ping, _) if last => {
                self.outgoing.pong(&payload);
                return Ok(Incoming::Control);
            }
            (OpCode::Pong, _) if last => return Ok(Incoming::Control),
            (OpCode::Close, _) if last => {
                // It is sent even if the socket is dropped.
                self.outgoing.close(reply_to_close(&payload)?);
                self.start_reset();
                let code = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
                return Ok(match code {
                    Some(code) if is_going_away(code) => Incoming::GoingAway,
                    _ => Incoming::Closed,
                });
            }
            _ => return Err(CloseReason::NotWebSocket),
        }
        let Some(message) = self.message.take_if(|_| last) else {
            return Ok(Incoming::Partial { fragments: 1, bytes });
        };
        let text = ByteString::try_from(message).map_err(|_| CloseReason::NotUtf8)?;
        Ok(Incoming::Text(SignalText(text)))
    }

    /// Nothing more will be sent: actix has some seconds to write the remaining data.
    fn start_reset(&mut self) {
        if let Some(reset_handle) = self.reset_handle.take() {
            self.pending_reset = Some(reset_handle.reset_after_drop());
        }
    }

    /// Adds further fragments that have been read already, up to [`REPORT`].
    fn gather(&mut self, mut fragments: usize, mut bytes: usize) -> Incoming<SignalText> {
        while fragments < REPORT
            && let Some(fragment) = self.fragments.buffered()
        {
            match self.take(fragment) {
                Incoming::Partial { fragments: more, bytes: more_bytes } => {
                    fragments += more;
                    bytes += more_bytes;
                }
                next => {
                    self.next = Some(next);
                    break;
                }
            }
        }
        Incoming::Partial { fragments, bytes }
    }
}

impl Socket for SignalSocket {
    type Text = SignalText;

    async fn recv(&mut self) -> Incoming<SignalText> {
        if let Some(next) = self.next.take() {
            return next;
        }
        let Some(fragment) = self.fragments.next().await else {
            // The peer may have closed only its half of the connection, and not read.
            self.start_reset();
            return Incoming::Closed;
        };
        match self.take(fragment) {
            Incoming::Partial { fragments, bytes } => self.gather(fragments, bytes),
            incoming => incoming,
        }
    }

    async fn send(&mut self, batch: &mut Vec<Frame>) -> Result<(), Disconnected> {
        self.outgoing.send(batch).await
    }

    async fn close(&mut self, reason: CloseReason) {
        let description = Some(reason.text().into_owned());
        self.outgoing.close(Some(ws::CloseReason { code: reason.code().into(), description }));
        self.start_reset();
        self.fragments.until_closed().await;
    }

    fn peer_address(&self) -> Option<IpAddr> {
        self.peer_address
    }

    fn awaits_hello(&self) -> bool {
        self.awaits_hello
    }
}

impl AsRef<str> for SignalText {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SignalSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignalSocket").finish_non_exhaustive()
    }
}

// Without the text, because a `join` has secrets in it.
impl fmt::Debug for SignalText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignalText").field("bytes", &self.0.len()).finish()
    }
}

/// The reply to a close frame with this payload (RFC 6455, section 5.5.1): the same code, or 1002 if
/// that code must not be sent (section 7.4).
fn reply_to_close(payload: &[u8]) -> Result<Option<ws::CloseReason>, CloseReason> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return if payload.is_empty() { Ok(None) } else { Err(CloseReason::NotWebSocket) };
    };
    let reason = str::from_utf8(reason).map_err(|_| CloseReason::NotWebSocket)?;
    let reply = match u16::from_be_bytes(*code) {
        code @ (1000..=1003 | 1007..=1014 | 3000..=4999) => {
            ws::CloseReason { code: code.into(), description: Some(reason.to_owned()) }
        }
        _ => ws::CloseReason::from((CloseCode::Protocol, "no code that may be sent")),
    };
    Ok(Some(reply))
}

/// How many fragments are reported together.
const REPORT: usize = 16;

#[cfg(test)]
mod tests;
