//! A client that follows the protocol.

use std::collections::VecDeque;

use meet_signal_core::{
    PeerId,
    testing::model::{Message, View},
};
use serde_json::Value;

/// It keeps its messages until the server has handled them, and counts the frames that it has handled.
///
/// It joins on one connection at a time: with a newer attempt it gives the older ones up, and does not
/// read their answers. If it `reads_on`, it reads its former connection until the welcome on the newer
/// one.
#[derive(Debug, Default)]
pub(crate) struct Client {
    reads_on: bool,
    ticket: Option<String>,
    pub(crate) id: Option<PeerId>,
    pub(crate) handled: u64,
    /// The messages of the current sequence of numbers, and those that the server may not have.
    pub(crate) said: Vec<Message>,
    unacknowledged: VecDeque<(u64, Message)>,
    /// The connection of the last welcome that it read, and the one on which it joins.
    pub(crate) current: Option<usize>,
    pub(crate) joining: Option<usize>,
    pub(crate) view: View,
}

/// The first message on a connection.
#[derive(Debug)]
pub(crate) struct Join {
    pub(crate) ticket: Option<String>,
    pub(crate) received: u64,
}

/// What the client does because of a frame.
#[derive(Debug, PartialEq)]
pub(crate) enum Reading {
    /// Nothing: the connection was given up, or the client has handled the frame before.
    Ignored,
    /// It has a session, and sends these messages again.
    Welcomed(Vec<Message>),
    /// It handles the frame of this number.
    Handled(u64),
}

impl Client {
    pub(crate) fn new(reads_on: bool) -> Self {
        Self { reads_on, ..Self::default() }
    }

    pub(crate) fn join(&mut self, wire: usize) -> Join {
        self.joining = Some(wire);
        if !self.reads_on {
            self.current = None;
        }
        Join { ticket: self.ticket.clone(), received: self.handled }
    }

    pub(crate) fn say(&mut self, message: Message) {
        self.said.push(message);
        self.unacknowledged.push_back((self.said.len() as u64, message));
    }

    pub(crate) fn lost(&mut self, wire: usize) {
        for slot in [&mut self.current, &mut self.joining] {
            slot.take_if(|lost| *lost == wire);
        }
    }

    /// Reads a frame of a connection: the one of this number, if it is counted.
    pub(crate) fn read(&mut self, wire: usize, number: u64, frame: &Value) -> Reading {
        if frame["type"] == "welcome" {
            if self.joining != Some(wire) {
                return Reading::Ignored;
            }
            (self.joining, self.current) = (None, Some(wire));
            return Reading::Welcomed(self.welcome(frame));
        }
        if self.current != Some(wire) || number <= self.handled {
            return Reading::Ignored;
        }
        assert_eq!(number, self.handled + 1, "a hole before {frame}");
        self.handled = number;
        self.view.handle(frame);
        Reading::Handled(number)
    }

    fn welcome(&mut self, welcome: &Value) -> Vec<Message> {
        let received = welcome["received"].as_u64().expect("a number");
        let id = welcome["self"]["id"].as_str().expect("text").parse().expect("an id");
        let ticket = welcome["ticket"].as_str().expect("a ticket").to_owned();
        match welcome["resumed"].as_str() {
            Some("full") => {
                self.unacknowledged.retain(|(number, _)| *number > received);
                assert_eq!((Some(id), Some(ticket)), (self.id, self.ticket.clone()));
                return self.unacknowledged.iter().map(|(_, message)| *message).collect();
            }
            Some("partial") => {
                assert_eq!((Some(id), Some(&ticket)), (self.id, self.ticket.as_ref()));
            }
            _ => {}
        }
        assert_eq!(received, 0);
        (self.id, self.ticket) = (Some(id), Some(ticket));
        self.handled = 0;
        self.said.clear();
        self.unacknowledged.clear();
        self.view.handle(welcome);
        Vec::new()
    }
}
