//! What `matchbox_socket` sends to `matchbox_server`.

use serde_json::value::RawValue;

use crate::codec::{Codec, Event, Outgoing, string_after};

#[derive(Default)]
pub(crate) struct Matchbox {
    pub(super) room: String,
    pub(super) id: String,
}

impl Codec for Matchbox {
    fn path(&self) -> String {
        format!("/{}", self.room)
    }

    fn receive(&mut self, text: &str, _out: &mut Outgoing) -> Event {
        if text.starts_with(r#"{"Signal""#) {
            Event::Relayed
        } else if text.starts_with(r#"{"NewPeer""#) {
            Event::PeerJoined
        } else if let Some(id) = string_after(text, r#""IdAssigned":""#) {
            id.clone_into(&mut self.id);
            Event::Joined
        } else {
            Event::Other
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
