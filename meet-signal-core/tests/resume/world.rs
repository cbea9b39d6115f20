//! Clients, a hub, and the wires between them, on which everything takes its time.

use std::{
    collections::VecDeque,
    ops::ControlFlow,
    task::{Context, Poll, Waker},
    time::Instant,
};

use meet_signal_core::{
    CloseReason, Frame, Grant, Hub, Joining, Limits, ResumeError, RoomId, Session,
    message::{LeaveReason, Status},
};
use serde_json::{Value, json, value::to_raw_value};

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

    // What clients do.

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

    pub(crate) fn leave(&mut self, client: usize) {
        // It counts as one of the frames that it says, but nobody is there to be told of it again.
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

    // What the server does.

    pub(crate) fn app(&mut self, n: u64) {
        let data = to_raw_value(&n).expect("a number is JSON");
        let told = self.hub.send_all(&room(), &data);
        assert_eq!(told.is_ok(), !self.paper.members.is_empty());
        self.paper.tell_all(None, &json!({"type": "app", "data": n}));
    }

    pub(crate) fn server_reads(&mut self, at: usize) -> bool {
        let Some(text) = self.wires[at].up.pop_front() else { return false };
        let Server::Open(session) = &mut self.wires[at].server else {
            if matches!(self.wires[at].server, Server::Joining) {
                self.admit(at, &text);
            }
            return true;
        };
        let end = session.receive(&text, self.now);
        let id = self.wires[at].member.clone().expect("it was let in");
        let message: Value = serde_json::from_str(&text).expect("clients send JSON");
        let speaks = self.paper.member(&id).is_some_and(|member| member.wire == at);
        if speaks {
            self.paper.heard(&id);
            match message["type"].as_str() {
                Some("ack") => {
                    let received = message["received"].as_u64().expect("a number");
                    self.paper.acknowledged(&id, received as usize);
                }
                Some("leave") => self.paper.leave(&id, "left"),
                _ => {
                    let n = message["data"].as_u64().expect("a number");
                    self.paper.take(&id, message["to"].as_str(), n);
                }
            }
        }
        if let ControlFlow::Break(reason) = end {
            self.server_closes(at, reason);
        }
        true
    }

    fn admit(&mut self, at: usize, join: &str) {
        let join: Value = serde_json::from_str(join).expect("clients send JSON");
        let resumed = join["resume"]["ticket"].as_str().map(|ticket| {
            let received = join["resume"]["received"].as_u64().expect("a number");
            self.hub.resume(&room(), ticket, received, self.now)
        });
        let (session, welcome) = match resumed {
            None | Some(Err(ResumeError::UnknownTicket)) => {
                let grant = Grant::new();
                let joined = self.hub.join(room(), Joining::default(), &grant, self.now);
                let (session, welcome) = joined.expect("there is room");
                self.paper.join(&session.id().to_string(), at);
                (session, welcome)
            }
            Some(resumed) => {
                let (session, welcome) = resumed.expect("the rate is out of reach");
                let id = session.id().to_string();
                let received = self.wires[at].claim as usize;
                let full = value(&welcome)["resumed"] == "full";
                let expected = self.paper.has_all_after(&id, received);
                self.verdicts.push(Verdict { full, expected });
                self.paper.go_on(&id, at, received, full);
                (session, welcome)
            }
        };
        self.check_welcome(&session, &value(&welcome));
        let wire = &mut self.wires[at];
        let id = session.id().to_string();
        wire.counting = self.paper.anybody(&id).countings.len() - 1;
        wire.member = Some(id);
        wire.down.push_back(Down::Frame(welcome));
        wire.server = Server::Open(session);
    }

    fn check_welcome(&self, session: &Session, welcome: &Value) {
        let id = session.id().to_string();
        let member = self.paper.member(&id).expect("let in");
        assert_eq!(welcome["self"]["id"], id);
        assert_eq!(welcome["received"], member.counting().taken.len());
        let me = self.paper.members.iter().position(|other| other.id == id).expect("let in");
        let others = self.paper.members.iter().enumerate().filter(|(at, _)| *at != me);
        let peers = others.map(|(at, other)| {
            let status = if other.away { "away" } else { "here" };
            json!({"id": other.id, "meta": null, "status": status, "polite": at > me})
        });
        assert_eq!(welcome["peers"], peers.collect::<Value>());
    }

    /// Writes one frame, or all that there are.
    pub(crate) fn server_writes(&mut self, at: usize, all: bool) -> bool {
        let wire = &mut self.wires[at];
        let Server::Open(session) = &wire.server else { return false };
        let mut batch = Vec::new();
        let most = if all { usize::MAX } else { 1 };
        let cx = Context::from_waker(Waker::noop());
        match session.poll_drain(&cx, most, &mut batch) {
            Poll::Pending => false,
            Poll::Ready(Ok(())) => {
                let id = wire.member.as_deref().expect("it was let in");
                self.paper.sent(id, batch.len());
                if wire.open {
                    wire.down.extend(batch.into_iter().map(Down::Frame));
                }
                true
            }
            Poll::Ready(Err(reason)) => {
                self.server_closes(at, reason);
                true
            }
        }
    }

    /// As the driver does it.
    fn server_closes(&mut self, at: usize, reason: CloseReason) {
        if reason.keeps_session() {
            return self.server_notices(at);
        }
        if let Server::Open(session) = self.take_server(at) {
            self.leaves(at, "closed", || session.leave(LeaveReason::Closed));
        }
    }

    /// The server finds that the socket is gone, or takes it for gone.
    pub(crate) fn server_notices(&mut self, at: usize) {
        if !matches!(self.wires[at].server, Server::Joining | Server::Open(_)) {
            return;
        }
        if let Server::Open(session) = self.take_server(at) {
            session.away();
            if self.speaks(at) {
                let id = self.wires[at].member.clone().expect("it was let in");
                self.paper.set_away(&id, true);
            }
            self.wires[at].server = Server::Lingering(session);
        }
    }

    /// The server gives its end up: the grace is over, or the task is dropped.
    pub(crate) fn server_gives_up(&mut self, at: usize) {
        match self.take_server(at) {
            Server::Open(session) => self.leaves(at, "closed", || drop(session)),
            Server::Lingering(session) => {
                self.leaves(at, "timeout", || session.leave(LeaveReason::Timeout));
            }
            Server::Joining | Server::Ended => {}
        }
    }

    /// The server's end, which closes its socket.
    fn take_server(&mut self, at: usize) -> Server {
        let wire = &mut self.wires[at];
        wire.down.push_back(Down::End);
        std::mem::replace(&mut wire.server, Server::Ended)
    }

    /// The session without a socket hears that it was ended or taken over.
    fn server_lingers(&mut self, at: usize) -> bool {
        let Server::Lingering(session) = &self.wires[at].server else { return false };
        let ended = session.poll_closed(&Context::from_waker(Waker::noop())).is_ready();
        assert_eq!(ended, !self.speaks(at));
        if ended {
            self.wires[at].server = Server::Ended;
        }
        ended
    }

    fn leaves(&mut self, at: usize, reason: &str, leave: impl FnOnce()) {
        leave();
        if self.speaks(at) {
            let id = self.wires[at].member.clone().expect("it was let in");
            self.paper.leave(&id, reason);
        }
    }

    // What time does.

    /// All that is under way on a client's newest wire arrives.
    pub(crate) fn flow(&mut self, client: usize) {
        let Some(at) = self.wire(client, 0) else { return };
        while self.server_reads(at) | self.server_writes(at, true) | self.client_reads(at) {}
    }

    /// Everything under way arrives, and every client comes back for as long as it has to. What the
    /// server has to say goes out at once: with bounds of a few frames, what the members hear of each
    /// other's returns could go on for ever to be too much for one of them.
    pub(crate) fn settle(&mut self) {
        loop {
            for at in 0..self.wires.len() {
                while self.server_writes(at, true) | self.client_reads(at) {}
            }
            let unnoticed = self.wires.iter().position(|wire| {
                let believed = matches!(wire.server, Server::Joining | Server::Open(_));
                believed && !wire.open && wire.up.is_empty()
            });
            let apart =
                self.clients.iter().position(|client| client.current.or(client.asking).is_none());
            if (0..self.wires.len()).any(|at| self.server_reads(at) || self.server_lingers(at)) {
                continue;
            } else if let Some(at) = unnoticed {
                self.server_notices(at);
            } else if let Some(client) = apart {
                self.connect(client);
            } else {
                return;
            }
        }
    }

    /// What must be true at any time.
    pub(crate) fn check(&self) {
        let members = &self.paper.members;
        let expected: Vec<_> = members.iter().map(|m| (m.id.clone(), m.away)).collect();
        assert_eq!(self.roster(), expected);
        assert_eq!(self.hub.sessions(), members.len());
        for (client, counting) in self.clients.iter().zip(&self.countings) {
            let id = client.id.as_deref().expect("every client has joined");
            let counting = &self.paper.anybody(id).countings[*counting];
            assert!(client.said.starts_with(&counting.taken), "in the order in which it was said");
        }
    }

    /// What must be true of all that was settled.
    pub(crate) fn check_settled(&self) {
        for (client, at) in self.clients.iter().zip(&self.countings) {
            let id = client.id.as_deref().expect("every client has joined");
            let member = self.paper.member(id).expect("every client is in the room");
            assert_eq!(*at, member.countings.len() - 1);
            assert_eq!(client.handled, member.counting().told.len() as u64, "all that it is owed");
            assert_eq!(client.said, member.counting().taken, "all that it said");
        }
    }

    /// The members and whether they are away, as the hub has it.
    pub(crate) fn roster(&self) -> Vec<(String, bool)> {
        let roster = self.hub.roster(&room());
        roster.iter().map(|m| (m.id.to_string(), m.status == Status::Away)).collect()
    }

    /// Does everything that can be done with connections that were taken over, and says how many
    /// there are.
    pub(crate) fn misuse_old_connections(&mut self) -> usize {
        let mut old = 0;
        for at in 0..self.wires.len() {
            let taken_over =
                matches!(&self.wires[at].server, Server::Open(_) | Server::Lingering(_))
                    && !self.speaks(at);
            if !taken_over {
                continue;
            }
            old += 1;
            let server = self.take_server(at);
            let (Server::Open(mut session) | Server::Lingering(mut session)) = server else {
                unreachable!("looked at above");
            };
            let cx = Context::from_waker(Waker::noop());
            let taken_over = CloseReason::TakenOver;
            for text in [r#"{"type":"broadcast","data":0}"#, r#"{"type":"ack","received":0}"#, "?"]
            {
                assert_eq!(session.receive(text, self.now), ControlFlow::Break(taken_over));
            }
            assert_eq!(
                session.poll_drain(&cx, usize::MAX, &mut Vec::new()),
                Poll::Ready(Err(taken_over))
            );
            assert_eq!(session.poll_closed(&cx), Poll::Ready(taken_over));
            assert_eq!(session.received(), 0);
            session.away();
            if at % 2 == 0 {
                session.leave(LeaveReason::Left);
            }
        }
        old
    }

    /// How many frames come out of the connections that speak for somebody.
    pub(crate) fn drain(&mut self) -> usize {
        let mut frames = 0;
        for at in 0..self.wires.len() {
            if let Server::Open(session) = &self.wires[at].server
                && self.speaks(at)
            {
                let mut batch = Vec::new();
                let cx = Context::from_waker(Waker::noop());
                let _ = session.poll_drain(&cx, usize::MAX, &mut batch);
                frames += batch.len();
            }
        }
        frames
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
