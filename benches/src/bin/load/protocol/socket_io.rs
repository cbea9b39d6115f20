//! Engine.IO 4 and Socket.IO 5, over a WebSocket from the start.

use serde_json::value::RawValue;

use crate::codec::{Codec, Event, Outgoing, string_after};

#[derive(Default)]
pub(crate) struct SocketIo {
    pub(super) room: String,
    pub(super) id: String,
}

impl Codec for SocketIo {
    fn path(&self) -> String {
        "/socket.io/?EIO=4&transport=websocket".to_owned()
    }

    fn receive(&mut self, text: &str, out: &mut Outgoing) -> Event {
        match text.as_bytes() {
            // Engine.IO is open: connect to the default namespace.
            [b'0', ..] => out.push("40"),
            // Socket.IO is connected: join, and ask for an acknowledgement.
            [b'4', b'0', ..] => {
                let id = string_after(text, r#""sid":""#).expect("an id");
                id.clone_into(&mut self.id);
                out.push(&format!(r#"420["join","{}"]"#, self.room));
            }
            [b'4', b'3', b'0', ..] => return Event::Joined,
            [b'2'] => out.push("3"),
            [b'4', b'2', ..] if text.starts_with(r#"42["joined""#) => return Event::PeerJoined,
            [b'4', b'2', ..] => return Event::Relayed,
            [b'4', b'4', ..] => panic!("the server refuses: {text}"),
            _ => {}
        }
        Event::Other
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn direct(&self, to: &str, data: &RawValue) -> String {
        format!(r#"42["signal",{{"to":"{to}","data":{data}}}]"#)
    }

    fn broadcast(&self, data: &RawValue) -> String {
        format!(r#"42["broadcast",{data}]"#)
    }

    fn leave(&mut self, out: &mut Outgoing) {
        out.push("41");
    }
}
