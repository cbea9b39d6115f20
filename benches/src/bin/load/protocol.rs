//! The protocols of the servers.

mod bare;
mod matchbox;
mod meet_signal;
mod peer_js;
mod socket_io;
mod tutorial;
mod y_webrtc;

use clap::ValueEnum;

use self::{
    bare::Bare, matchbox::Matchbox, meet_signal::MeetSignal, peer_js::PeerJs, socket_io::SocketIo,
    tutorial::Tutorial, y_webrtc::YWebrtc,
};
use crate::{codec::Codec, websocket::Framing};

/// The protocol of a server.
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
    /// Text frames between two WebSockets, or from one to many.
    Bare,
    /// A TCP connection between two.
    Tcp,
}

impl Protocol {
    /// A participant, number `number`, of a room.
    pub(crate) fn codec(self, room: &str, number: usize) -> Box<dyn Codec> {
        let room = room.to_owned();
        match self {
            Self::MeetSignal => Box::new(MeetSignal { room, ..Default::default() }),
            Self::Matchbox => Box::new(Matchbox { room, ..Default::default() }),
            Self::SocketIo => Box::new(SocketIo { room, ..Default::default() }),
            Self::PeerJs => Box::new(PeerJs { id: format!("{room}-{number}") }),
            Self::Tutorial => Box::new(Tutorial { room }),
            Self::YWebrtc => Box::new(YWebrtc::new(room, number)),
            Self::Bare | Self::Tcp => Box::new(Bare { room }),
        }
    }

    /// Whether the server sends one message to all of a room. If not, its clients send one to each.
    pub(crate) fn has_broadcast(self) -> bool {
        !matches!(self, Self::Matchbox | Self::PeerJs)
    }

    /// How messages of `length` bytes are framed.
    pub(crate) fn framing(self, length: usize) -> Framing {
        match self {
            Self::Tcp => Framing::Fixed(length),
            _ => Framing::WebSocket,
        }
    }
}
