//! Messages without any protocol around them.

use serde_json::value::RawValue;

use crate::codec::{Codec, Event, Outgoing};

pub(crate) struct Bare {
    pub(super) room: String,
}

impl Codec for Bare {
    fn path(&self) -> String {
        format!("/{}", self.room)
    }

    fn is_answered(&self) -> bool {
        false
    }

    fn announces_peers(&self) -> bool {
        false
    }

    fn receive(&mut self, _text: &str, _out: &mut Outgoing) -> Event {
        Event::Relayed
    }

    fn direct(&self, _to: &str, data: &RawValue) -> String {
        format!(r#"{{"data":{data}}}"#)
    }
}
