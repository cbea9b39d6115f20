//! What the `peerjs` client sends to its server. There are no rooms: the caller knows the other's id.

use serde_json::value::RawValue;

use crate::codec::{Codec, Event, Outgoing, string_after};

pub(crate) struct PeerJs {
    pub(super) id: String,
}

impl Codec for PeerJs {
    fn path(&self) -> String {
        format!("/peerjs?key=peerjs&id={0}&token={0}", self.id)
    }

    fn announces_peers(&self) -> bool {
        false
    }

    fn receive(&mut self, text: &str, _out: &mut Outgoing) -> Event {
        match string_after(text, r#""type":""#).unwrap_or_default() {
            "OPEN" => Event::Joined,
            "OFFER" => Event::Relayed,
            "ERROR" | "ID-TAKEN" => panic!("the server refuses: {text}"),
            _ => Event::Other,
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
