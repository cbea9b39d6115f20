//! What must be true, and how all frames are made to arrive.

use std::{
    ops::ControlFlow,
    task::{Context, Poll, Waker},
};

use meet_signal_core::{CloseReason, LeaveReason, MemberInfo, Session};

use super::{Harness, Server, room};

impl Harness {
    /// All that is under way on a client's newest wire arrives.
    pub(crate) fn flow(&mut self, client: usize) {
        let Some(at) = self.wire(client, 0) else { return };
        while self.server_reads(at) | self.server_writes(at, true) | self.client_reads(at) {}
    }

    /// Everything under way arrives, and every client connects again as often as it takes. The server
    /// writes before anything else: with limits of a few frames, the statuses of members that resume
    /// could overflow a queue for ever.
    pub(crate) fn settle(&mut self) {
        loop {
            for at in 0..self.wires.len() {
                while self.server_writes(at, true) | self.client_reads(at) {}
            }
            let unnoticed = self.wires.iter().position(|wire| {
                let seems_open = matches!(wire.server, Server::Handshake | Server::Open(_));
                seems_open && !wire.open && wire.up.is_empty()
            });
            let apart =
                self.clients.iter().position(|client| client.current.or(client.joining).is_none());
            if (0..self.wires.len()).any(|at| self.server_reads(at) || self.server_ends(at)) {
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
        let members = self.model.members();
        assert_eq!(self.roster(), members.iter().map(MemberInfo::from).collect::<Vec<_>>());
        assert_eq!(self.hub.sessions(), members.len());
        for (client, sequence) in self.clients.iter().zip(&self.sequences) {
            let session = self.model.session(client.id.expect("every client has joined"));
            assert!(client.said.starts_with(session.handled(*sequence)), "once and in order");
        }
    }

    /// What must be true once everything has arrived.
    pub(crate) fn check_settled(&self) {
        for (client, sequence) in self.clients.iter().zip(&self.sequences) {
            let session = self.model.session(client.id.expect("every client has joined"));
            assert_eq!(session.end(), None, "every client is in the room");
            assert_eq!(*sequence, session.queue().sequences() - 1);
            let frames = session.queue().sequence(*sequence).len();
            assert_eq!(client.handled, frames as u64, "it received everything");
            assert_eq!(client.said, session.handled(*sequence), "the room got everything");
        }
    }

    /// The members, as the hub has them.
    pub(crate) fn roster(&self) -> Vec<MemberInfo> {
        self.hub.roster(&room())
    }

    /// Does everything that can be done with connections that were taken over.
    pub(crate) fn misuse_old_connections(&mut self) {
        for at in 0..self.wires.len() {
            if self.session(at).is_some() {
                continue;
            }
            let server = self.take_server(at);
            let (Server::Open(mut session) | Server::AwaitingResume(mut session)) = server else {
                continue;
            };
            let cx = Context::from_waker(Waker::noop());
            for text in [r#"{"type":"broadcast","data":0}"#, r#"{"type":"ack","received":0}"#, "?"]
            {
                let end = session.receive(text, self.now);
                assert_eq!(end, ControlFlow::Break(CloseReason::TakenOver));
            }
            assert_eq!(
                session.poll_drain(&cx, usize::MAX, &mut Vec::new()),
                Poll::Ready(Err(CloseReason::TakenOver))
            );
            assert_eq!(session.poll_closed(&cx), Poll::Ready(CloseReason::TakenOver));
            assert_eq!(session.received(), 0);
            session.away(self.now);
            // Every other one is dropped.
            if at % 2 == 0 {
                session.leave(LeaveReason::Left);
            }
        }
    }

    /// Takes all frames from current connections, and returns how many there were.
    pub(crate) fn drain(&mut self) -> usize {
        let current = (0..self.wires.len()).filter(|at| self.session(*at).is_some());
        let frames = current.map(|at| match &self.wires[at].server {
            Server::Open(session) => drain(session),
            _ => 0,
        });
        frames.sum()
    }
}

fn drain(session: &Session) -> usize {
    let mut batch = Vec::new();
    let cx = Context::from_waker(Waker::noop());
    while let Poll::Ready(Ok(())) = session.poll_drain(&cx, usize::MAX, &mut batch) {}
    batch.len()
}
