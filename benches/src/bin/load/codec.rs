//! What a protocol is to the load generator.

use serde_json::value::RawValue;

use crate::websocket;

/// One participant's side of a protocol.
pub(crate) trait Codec {
    /// The path and the query of the upgrade request.
    fn path(&self) -> String;

    /// The subprotocol that the upgrade request offers.
    fn subprotocol(&self) -> Option<&'static str> {
        None
    }

    /// Sends the first messages.
    fn open(&mut self, _out: &mut Outgoing) {}

    /// Whether the server answers a join, with what [`receive`](Self::receive) takes for
    /// [`Event::Joined`].
    fn is_answered(&self) -> bool {
        true
    }

    /// Whether the server announces a participant to those in the room.
    fn announces_peers(&self) -> bool {
        true
    }

    /// Reads a message, and sends what it has to be answered with.
    fn receive(&mut self, text: &str, out: &mut Outgoing) -> Event;

    /// The address of this participant, for the others.
    fn id(&self) -> &str {
        ""
    }

    /// The message that brings `data` to one other.
    fn direct(&self, to: &str, data: &RawValue) -> String;

    /// The message that brings `data` to all others; see `Protocol::has_broadcast`.
    fn broadcast(&self, data: &RawValue) -> String {
        self.direct("", data)
    }

    /// Sends what precedes the end of the connection.
    fn leave(&mut self, _out: &mut Outgoing) {}

    /// Makes [`open`](Self::open) resume a session that lost its socket, instead of joining.
    fn resume(&mut self, _before: &Session) {
        unreachable!("only meet-signal has sessions");
    }

    /// What resuming needs.
    fn session(&self) -> Session {
        unreachable!("only meet-signal has sessions");
    }
}

/// What a participant keeps when it loses its socket.
#[derive(Debug, Clone, Default)]
pub(crate) struct Session {
    pub(crate) ticket: String,
    pub(crate) received: u64,
}

/// What a message means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// This participant is in the room.
    Joined,
    /// This participant has resumed, and has missed nothing.
    Resumed,
    /// Another participant joined.
    PeerJoined,
    /// Another participant sent this.
    Relayed,
    /// Anything else.
    Other,
}

/// Frames to be sent.
#[derive(Debug, Default)]
pub(crate) struct Outgoing(pub(crate) Vec<u8>);

impl Outgoing {
    pub(crate) fn push(&mut self, text: &str) {
        websocket::append_text(&mut self.0, text);
    }
}

/// The JSON string right after `key`, which must have no escapes.
pub(crate) fn string_after<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let start = text.find(key)? + key.len();
    let end = start + text[start..].find('"')?;
    Some(&text[start..end])
}
