//! What pages after the tutorial say: whatever they like, to everybody else in the room.

use serde_json::value::RawValue;

use super::{Codec, Heard, Out};

pub(crate) struct Tutorial {
    room: String,
}

impl Tutorial {
    pub(crate) fn new(room: String) -> Self {
        Self { room }
    }
}

impl Codec for Tutorial {
    fn target(&self) -> String {
        format!("/ws/{}", self.room)
    }

    fn is_answered(&self) -> bool {
        false
    }

    fn hear(&mut self, text: &str, _out: &mut Out) -> Heard {
        match text {
            "joined" => Heard::Announced,
            "left" => Heard::Other,
            _ => Heard::Relayed,
        }
    }

    fn direct(&self, _to: &str, data: &RawValue) -> String {
        format!(r#"{{"type":"signal","data":{data}}}"#)
    }
}
