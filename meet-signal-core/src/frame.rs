//! An outgoing text frame.

use std::fmt;

use bytes::Bytes;
use bytestring::ByteString;
use serde::Serialize;

/// An encoded text frame that can be sent to any number of sockets: always UTF-8, with a reference
/// count.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame(ByteString);

impl Frame {
    pub(crate) fn new(json: String) -> Self {
        Self(json.into())
    }

    pub(crate) fn encode(message: &impl Serialize) -> Self {
        Self::new(serde_json::to_string(message).expect("messages are representable as JSON"))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number of bytes of payload, without the WebSocket header.
    #[expect(clippy::len_without_is_empty, reason = "a frame holds a JSON object: never empty")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The text's bytes, without copying them.
    pub fn into_bytes(self) -> Bytes {
        self.0.into_bytes()
    }
}

// Only the length: what peers send to each other does not belong in a log.
impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({} bytes)", self.len())
    }
}
