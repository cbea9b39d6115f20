//! Nothing but messages.

use serde_json::value::RawValue;

use super::{Codec, Heard, Out};

pub(crate) struct Bare {
    room: String,
}

impl Bare {
    pub(crate) fn new(room: String) -> Self {
        Self { room }
    }
}

impl Codec for Bare {
    fn target(&self) -> String {
        format!("/{}", self.room)
    }

    fn is_answered(&self) -> bool {
        false
    }

    fn announces(&self) -> bool {
        false
    }

    fn hear(&mut self, _text: &str, _out: &mut Out) -> Heard {
        Heard::Relayed
    }

    fn direct(&self, _to: &str, data: &RawValue) -> String {
        format!(r#"{{"data":{data}}}"#)
    }
}
