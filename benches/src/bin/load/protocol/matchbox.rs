//! What `matchbox_socket` says to `matchbox_server`.

use serde_json::value::RawValue;

use super::{Codec, Heard, Out, string_after};

pub(crate) struct Matchbox {
    room: String,
    id: String,
}

impl Matchbox {
    pub(crate) fn new(room: String) -> Self {
        Self { room, id: String::new() }
    }
}

impl Codec for Matchbox {
    fn target(&self) -> String {
        format!("/{}", self.room)
    }

    fn hear(&mut self, text: &str, _out: &mut Out) -> Heard {
        if text.starts_with(r#"{"Signal""#) {
            Heard::Relayed
        } else if text.starts_with(r#"{"NewPeer""#) {
            Heard::Announced
        } else if let Some(id) = string_after(text, r#""IdAssigned":""#) {
            id.clone_into(&mut self.id);
            Heard::Joined
        } else {
            Heard::Other
        }
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn direct(&self, to: &str, data: &RawValue) -> String {
        format!(r#"{{"Signal":{{"receiver":"{to}","data":{data}}}}}"#)
    }

    fn broadcast(&self, _data: &RawValue) -> String {
        unreachable!("it has no broadcast")
    }
}
