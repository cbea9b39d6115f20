//! `meet-signal.v1`, with everything that the protocol asks of a client: answers to pings, and
//! acknowledgements.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Codec, Heard, Out, Session, string_after};

pub(crate) struct MeetSignal {
    room: String,
    id: String,
    session: Session,
    resuming: bool,
    /// What was received since the last acknowledgement.
    unacknowledged: Unacknowledged,
}

#[derive(Default)]
struct Unacknowledged {
    frames: usize,
    bytes: usize,
}

#[derive(Deserialize)]
struct Welcome<'a> {
    #[serde(rename = "self")]
    own: Own<'a>,
    ticket: &'a str,
    resumed: &'a str,
}

#[derive(Deserialize)]
struct Own<'a> {
    id: &'a str,
}

impl MeetSignal {
    pub(crate) fn new(room: String) -> Self {
        Self {
            room,
            id: String::new(),
            session: Session::default(),
            resuming: false,
            unacknowledged: Unacknowledged::default(),
        }
    }

    fn welcomed(&mut self, text: &str) -> Heard {
        let welcome: Welcome<'_> = serde_json::from_str(text).expect("a welcome");
        welcome.own.id.clone_into(&mut self.id);
        welcome.ticket.clone_into(&mut self.session.ticket);
        match welcome.resumed {
            "full" => Heard::Resumed,
            _ => {
                self.session.received = 0;
                Heard::Joined
            }
        }
    }

    fn count(&mut self, bytes: usize, out: &mut Out) {
        self.session.received += 1;
        self.unacknowledged.frames += 1;
        self.unacknowledged.bytes += bytes;
        if self.unacknowledged.frames >= ACK_FRAMES || self.unacknowledged.bytes >= ACK_BYTES {
            self.unacknowledged = Unacknowledged::default();
            out.say(&format!(r#"{{"type":"ack","received":{}}}"#, self.session.received));
        }
    }
}

impl Codec for MeetSignal {
    fn target(&self) -> String {
        format!("/signal/{}", self.room)
    }

    fn subprotocol(&self) -> Option<&'static str> {
        Some("meet-signal.v1")
    }

    fn greet(&mut self, out: &mut Out) {
        let Session { ticket, received } = &self.session;
        if self.resuming {
            out.say(&format!(
                r#"{{"type":"join","resume":{{"ticket":"{ticket}","received":{received}}}}}"#
            ));
        } else {
            out.say(r#"{"type":"join","meta":{"name":"A participant"}}"#);
        }
    }

    fn hear(&mut self, text: &str, out: &mut Out) -> Heard {
        let heard = match string_after(text, r#""type":""#).unwrap_or_default() {
            "ping" => {
                self.unacknowledged = Unacknowledged::default();
                out.say(&format!(r#"{{"type":"pong","received":{}}}"#, self.session.received));
                return Heard::Other;
            }
            "welcome" => return self.welcomed(text),
            "signal" | "broadcast" => Heard::Relayed,
            "joined" => Heard::Announced,
            "error" => panic!("the server is not content: {text}"),
            _ => Heard::Other,
        };
        self.count(text.len(), out);
        heard
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn direct(&self, to: &str, data: &RawValue) -> String {
        format!(r#"{{"type":"signal","to":"{to}","data":{data}}}"#)
    }

    fn broadcast(&self, data: &RawValue) -> String {
        format!(r#"{{"type":"broadcast","data":{data}}}"#)
    }

    fn leave(&mut self, out: &mut Out) {
        out.say(r#"{"type":"leave"}"#);
    }

    fn resume(&mut self, before: &Session) {
        self.session = before.clone();
        self.resuming = true;
    }

    fn session(&self) -> Session {
        self.session.clone()
    }
}

/// When the protocol wants an acknowledgement: after so many frames, or so many bytes.
const ACK_FRAMES: usize = 32;
const ACK_BYTES: usize = 32 * 1024;
