//! Any bytes as a client's frame.

use meet_signal_core::message::ClientMessage;
use serde::Deserialize;

/// Reads the bytes as a message.
///
/// # Panics
///
/// What was read, written and read again is something else; or JSON that serde reads as an object
/// with a text in `type` is no message of any type and not refused.
pub(crate) fn run(bytes: &[u8]) {
    // The WebSocket has checked that text is UTF-8.
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match ClientMessage::parse(text) {
        Ok(message) => {
            let written = serde_json::to_string(&message).expect("messages are JSON");
            let again = ClientMessage::parse(&written).expect("what is written can be read");
            assert_eq!(serde_json::to_string(&again).expect("messages are JSON"), written);
            assert_eq!(message.is_sequenced(), again.is_sequenced());
            assert_eq!(message.reference(), again.reference());
            // Passing over the rest as the envelope does: JSON may escape half a surrogate pair (RFC
            // 8259, section 8.2), which is relayed as it is, though no Rust string can hold it.
            assert!(text.trim_start().starts_with('{'), "a message is an object");
            serde_json::from_str::<Typed>(text).expect("a message has a type");
        }
        // The error says what is wrong, in text that a frame can contain.
        Err(malformed) => assert!(!malformed.to_string().is_empty()),
    }
}

#[derive(Deserialize)]
struct Typed {
    #[expect(dead_code, reason = "that it can be read is what counts")]
    r#type: String,
}
