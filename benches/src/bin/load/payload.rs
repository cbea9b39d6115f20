//! What participants send: the size and the escapes of what browsers send.

use serde_json::value::{RawValue, to_raw_value};

/// Some JSON.
#[derive(Debug, Clone)]
pub(crate) struct Payload(Box<RawValue>);

impl Payload {
    /// A session description of `bytes` bytes of JSON.
    pub(crate) fn description(bytes: usize) -> Self {
        Self::of(&meet_signal_benches::description(bytes))
    }

    /// A candidate.
    pub(crate) fn candidate() -> Self {
        Self::of(&serde_json::json!({
            "candidate": "candidate:842163049 1 udp 1677729535 203.0.113.7 46154 typ srflx \
                raddr 10.0.17.1 rport 46154 generation 0 ufrag EsAw network-cost 999",
            "sdpMLineIndex": 0,
            "sdpMid": "0",
        }))
    }

    pub(crate) fn data(&self) -> &RawValue {
        &self.0
    }

    /// Whether a message brings it, byte for byte.
    pub(crate) fn is_in(&self, message: &[u8]) -> bool {
        let data = self.0.get().as_bytes();
        let head = &data[..HEAD];
        let at = message.windows(HEAD).position(|window| window == head);
        at.is_some_and(|at| message[at..].starts_with(data))
    }

    fn of(value: &serde_json::Value) -> Self {
        Self(to_raw_value(value).expect("JSON"))
    }
}

/// How many bytes of a payload occur nowhere else in a message.
const HEAD: usize = 8;
