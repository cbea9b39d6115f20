//! What the y-webrtc provider sends to its signaling server: it publishes to all subscribers of a topic.

use serde_json::value::RawValue;

use crate::codec::{Codec, Event, Outgoing};

pub(crate) struct YWebrtc {
    topic: String,
    /// The beginning of what this participant publishes, which the server also sends back to it.
    own: String,
}

impl YWebrtc {
    pub(crate) fn new(topic: String, number: usize) -> Self {
        let own = format!(r#"{{"type":"publish","topic":"{topic}","data":{{"from":{number},"#);
        Self { topic, own }
    }
}

impl Codec for YWebrtc {
    fn path(&self) -> String {
        "/".to_owned()
    }

    fn open(&mut self, out: &mut Outgoing) {
        out.push(&format!(r#"{{"type":"subscribe","topics":["{}"]}}"#, self.topic));
        // The server does not answer a subscription. It answers a ping, in order.
        out.push(r#"{"type":"ping"}"#);
    }

    fn announces_peers(&self) -> bool {
        false
    }

    fn receive(&mut self, text: &str, _out: &mut Outgoing) -> Event {
        if text == r#"{"type":"pong"}"# {
            Event::Joined
        } else if text.starts_with(&self.own) {
            Event::Other
        } else {
            Event::Relayed
        }
    }

    fn direct(&self, _to: &str, data: &RawValue) -> String {
        format!(r#"{}"data":{data}}}}}"#, self.own)
    }
}
