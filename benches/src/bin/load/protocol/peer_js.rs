//! What the `peerjs` client says to its server. There are no rooms: who calls knows whom.

use serde_json::value::RawValue;

use super::{Codec, Heard, Out};

pub(crate) struct PeerJs {
    id: String,
}

impl PeerJs {
    pub(crate) fn new(room: &str, number: usize) -> Self {
        Self { id: format!("{room}-{number}") }
    }
}

impl Codec for PeerJs {
    fn target(&self) -> String {
        format!("/peerjs?key=peerjs&id={0}&token={0}", self.id)
    }

    fn announces(&self) -> bool {
        false
    }

    fn hear(&mut self, text: &str, _out: &mut Out) -> Heard {
        match super::string_after(text, r#""type":""#).unwrap_or_default() {
            "OPEN" => Heard::Joined,
            "OFFER" => Heard::Relayed,
            "ERROR" | "ID-TAKEN" => panic!("the server is not content: {text}"),
            _ => Heard::Other,
        }
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn direct(&self, to: &str, data: &RawValue) -> String {
        format!(r#"{{"type":"OFFER","payload":{data},"dst":"{to}"}}"#)
    }

    fn broadcast(&self, _data: &RawValue) -> String {
        unreachable!("it has no broadcast")
    }
}
