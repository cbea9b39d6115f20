//! Clients, a hub, and wires between them, on which frames take their time.

mod checks;
mod server;

use std::{collections::VecDeque, time::Instant};

use meet_signal_core::{
    Frame, Hub, Limits, PeerId, Resumed, RoomId, Session,
    testing::{
        ids,
        model::{Message, Model},
    },
};
use serde_json::Value;

use crate::client::{Client, Join, Reading};

/// How many frames the hub may keep for a session.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) waiting: usize,
    pub(crate) unacknowledged: usize,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Wire {
    client: usize,
    /// What is on its way to the server, and from it.
    up: VecDeque<Up>,
    down: VecDeque<Down>,
    /// Whether the client still has the socket.
    open: bool,
    server: Server,
    /// The session that it got, which of its connections it is, and in which sequence of numbers.
    member: Option<PeerId>,
    generation: usize,
    sequence: usize,
    /// How many frames the client had handled when it joined, and the last number on this wire.
    claim: u64,
    counted: u64,
}

/// What is on its way to the server.
#[derive(Debug)]
enum Up {
    Join(Join),
    Message(Message),
}

/// What is on its way to a client.
#[derive(Debug)]
enum Down {
    Frame(Frame),
    /// The socket is lost, or closed.
    End,
}

/// The server's end.
#[derive(Debug)]
enum Server {
    Handshake,
    Open(Session),
    /// The socket is lost, the session is kept.
    AwaitingResume(Session),
    Ended,
}

#[derive(Debug)]
pub(crate) struct Harness {
    pub(crate) hub: Hub,
    pub(crate) model: Model,
    pub(crate) clients: Vec<Client>,
    /// In which sequence of numbers each client is.
    sequences: Vec<usize>,
    wires: Vec<Wire>,
    /// The results of all resumes.
    pub(crate) resumed: Vec<Resumed>,
    numbers: u64,
    now: Instant,
}

impl Harness {
    pub(crate) fn new(clients: usize, read_on: bool, bounds: Bounds) -> Self {
        let limits = Limits::builder()
            .outbox_frames(bounds.waiting)
            .unacknowledged_frames(bounds.unacknowledged)
            .rate_per_second(1_000_000)
            .rate_burst(1_000_000)
            .resumes_per_minute(1_000_000)
            .room_peers(10_000)
            .room_joins_per_minute(1_000_000)
            .build()
            .expect("within the ranges");
        let mut harness = Self {
            hub: Hub::new(limits.clone()),
            model: Model::new(limits),
            clients: (0..clients).map(|_| Client::new(read_on)).collect(),
            sequences: vec![0; clients],
            wires: Vec::new(),
            resumed: Vec::new(),
            numbers: 0,
            now: Instant::now(),
        };
        for client in 0..clients {
            harness.connect(client);
            harness.flow(client);
        }
        harness
    }

    /// The `back`th last wire of a client, if it has had so many.
    pub(crate) fn wire(&self, client: usize, back: usize) -> Option<usize> {
        let of_client = |at: &usize| self.wires[*at].client == client;
        (0..self.wires.len()).rev().filter(of_client).nth(back)
    }

    pub(crate) fn connect(&mut self, client: usize) {
        let join = self.clients[client].join(self.wires.len());
        self.wires.push(Wire {
            client,
            claim: join.received,
            up: [Up::Join(join)].into(),
            down: VecDeque::new(),
            open: true,
            server: Server::Handshake,
            member: None,
            generation: 0,
            sequence: 0,
            counted: 0,
        });
    }

    /// Says a new number, to all or to another client.
    pub(crate) fn say(&mut self, client: usize, to: Option<usize>) {
        self.numbers += 1;
        let message = match to {
            None => Message::Broadcast(self.numbers),
            Some(to) => {
                let to = self.clients[to].id.unwrap_or(ids::peer(0));
                Message::Signal(to, self.numbers)
            }
        };
        self.clients[client].say(message);
        self.send(client, message);
    }

    pub(crate) fn acknowledge(&mut self, client: usize) {
        self.send(client, Message::Ack(self.clients[client].handled));
    }

    fn send(&mut self, client: usize, message: Message) {
        let wire = self.clients[client].current.map(|at| &mut self.wires[at]);
        if let Some(wire) = wire.filter(|wire| wire.open) {
            wire.up.push_back(Up::Message(message));
        }
    }

    /// Sends `leave` once, whether it arrives or not.
    pub(crate) fn leave(&mut self, client: usize) {
        self.send(client, Message::Leave);
    }

    /// The wire breaks. Of what is under way, the first `up` and `down` frames still arrive.
    pub(crate) fn cut(&mut self, at: usize, up: usize, down: usize) {
        let wire = &mut self.wires[at];
        wire.up.truncate(up);
        wire.down.truncate(down);
        wire.down.push_back(Down::End);
        wire.open = false;
    }

    pub(crate) fn client_reads(&mut self, at: usize) -> bool {
        let wire = &mut self.wires[at];
        let Some(down) = wire.down.pop_front() else { return false };
        let client = &mut self.clients[wire.client];
        let frame = match down {
            Down::Frame(frame) => frame,
            Down::End => {
                client.lost(at);
                wire.open = false;
                return true;
            }
        };
        let value: Value = serde_json::from_str(frame.as_str()).expect("frames are JSON");
        if value["type"] != "welcome" {
            wire.counted += 1;
        }
        let is_full = value["resumed"] == "full";
        match client.read(at, wire.counted, &value) {
            Reading::Ignored => {}
            Reading::Welcomed(again) => {
                if is_full {
                    assert_eq!(wire.sequence, self.sequences[wire.client], "numbers go on");
                }
                self.sequences[wire.client] = wire.sequence;
                wire.counted = if is_full { wire.claim } else { 0 };
                wire.up.extend(again.into_iter().map(Up::Message));
            }
            Reading::Handled(number) => {
                let queue = self.model.session(wire.member.expect("welcomed")).queue();
                let expected = queue.sequence(wire.sequence).nth(number as usize - 1);
                let expected = expected.expect("it was sent");
                assert!(expected.matches(&frame), "{number} is {value}, expected {expected:?}");
            }
        }
        true
    }

    /// The session of a wire, if this is its current connection.
    fn session(&self, at: usize) -> Option<PeerId> {
        let id = self.wires[at].member?;
        let session = self.model.session(id);
        let is_current = session.generation() == self.wires[at].generation;
        (is_current && session.end().is_none()).then_some(id)
    }
}

pub(crate) fn room() -> RoomId {
    "standup".parse().expect("a valid name")
}
