//! `meet-signal.v1`, with everything that the protocol asks of a client: answers to pings, and
//! acknowledgements.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::codec::{Codec, Event, Outgoing, Session, string_after};

#[derive(Default)]
pub(crate) struct MeetSignal {
    pub(super) room: String,
    pub(super) id: String,
    pub(super) session: Session,
    pub(super) resuming: bool,
    /// What was received since the last acknowledgement.
    pub(super) unacknowledged: Unacknowledged,
}

#[derive(Default)]
pub(super) struct Unacknowledged {
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
    fn welcomed(&mut self, text: &str) -> Event {
        let welcome: Welcome<'_> = serde_json::from_str(text).expect("a welcome");
        welcome.own.id.clone_into(&mut self.id);
        welcome.ticket.clone_into(&mut self.session.ticket);
        match welcome.resumed {
            "full" => Event::Resumed,
            _ => {
                self.session.received = 0;
                Event::Joined
            }
        }
    }

    fn count(&mut self, bytes: usize, out: &mut Outgoing) {
        self.session.received += 1;
        self.unacknowledged.frames += 1;
        self.unacknowledged.bytes += bytes;
        if self.unacknowledged.frames >= ACK_FRAMES || self.unacknowledged.bytes >= ACK_BYTES {
            self.unacknowledged = Unacknowledged::default();
            out.push(&format!(r#"{{"type":"ack","received":{}}}"#, self.session.received));
        }
    }
}

impl Codec for MeetSignal {
    fn path(&self) -> String {
        format!("/signal/{}", self.room)
    }

    fn subprotocol(&self) -> Option<&'static str> {
        Some("meet-signal.v1")
    }

    fn open(&mut self, out: &mut Outgoing) {
        let Session { ticket, received } = &self.session;
        if self.resuming {
            out.push(&format!(
                r#"{{"type":"join","resume":{{"ticket":"{ticket}","received":{received}}}}}"#
            ));
        } else {
            out.push(r#"{"type":"join","meta":{"name":"A participant"}}"#);
        }
    }

    fn receive(&mut self, text: &str, out: &mut Outgoing) -> Event {
        let event = match string_after(text, r#""type":""#).unwrap_or_default() {
            "ping" => {
                self.unacknowledged = Unacknowledged::default();
                out.push(&format!(r#"{{"type":"pong","received":{}}}"#, self.session.received));
                return Event::Other;
            }
            "welcome" => return self.welcomed(text),
            "signal" | "broadcast" => Event::Relayed,
            "joined" => Event::PeerJoined,
            "error" => panic!("the server refuses: {text}"),
            _ => Event::Other,
        };
        self.count(text.len(), out);
        event
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

    fn leave(&mut self, out: &mut Outgoing) {
        out.push(r#"{"type":"leave"}"#);
    }

    fn resume(&mut self, before: &Session) {
        self.session = before.clone();
        self.resuming = true;
    }

    fn session(&self) -> Session {
        self.session.clone()
    }
}

/// The protocol asks for an acknowledgement after so many frames, or so many bytes.
const ACK_FRAMES: usize = 32;
const ACK_BYTES: usize = 32 * 1024;
