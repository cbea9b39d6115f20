//! What each kind of server wants to hear.

mod bare;
mod matchbox;
mod meet_signal;
mod peer_js;
mod socket_io;
mod tutorial;
mod y_webrtc;

use clap::ValueEnum;
use serde_json::value::RawValue;

use crate::websocket::{self, Framing};

/// Which protocol a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Protocol {
    /// meet-signal.
    MeetSignal,
    /// matchbox_server.
    Matchbox,
    /// Socket.IO, with the handlers of `benches/peers`.
    SocketIo,
    /// The PeerJS server.
    PeerJs,
    /// The broadcasting manager of the FastAPI tutorial.
    Tutorial,
    /// The signaling server of y-webrtc.
    YWebrtc,
    /// A WebSocket between two, or from one to many, and nothing said about it.
    Bare,
    /// A TCP connection between two.
    Tcp,
}

/// One participant's side of a protocol.
pub(crate) trait Codec {
    /// What is asked for by the upgrade.
    fn target(&self) -> String;

    /// What is offered by the upgrade.
    fn subprotocol(&self) -> Option<&'static str> {
        None
    }

    /// What is said at first.
    fn greet(&mut self, _out: &mut Out) {}

    /// Whether the greeting is answered, with something that [`hear`](Self::hear) calls
    /// [`Heard::Joined`].
    fn is_answered(&self) -> bool {
        true
    }

    /// Whether those who are there hear of those who come.
    fn announces(&self) -> bool {
        true
    }

    /// Understands a message, and says what is to be said at once.
    fn hear(&mut self, text: &str, out: &mut Out) -> Heard;

    /// By what others address this participant.
    fn id(&self) -> &str {
        ""
    }

    /// The message that brings `data` to one other.
    fn direct(&self, to: &str, data: &RawValue) -> String;

    /// The message that brings `data` to everybody else; see [`Protocol::has_broadcast`].
    fn broadcast(&self, data: &RawValue) -> String {
        self.direct("", data)
    }

    /// What is said before the socket is closed.
    fn leave(&mut self, _out: &mut Out) {}

    /// Says, instead of the greeting, that this participant is `before` again, who lost its socket.
    fn resume(&mut self, _before: &Session) {
        unreachable!("nothing but meet-signal is asked to resume");
    }

    /// What a resume needs.
    fn session(&self) -> Session {
        unreachable!("nothing but meet-signal is asked to resume");
    }
}

/// What outlives a socket.
#[derive(Debug, Clone, Default)]
pub(crate) struct Session {
    pub(crate) ticket: String,
    pub(crate) received: u64,
}

/// What a message means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// This participant is in the room.
    Joined,
    /// This participant is in the room again, and has missed nothing.
    Resumed,
    /// Somebody else came.
    Announced,
    /// Something that another participant sent.
    Relayed,
    /// Nothing of interest.
    Other,
}

/// Text frames to be sent.
#[derive(Debug, Default)]
pub(crate) struct Out(pub(crate) Vec<u8>);

impl Out {
    pub(crate) fn say(&mut self, text: &str) {
        websocket::append_text(&mut self.0, text);
    }
}

impl Protocol {
    /// A participant, number `number`, of a room.
    pub(crate) fn codec(self, room: &str, number: usize) -> Box<dyn Codec> {
        let room = room.to_owned();
        match self {
            Self::MeetSignal => Box::new(meet_signal::MeetSignal::new(room)),
            Self::Matchbox => Box::new(matchbox::Matchbox::new(room)),
            Self::SocketIo => Box::new(socket_io::SocketIo::new(room)),
            Self::PeerJs => Box::new(peer_js::PeerJs::new(&room, number)),
            Self::Tutorial => Box::new(tutorial::Tutorial::new(room)),
            Self::YWebrtc => Box::new(y_webrtc::YWebrtc::new(room, number)),
            Self::Bare | Self::Tcp => Box::new(bare::Bare::new(room)),
        }
    }

    /// Whether a server brings one message to all of a room. Where none does, its clients send one to
    /// each.
    pub(crate) fn has_broadcast(self) -> bool {
        !matches!(self, Self::Matchbox | Self::PeerJs)
    }

    /// How messages of `length` bytes are told apart.
    pub(crate) fn framing(self, length: usize) -> Framing {
        match self {
            Self::Tcp => Framing::Fixed(length),
            _ => Framing::WebSocket,
        }
    }
}

/// The JSON string right after `key`, of which only that it has no escapes is asked.
fn string_after<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let start = text.find(key)? + key.len();
    let end = start + text[start..].find('"')?;
    Some(&text[start..end])
}
