//! A connection of actix as the core sees it.

use actix_http::ws::{self, OpCode, Parser};
use actix_web::{dev::Payload, web::BytesMut};
use bytestring::ByteString;
use meet_signal_core::{
    CloseReason, Frame,
    socket::{Incoming, Lost, Socket},
};

use crate::{
    incoming::{Fragment, Fragments},
    outgoing::Outgoing,
};

pub(crate) struct ActixSocket {
    fragments: Fragments,
    /// The message whose last fragment has not come.
    message: Option<BytesMut>,
    outgoing: Outgoing,
    frame_bytes: usize,
}

impl ActixSocket {
    pub(crate) fn new(payload: Payload, outgoing: Outgoing, frame_bytes: usize) -> Self {
        let fragments = Fragments::new(payload, frame_bytes);
        Self { fragments, message: None, outgoing, frame_bytes }
    }

    /// What a fragment is to the core: nothing, while its message has not come to its end.
    fn take(&mut self, fragment: Fragment) -> Result<Option<Incoming<ByteString>>, CloseReason> {
        let Fragment { last, opcode, payload } = fragment;
        match (opcode, &mut self.message) {
            (OpCode::Text, message @ None) => *message = Some(payload),
            (OpCode::Continue, Some(message)) => {
                if message.len() + payload.len() > self.frame_bytes {
                    return Err(CloseReason::FrameTooLarge);
                }
                message.extend_from_slice(&payload);
            }
            (OpCode::Binary, None) => return Err(CloseReason::Binary),
            (OpCode::Ping, _) if last => {
                self.outgoing.pong(&payload);
                return Ok(Some(Incoming::Control));
            }
            (OpCode::Pong, _) if last => return Ok(Some(Incoming::Control)),
            (OpCode::Close, _) if last => {
                let reason = Parser::try_parse_close_payload(&payload);
                // It is sent, though the socket is dropped.
                self.outgoing.close(reason.map_err(|_| CloseReason::NotWebSocket)?);
                return Ok(Some(Incoming::Closed));
            }
            _ => return Err(CloseReason::NotWebSocket),
        }
        let Some(message) = self.message.take_if(|_| last) else { return Ok(None) };
        let text = ByteString::try_from(message).map_err(|_| CloseReason::NotUtf8)?;
        Ok(Some(Incoming::Text(text)))
    }
}

impl Socket for ActixSocket {
    type Text = ByteString;

    async fn recv(&mut self) -> Incoming<ByteString> {
        loop {
            let taken = match self.fragments.next().await {
                Some(fragment) => fragment.and_then(|fragment| self.take(fragment)),
                None => return Incoming::Closed,
            };
            match taken {
                Ok(Some(incoming)) => return incoming,
                Ok(None) => {}
                Err(reason) => return Incoming::Refused(reason),
            }
        }
    }

    async fn send(&mut self, batch: &mut Vec<Frame>) -> Result<(), Lost> {
        self.outgoing.send(batch).await
    }

    async fn close(&mut self, reason: CloseReason) {
        let description = Some(reason.text().into_owned());
        self.outgoing.close(Some(ws::CloseReason { code: reason.code().into(), description }));
        self.fragments.until_closed().await;
    }
}
