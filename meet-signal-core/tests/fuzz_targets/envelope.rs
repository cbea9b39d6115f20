//! Any bytes as a client's frame.

use meet_signal_core::message::ClientMessage;
use serde_json::Value;

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
            let value: Value = serde_json::from_str(text).expect("a message is JSON");
            assert!(value["type"].is_string());
        }
        // Whatever is wrong with it, it says what, in a word that goes into a frame.
        Err(malformed) => assert!(!malformed.to_string().is_empty()),
    }
}
