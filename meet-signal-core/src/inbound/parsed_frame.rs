//! A parsed frame.

use crate::{
    CloseReason, Limits,
    message::{ClientMessage, Malformed},
};

/// A frame after parsing, and before the check against the limits of its session.
#[derive(Debug)]
pub(crate) struct ParsedFrame<T> {
    pub(super) content: Result<T, Malformed>,
    pub(super) bytes: usize,
    reference: Option<u64>,
    sequenced: bool,
    pub(super) rate_exempt: bool,
}

impl<'a> ParsedFrame<ClientMessage<'a>> {
    /// Parses a frame's text.
    ///
    /// # Errors
    ///
    /// The frame is over [`Limits::frame_bytes`], which ends the connection.
    pub(crate) fn parse(text: &'a str, limits: &Limits) -> Result<Self, CloseReason> {
        if text.len() > limits.frame_bytes() {
            return Err(CloseReason::FrameTooLarge);
        }
        let content = ClientMessage::parse(text);
        let (reference, sequenced) = match &content {
            Ok(message) => (message.reference(), message.is_sequenced()),
            Err(malformed) => (malformed.reference, malformed.sequenced),
        };
        // `ack` and `leave` reduce the server's work.
        let rate_exempt = !sequenced || matches!(content, Ok(ClientMessage::Leave { .. }));
        Ok(Self { content, bytes: text.len(), reference, sequenced, rate_exempt })
    }
}

impl<T> ParsedFrame<T> {
    /// Converts the message.
    pub(crate) fn map<U>(self, f: impl FnOnce(T) -> U) -> ParsedFrame<U> {
        let Self { content, bytes, reference, sequenced, rate_exempt } = self;
        ParsedFrame { content: content.map(f), bytes, reference, sequenced, rate_exempt }
    }

    /// The `ref` for an error about this frame.
    pub(crate) fn reference(&self) -> Option<u64> {
        self.reference
    }

    /// Whether both ends count the frame, even if it is malformed.
    pub(crate) fn is_sequenced(&self) -> bool {
        self.sequenced
    }
}
