//! Engine.IO 4 and Socket.IO 5, over a WebSocket from the start.

use serde_json::value::RawValue;

use super::{Codec, Heard, Out, string_after};

pub(crate) struct SocketIo {
    room: String,
    id: String,
}

impl SocketIo {
    pub(crate) fn new(room: String) -> Self {
        Self { room, id: String::new() }
    }
}

impl Codec for SocketIo {
    fn target(&self) -> String {
        "/socket.io/?EIO=4&transport=websocket".to_owned()
    }

    fn hear(&mut self, text: &str, out: &mut Out) -> Heard {
        match text.as_bytes() {
            // Engine.IO is open: connect to the default namespace.
            [b'0', ..] => out.say("40"),
            // Socket.IO is connected: join, and ask for an acknowledgement.
            [b'4', b'0', ..] => {
                let id = string_after(text, r#""sid":""#).expect("an id");
                id.clone_into(&mut self.id);
                out.say(&format!(r#"420["join","{}"]"#, self.room));
            }
            [b'4', b'3', b'0', ..] => return Heard::Joined,
            [b'2'] => out.say("3"),
            [b'4', b'2', ..] if text.starts_with(r#"42["joined""#) => return Heard::Announced,
            [b'4', b'2', ..] => return Heard::Relayed,
            [b'4', b'4', ..] => panic!("the server is not content: {text}"),
            _ => {}
        }
        Heard::Other
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

    fn leave(&mut self, out: &mut Out) {
        out.say("41");
    }
}
