//! The server's end of each wire, as the driver has it; and the same on paper.

use std::{
    ops::ControlFlow,
    task::{Context, Poll, Waker},
};

use meet_signal_core::{
    CloseReason, Grant, JoinRequest, ResumeError, Session, message::LeaveReason,
};
use serde_json::{Value, json, value::to_raw_value};

use super::{Down, Server, Verdict, World, room, value};

impl World {
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
            self.server_closes(at, &reason);
        }
        true
    }

    fn admit(&mut self, at: usize, join: &str) {
        let join: Value = serde_json::from_str(join).expect("clients send JSON");
        let resumed = join["resume"]["ticket"].as_str().map(|ticket| {
            let received = join["resume"]["received"].as_u64().expect("a number");
            self.hub.resume(&room(), ticket, received, self.now).map(greeted)
        });
        let (session, welcome) = match resumed {
            None | Some(Err(ResumeError::UnknownTicket)) => {
                let grant = Grant::new();
                let joined = self.hub.join(room(), JoinRequest::default(), &grant, self.now);
                let (session, welcome) = greeted(joined.expect("there is room"));
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
                self.server_closes(at, &reason);
                true
            }
        }
    }

    /// As the driver does it.
    fn server_closes(&mut self, at: usize, reason: &CloseReason) {
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
            session.away(self.now);
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
    pub(super) fn take_server(&mut self, at: usize) -> Server {
        let wire = &mut self.wires[at];
        wire.down.push_back(Down::End);
        std::mem::replace(&mut wire.server, Server::Ended)
    }

    /// The session without a socket hears that it was ended or taken over.
    pub(super) fn server_lingers(&mut self, at: usize) -> bool {
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
}

/// The session, and the welcome that its connection sends first.
fn greeted(session: Session) -> (Session, meet_signal_core::Frame) {
    let mut batch = Vec::new();
    let _ = session.poll_drain(&Context::from_waker(Waker::noop()), 1, &mut batch);
    (session, batch.remove(0))
}
