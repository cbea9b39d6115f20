//! What must be true of a world, and how it comes to rest.

use std::{
    ops::ControlFlow,
    task::{Context, Poll, Waker},
};

use meet_signal_core::{
    CloseReason,
    message::{LeaveReason, Status},
};

use super::{Server, World, room};

impl World {
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

    /// Does everything that can be done with connections that were taken over.
    pub(crate) fn misuse_old_connections(&mut self) {
        for at in 0..self.wires.len() {
            let taken_over =
                matches!(&self.wires[at].server, Server::Open(_) | Server::Lingering(_))
                    && !self.speaks(at);
            if !taken_over {
                continue;
            }
            let server = self.take_server(at);
            let (Server::Open(mut session) | Server::Lingering(mut session)) = server else {
                unreachable!("looked at above");
            };
            let cx = Context::from_waker(Waker::noop());
            let taken_over = || CloseReason::TakenOver;
            for text in [r#"{"type":"broadcast","data":0}"#, r#"{"type":"ack","received":0}"#, "?"]
            {
                assert_eq!(session.receive(text, self.now), ControlFlow::Break(taken_over()));
            }
            assert_eq!(
                session.poll_drain(&cx, usize::MAX, &mut Vec::new()),
                Poll::Ready(Err(taken_over()))
            );
            assert_eq!(session.poll_closed(&cx), Poll::Ready(taken_over()));
            assert_eq!(session.received(), 0);
            session.away(self.now);
            // Every other one is dropped.
            if at % 2 == 0 {
                session.leave(LeaveReason::Left);
            }
        }
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
}
