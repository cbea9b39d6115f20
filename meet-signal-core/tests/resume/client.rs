//! A client as the protocol wants it.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};

/// It keeps what it said until the server has it, and counts what it has handled.
///
/// It asks on one connection at a time: whoever asks on a newer one has given the older attempts up,
/// and does not read their answers. On the connection that it had before it reads on until the newer
/// one's welcome, where `patient`.
#[derive(Debug, Default)]
pub(crate) struct Client {
    patient: bool,
    pub(crate) ticket: Option<String>,
    pub(crate) id: Option<String>,
    pub(crate) handled: u64,
    /// What it has said since the counting began, and from where on the server may lack it.
    pub(crate) said: Vec<u64>,
    pub(crate) unacknowledged: VecDeque<(u64, String)>,
    /// The connection of the last welcome that it read, and the one on which it asks.
    pub(crate) current: Option<usize>,
    pub(crate) asking: Option<usize>,
    /// Who is in the room, as it puts it together.
    pub(crate) view: BTreeMap<String, bool>,
}

/// What the client does because of a frame.
#[derive(Debug, PartialEq)]
pub(crate) enum Reading {
    /// It is of a connection that was given up, or came before.
    Ignored,
    /// It goes on by this welcome, and sends these again.
    Welcomed(Vec<String>),
    /// It is the frame of this number.
    Handled(u64),
}

impl Client {
    pub(crate) fn new(patient: bool) -> Self {
        Self { patient, ..Self::default() }
    }

    /// The first message on a new connection, and what it claims to have handled.
    pub(crate) fn ask(&mut self, wire: usize) -> (String, u64) {
        self.asking = Some(wire);
        if !self.patient {
            self.current = None;
        }
        let join = match &self.ticket {
            Some(ticket) => {
                let resume = json!({"ticket": ticket, "received": self.handled});
                json!({"type": "join", "resume": resume})
            }
            None => json!({"type": "join"}),
        };
        (join.to_string(), self.handled)
    }

    pub(crate) fn say(&mut self, n: u64, text: &str) {
        self.said.push(n);
        self.unacknowledged.push_back((self.said.len() as u64, text.to_owned()));
    }

    pub(crate) fn lost(&mut self, wire: usize) {
        for slot in [&mut self.current, &mut self.asking] {
            slot.take_if(|lost| *lost == wire);
        }
    }

    /// Reads a frame of a connection, which is the `number`th that is counted there.
    pub(crate) fn read(&mut self, wire: usize, number: u64, frame: &Value) -> Reading {
        if frame["type"] == "welcome" {
            if self.asking != Some(wire) {
                return Reading::Ignored;
            }
            (self.asking, self.current) = (None, Some(wire));
            return Reading::Welcomed(self.welcome(frame));
        }
        if self.current != Some(wire) || number <= self.handled {
            return Reading::Ignored;
        }
        assert_eq!(number, self.handled + 1, "a hole before {frame}");
        self.handled = number;
        self.see(frame);
        Reading::Handled(number)
    }

    fn welcome(&mut self, welcome: &Value) -> Vec<String> {
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let received = welcome["received"].as_u64().expect("a number");
        let (id, ticket) = (text(&welcome["self"]["id"]), text(&welcome["ticket"]));
        match welcome["resumed"].as_str() {
            Some("full") => {
                self.unacknowledged.retain(|(number, _)| *number > received);
                assert_eq!((Some(id), Some(ticket)), (self.id.clone(), self.ticket.clone()));
                return self.unacknowledged.iter().map(|(_, text)| text.clone()).collect();
            }
            Some("partial") => {
                assert_eq!((Some(&id), Some(&ticket)), (self.id.as_ref(), self.ticket.as_ref()));
            }
            _ => {}
        }
        assert_eq!(received, 0);
        (self.id, self.ticket) = (Some(id), Some(ticket));
        self.handled = 0;
        self.said.clear();
        self.unacknowledged.clear();
        let peers = welcome["peers"].as_array().expect("a list");
        self.view =
            peers.iter().map(|peer| (text(&peer["id"]), peer["status"] == "away")).collect();
        Vec::new()
    }

    fn see(&mut self, frame: &Value) {
        let peer = || frame["peer"].as_str().expect("an id");
        match frame["type"].as_str() {
            Some("joined") => {
                let id = frame["peer"]["id"].as_str().expect("an id");
                let known = self.view.insert(id.to_owned(), false);
                assert_eq!(known, None, "announced twice");
            }
            Some("left") => {
                assert!(self.view.remove(peer()).is_some(), "who leaves was announced");
            }
            Some("status") => {
                let away = self.view.get_mut(peer()).expect("announced before");
                *away = frame["status"] == "away";
            }
            _ => {}
        }
    }
}
