//! Clients, a hub, and the wires between them, on which everything takes its time.

mod checks;
mod server;

use std::{collections::VecDeque, time::Instant};

use meet_signal_core::{Frame, Hub, Limits, RoomId, Session};
use serde_json::{Value, json};

use crate::{
    client::{Client, Reading},
    paper::{Bounds, Paper},
};

/// One connection.
#[derive(Debug)]
pub(crate) struct Wire {
    client: usize,
    /// What is on its way to the server, and from it.
    up: VecDeque<String>,
    down: VecDeque<Down>,
    /// Whether the client has the socket still.
    open: bool,
    server: Server,
    /// Whose session it was let into, in which counting of it, and how many frames came on it.
    member: Option<String>,
    counting: usize,
    /// How many frames the client had handled when it asked, and has counted on this wire since.
    claim: u64,
    counted: u64,
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
    Joining,
    Open(Session),
    /// The socket is gone, the session is kept.
    Lingering(Session),
    Ended,
}

/// Whether a resume was a full one, as it was said and as it should have been said.
#[derive(Debug, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) full: bool,
    pub(crate) expected: bool,
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) hub: Hub,
    pub(crate) paper: Paper,
    pub(crate) clients: Vec<Client>,
    /// In which counting of its session each client is.
    countings: Vec<usize>,
    wires: Vec<Wire>,
    pub(crate) verdicts: Vec<Verdict>,
    numbers: u64,
    now: Instant,
}

impl World {
    pub(crate) fn new(clients: usize, patient: bool, bounds: Bounds) -> Self {
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
        let mut world = Self {
            hub: Hub::new(limits),
            paper: Paper::new(bounds),
            clients: (0..clients).map(|_| Client::new(patient)).collect(),
            countings: vec![0; clients],
            wires: Vec::new(),
            verdicts: Vec::new(),
            numbers: 0,
            now: Instant::now(),
        };
        for client in 0..clients {
            world.connect(client);
            world.flow(client);
        }
        world
    }

    /// The `back`th last wire of a client, where it has had so many.
    pub(crate) fn wire(&self, client: usize, back: usize) -> Option<usize> {
        let of_client = |at: &usize| self.wires[*at].client == client;
        (0..self.wires.len()).rev().filter(of_client).nth(back)
    }

    pub(crate) fn connect(&mut self, client: usize) {
        let (join, claim) = self.clients[client].ask(self.wires.len());
        self.wires.push(Wire {
            client,
            up: [join].into(),
            down: VecDeque::new(),
            open: true,
            server: Server::Joining,
            member: None,
            counting: 0,
            claim,
            counted: 0,
        });
    }

    /// Says a new number, to all or to another client.
    pub(crate) fn say(&mut self, client: usize, to: Option<usize>) {
        self.numbers += 1;
        let n = self.numbers;
        let message = match to {
            None => json!({"type": "broadcast", "data": n, "ref": n}),
            Some(to) => {
                let to = self.clients[to].id.as_deref().unwrap_or("nobody");
                json!({"type": "signal", "to": to, "data": n, "ref": n})
            }
        };
        let text = message.to_string();
        self.clients[client].say(n, &text);
        self.send(client, text);
    }

    pub(crate) fn acknowledge(&mut self, client: usize) {
        let received = self.clients[client].handled;
        self.send(client, json!({"type": "ack", "received": received}).to_string());
    }

    fn send(&mut self, client: usize, text: String) {
        let wire = self.clients[client].current.map(|at| &mut self.wires[at]);
        if let Some(wire) = wire.filter(|wire| wire.open) {
            wire.up.push_back(text);
        }
    }

    /// Says `leave` and waits for no answer: if it is lost, so is the wish.
    pub(crate) fn leave(&mut self, client: usize) {
        self.send(client, json!({"type": "leave"}).to_string());
    }

    /// The wire breaks: of what is under way, so much still arrives.
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
            Down::Frame(frame) => value(&frame),
            Down::End => {
                client.lost(at);
                wire.open = false;
                return true;
            }
        };
        if frame["type"] != "welcome" {
            wire.counted += 1;
        }
        let base = if frame["resumed"] == "full" { wire.claim } else { 0 };
        match client.read(at, wire.counted, &frame) {
            Reading::Ignored => {}
            Reading::Welcomed(again) => {
                if frame["resumed"] == "full" {
                    let counting = self.countings[wire.client];
                    assert_eq!(wire.counting, counting, "it goes on with what the client counts");
                }
                self.countings[wire.client] = wire.counting;
                wire.counted = base;
                wire.up.extend(again);
            }
            Reading::Handled(number) => {
                let id = wire.member.as_deref().expect("welcomed");
                let counting = &self.paper.anybody(id).countings[wire.counting];
                assert_eq!(frame, counting.told[number as usize - 1], "number {number}");
            }
        }
        true
    }

    fn speaks(&self, at: usize) -> bool {
        let id = self.wires[at].member.as_deref();
        id.and_then(|id| self.paper.member(id)).is_some_and(|member| member.wire == at)
    }
}

pub(crate) fn room() -> RoomId {
    "standup".parse().expect("a valid name")
}

fn value(frame: &Frame) -> Value {
    serde_json::from_str(frame.as_str()).expect("frames are JSON")
}
