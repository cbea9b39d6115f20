//! The server's end of each wire, which does what the driver does; and the same on the model.

use std::{
    ops::ControlFlow,
    task::{Context, Poll, Waker},
};

use meet_signal_core::{
    CloseReason, Grant, JoinRequest, LeaveReason, Meta, Permissions, ResumeError,
    testing::{Member, ids, model::assert_drained},
};
use serde_json::value::to_raw_value;

use super::{Down, Harness, Join, Server, Up, room};

impl Harness {
    pub(crate) fn app(&mut self, n: u64) {
        let data = to_raw_value(&n).expect("a number is JSON");
        assert_eq!(self.hub.send_all(&room(), &data), self.model.send(None, &data));
    }

    pub(crate) fn server_reads(&mut self, at: usize) -> bool {
        let current = self.session(at);
        let wire = &mut self.wires[at];
        let Some(up) = wire.up.pop_front() else { return false };
        match (up, &mut wire.server) {
            (Up::Join(join), Server::Handshake) => self.handshake(at, &join),
            (Up::Message(message), Server::Open(session)) => {
                let end = session.receive(&message.text(), self.now);
                match current {
                    Some(id) => assert_eq!(end, self.model.receive(id, message, self.now)),
                    None => assert!(end.is_break(), "{message:?}"),
                }
                if let ControlFlow::Break(reason) = end {
                    self.server_closes(at, &reason);
                }
            }
            _ => {}
        }
        true
    }

    fn handshake(&mut self, at: usize, join: &Join) {
        let Join { ticket, received } = join;
        let resumed = ticket.as_ref().map(|it| self.hub.resume(&room(), it, *received, self.now));
        let session = match resumed {
            None | Some(Err(ResumeError::UnknownTicket)) => {
                let request = JoinRequest::default();
                let joined = self.hub.join(room(), request, &Grant::new(), self.now);
                let session = joined.expect("there is room");
                let (meta, ticket) = (Meta::default(), ids::ticket(0));
                let member = Member::new(session.id(), meta, Permissions::default(), ticket);
                self.model.join(member, None, self.now).expect("there is room");
                session
            }
            Some(resumed) => {
                let session = resumed.expect("the rate is out of reach");
                self.resumed.push(self.model.resume(session.id(), *received));
                session
            }
        };
        let model = self.model.session(session.id());
        let (generation, sequence) = (model.generation(), model.queue().sequences() - 1);
        let wire = &mut self.wires[at];
        (wire.generation, wire.sequence) = (generation, sequence);
        wire.member = Some(session.id());
        wire.server = Server::Open(session);
        // The welcome goes out at once, or when the server writes next.
        if at.is_multiple_of(2) {
            self.server_writes(at, false);
        }
    }

    /// Writes one frame, or all that there are.
    pub(crate) fn server_writes(&mut self, at: usize, all: bool) -> bool {
        let current = self.session(at);
        let wire = &mut self.wires[at];
        let Server::Open(session) = &wire.server else { return false };
        let (cx, mut batch) = (Context::from_waker(Waker::noop()), Vec::new());
        let most = if all { usize::MAX } else { 1 };
        let drained = session.poll_drain(&cx, most, &mut batch);
        match current {
            Some(id) => assert_drained(&drained, &batch, &self.model.drain(id, most)),
            None => assert!(matches!(drained, Poll::Ready(Err(_))), "{drained:?}"),
        }
        match drained {
            Poll::Pending => false,
            Poll::Ready(Ok(())) => {
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

    fn server_closes(&mut self, at: usize, reason: &CloseReason) {
        if reason.keeps_session() {
            return self.server_notices(at);
        }
        if let Server::Open(session) = self.take_server(at) {
            self.leaves(at, LeaveReason::Closed, || session.leave(LeaveReason::Closed));
        }
    }

    /// The server finds that the socket is lost, or takes it for lost.
    pub(crate) fn server_notices(&mut self, at: usize) {
        if !matches!(self.wires[at].server, Server::Handshake | Server::Open(_)) {
            return;
        }
        if let Server::Open(session) = self.take_server(at) {
            session.away(self.now);
            if let Some(id) = self.session(at) {
                self.model.away(id);
            }
            self.wires[at].server = Server::AwaitingResume(session);
        }
    }

    /// The server's task is dropped, or the grace is over.
    pub(crate) fn server_gives_up(&mut self, at: usize) {
        match self.take_server(at) {
            Server::Open(session) => self.leaves(at, LeaveReason::Closed, || drop(session)),
            Server::AwaitingResume(session) => {
                self.leaves(at, LeaveReason::Timeout, || session.leave(LeaveReason::Timeout));
            }
            Server::Handshake | Server::Ended => {}
        }
    }

    /// The server's end, which closes its socket.
    pub(super) fn take_server(&mut self, at: usize) -> Server {
        let wire = &mut self.wires[at];
        wire.down.push_back(Down::End);
        std::mem::replace(&mut wire.server, Server::Ended)
    }

    /// A task that awaits a resume learns that its session has ended or was taken over.
    pub(super) fn server_ends(&mut self, at: usize) -> bool {
        let Server::AwaitingResume(session) = &self.wires[at].server else { return false };
        let has_ended = session.poll_closed(&Context::from_waker(Waker::noop())).is_ready();
        assert_eq!(has_ended, self.session(at).is_none());
        if has_ended {
            self.wires[at].server = Server::Ended;
        }
        has_ended
    }

    fn leaves(&mut self, at: usize, reason: LeaveReason, leave: impl FnOnce()) {
        leave();
        if let Some(id) = self.session(at) {
            self.model.leave(id, reason);
        }
    }
}
