//! Any sequence of operations on the sessions of a room.

use std::{
    collections::BTreeMap,
    ops::ControlFlow,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use arbitrary::{Arbitrary, Unstructured};
use meet_signal_core::{Grant, Hub, JoinRequest, LeaveReason, Limits, Meta, RoomId, Session};
use serde_json::Value;

/// One operation. A connection is named by its position among all that there were.
#[derive(Debug, Arbitrary)]
enum Operation<'a> {
    Join { replaces: Option<u8> },
    Resume { of: u8, received: u8 },
    Receive { at: u8, text: &'a str },
    Signal { from: u8, to: u8 },
    Control { at: u8 },
    Drain { at: u8, most: u16 },
    Away { at: u8 },
    Leave { at: u8, timeout: bool },
    Drop { at: u8 },
    Pass { ms: u16 },
    SendAll,
    CloseRoom,
}

/// Decodes and applies operations; then all sessions end.
///
/// # Panics
///
/// A bound does not hold, a frame is no JSON, the frames of a client are inconsistent, or something is
/// left behind.
pub(crate) fn run(bytes: &[u8]) {
    let mut bytes = Unstructured::new(bytes);
    let mut harness = Harness::new();
    while let Ok(operation) = Operation::arbitrary(&mut bytes)
        && !bytes.is_empty()
    {
        harness.apply(&operation);
        harness.check();
    }
    harness.connections.clear();
    assert_eq!((harness.hub.sessions(), harness.hub.rooms().len()), (0, 0));
}

struct Harness {
    hub: Hub,
    now: Instant,
    connections: Vec<Connection>,
}

struct Connection {
    session: Option<Session>,
    ticket: String,
    /// The other members, if they are known from the frames of this connection.
    view: Option<BTreeMap<String, ()>>,
}

impl Harness {
    fn new() -> Self {
        let limits = Limits::builder()
            .room_peers(PEERS)
            .sessions(SESSIONS)
            .outbox_frames(WAITING)
            .unacknowledged_frames(4)
            .rate_burst(16)
            .frame_bytes(1024)
            .meta_bytes(64)
            .bad_messages(3);
        let hub = Hub::new(limits.build().expect("within the ranges"));
        Self { hub, now: Instant::now(), connections: Vec::new() }
    }

    fn apply(&mut self, operation: &Operation<'_>) {
        match *operation {
            Operation::Join { replaces } => {
                let replaces = replaces.and_then(|at| self.at(at)).map(|c| c.ticket.clone());
                let request = JoinRequest::new(Meta::default()).replaces(replaces.as_deref());
                let joined = self.hub.join(room(), request, &Grant::new(), self.now);
                self.connections.extend(joined.ok().map(greeted).map(Connection::new));
            }
            Operation::Resume { of, received } => {
                let Some(connection) = self.at(of) else { return };
                let ticket = connection.ticket.clone();
                let resumed = self.hub.resume(&room(), &ticket, received.into(), self.now);
                self.connections.extend(resumed.ok().map(greeted).map(Connection::new));
            }
            Operation::Receive { at, text } => self.receive(at, text),
            Operation::Signal { from, to } => {
                let to = self.at(to).and_then(|c| c.session.as_ref()).map(Session::id);
                let to = to.map_or_else(|| "no peer".to_owned(), |id| id.to_string());
                self.receive(from, &format!(r#"{{"type":"signal","to":"{to}","data":0}}"#));
            }
            Operation::Control { at } => {
                let now = self.now;
                if let Some(session) = self.session(at) {
                    let _ = session.receive_control(now);
                }
            }
            Operation::Drain { at, most } => self.drain(at, most.into()),
            Operation::Away { at } => {
                let now = self.now;
                if let Some(session) = self.session(at) {
                    session.away(now);
                }
            }
            Operation::Leave { at, timeout } => {
                let reason = if timeout { LeaveReason::Timeout } else { LeaveReason::Left };
                if let Some(session) = self.at(at).and_then(|c| c.session.take()) {
                    session.leave(reason);
                }
            }
            Operation::Drop { at } => {
                if let Some(connection) = self.at(at) {
                    connection.session = None;
                }
            }
            Operation::Pass { ms } => self.now += Duration::from_millis(ms.into()),
            Operation::SendAll => {
                let data = serde_json::value::to_raw_value(&0).expect("JSON");
                let _ = self.hub.send_all(&room(), &data);
            }
            Operation::CloseRoom => _ = self.hub.close_room(&room()),
        }
    }

    fn receive(&mut self, at: u8, text: &str) {
        let now = self.now;
        let Some(session) = self.session(at) else { return };
        let before = session.received();
        match session.receive(text, now) {
            ControlFlow::Continue(()) => assert!(session.received() - before <= 1),
            // What the driver does. The peer may still be a member.
            ControlFlow::Break(reason) if reason.keeps_session() => session.away(now),
            ControlFlow::Break(_) => self.at(at).expect("it is there").session = None,
        }
    }

    fn drain(&mut self, at: u8, most: usize) {
        let Some(connection) = self.at(at) else { return };
        let Some(session) = &connection.session else { return };
        let mut batch = Vec::new();
        let drained = session.poll_drain(&Context::from_waker(Waker::noop()), most, &mut batch);
        assert!(batch.len() <= WAITING + 4, "what waits, and what comes again");
        assert_eq!(drained == Poll::Ready(Ok(())), !batch.is_empty());
        let bytes: usize = batch.iter().map(meet_signal_core::Frame::len).sum();
        assert!(batch.len() <= 1 || bytes <= most);
        for frame in batch {
            let frame: Value = serde_json::from_str(frame.as_str()).expect("frames are JSON");
            connection.handle(&frame);
        }
    }

    fn check(&self) {
        let roster = self.hub.roster(&room());
        assert!(roster.len() <= PEERS);
        assert!(self.hub.sessions() <= SESSIONS);
        assert_eq!(self.hub.rooms().len(), usize::from(!roster.is_empty()));
        assert!(roster.len() <= self.hub.sessions(), "every member has a session");
    }

    fn at(&mut self, at: u8) -> Option<&mut Connection> {
        let count = self.connections.len();
        self.connections.get_mut(usize::from(at) % count.max(1))
    }

    fn session(&mut self, at: u8) -> Option<&mut Session> {
        self.at(at)?.session.as_mut()
    }
}

impl Connection {
    fn new((session, welcome): (Session, meet_signal_core::Frame)) -> Self {
        let welcome: Value = serde_json::from_str(welcome.as_str()).expect("frames are JSON");
        let peers = welcome["peers"].as_array().expect("a list").iter();
        let peers = peers.map(|peer| (peer["id"].to_string(), ())).collect();
        Self {
            session: Some(session),
            ticket: welcome["ticket"].as_str().expect("a ticket").to_owned(),
            // After a `full` one the room is known from earlier frames, which this does not keep.
            view: (welcome["resumed"] != "full").then_some(peers),
        }
    }

    fn handle(&mut self, frame: &Value) {
        let Some(view) = &mut self.view else { return };
        match frame["type"].as_str() {
            Some("joined") => {
                let known = view.insert(frame["peer"]["id"].to_string(), ());
                assert_eq!(known, None, "announced twice");
            }
            Some("left") => {
                assert!(view.remove(&frame["peer"].to_string()).is_some(), "never announced");
            }
            Some("status" | "updated") => assert!(view.contains_key(&frame["peer"].to_string())),
            Some("signal" | "broadcast") => {
                assert!(view.contains_key(&frame["from"].to_string()));
            }
            _ => {}
        }
    }
}

fn room() -> RoomId {
    "standup".parse().expect("a valid name")
}

const PEERS: usize = 4;
const SESSIONS: usize = 6;
const WAITING: usize = 8;

/// The session, and the welcome that its connection sends first.
fn greeted(session: Session) -> (Session, meet_signal_core::Frame) {
    let mut batch = Vec::new();
    let _ = session.poll_drain(&Context::from_waker(Waker::noop()), 1, &mut batch);
    (session, batch.remove(0))
}
