//! What the y-webrtc provider says to its signaling server: topics, and publishing to all of one.

use serde_json::value::RawValue;

use super::{Codec, Heard, Out};

pub(crate) struct YWebrtc {
    topic: String,
    /// How what this participant publishes begins: the server sends it back, too.
    own: String,
}

impl YWebrtc {
    pub(crate) fn new(topic: String, number: usize) -> Self {
        let own = format!(r#"{{"type":"publish","topic":"{topic}","data":{{"from":{number},"#);
        Self { topic, own }
    }
}

impl Codec for YWebrtc {
    fn target(&self) -> String {
        "/".to_owned()
    }

    fn greet(&mut self, out: &mut Out) {
        out.say(&format!(r#"{{"type":"subscribe","topics":["{}"]}}"#, self.topic));
        // Subscribing is not answered, but this is, and after it.
        out.say(r#"{"type":"ping"}"#);
    }

    fn announces(&self) -> bool {
        false
    }

    fn hear(&mut self, text: &str, _out: &mut Out) -> Heard {
        if text == r#"{"type":"pong"}"# {
            Heard::Joined
        } else if text.starts_with(&self.own) {
            Heard::Other
        } else {
            Heard::Relayed
        }
    }

    fn direct(&self, _to: &str, data: &RawValue) -> String {
        format!(r#"{}"data":{data}}}}}"#, self.own)
    }
}
