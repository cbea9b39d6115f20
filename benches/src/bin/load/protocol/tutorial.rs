//! What pages after the tutorial send: any text, which goes to all others in the room.

use serde_json::value::RawValue;

use crate::codec::{Codec, Event, Outgoing};

pub(crate) struct Tutorial {
    pub(super) room: String,
}

impl Codec for Tutorial {
    fn path(&self) -> String {
        format!("/ws/{}", self.room)
    }

    fn is_answered(&self) -> bool {
        false
    }

    fn receive(&mut self, text: &str, _out: &mut Outgoing) -> Event {
        match text {
            "joined" => Event::PeerJoined,
            "left" => Event::Other,
            _ => Event::Relayed,
        }
    }

    fn direct(&self, _to: &str, data: &RawValue) -> String {
        format!(r#"{{"type":"signal","data":{data}}}"#)
    }
}
