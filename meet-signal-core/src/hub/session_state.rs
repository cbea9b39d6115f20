//! What the hub keeps of a session.

use std::{sync::Arc, time::Duration};

use super::{AddressKey, Lease};
use crate::{
    IceServer, Limits, Resumed,
    budget::Reservation,
    connection::Generation,
    inbound::InboundLimiter,
    outbox::{Outbox, Sender, Wakers},
    roster::Member,
};

/// The state of a session, whichever connection it has.
pub(crate) struct SessionState {
    pub(super) outbox: Arc<Outbox>,
    /// Which connection speaks for the member.
    pub(super) generation: Generation,
    /// How many sequenced frames of this member were handled.
    pub(crate) received: u64,
    /// Whether the client is known to count from where this end does. A client that has not read
    /// the last `partial` welcome still sends numbers of the count before.
    counts_agree: bool,
    is_heard: bool,
    /// Whether the client's page has gone, as far as is known.
    pub(super) goes_away: bool,
    /// Where its connection came from, if that is known.
    pub(super) address: Option<AddressKey>,
    /// What it is to the outboxes of others.
    pub(super) sender: Sender,
    /// Held while it is away.
    pub(super) away: Option<Lease>,
    /// What its `meta` counts for in the hub's budget.
    pub(super) meta_bytes: Reservation,
    /// Boxed, since only the member's own frames need it, and a broadcast passes every session.
    pub(super) limiter: Box<InboundLimiter>,
    pub(super) ice_servers: Arc<[IceServer]>,
}

/// A session at the moment of its welcome.
pub(super) struct SessionSnapshot {
    pub(super) resumed: Resumed,
    pub(super) received: u64,
    /// Everybody, the session's own member too, in the order in which they joined.
    pub(super) members: Vec<Member>,
    pub(super) ice_servers: Arc<[IceServer]>,
    pub(super) outbox: Arc<Outbox>,
}

impl SessionState {
    pub(super) fn new(
        outbox: Arc<Outbox>,
        limiter: InboundLimiter,
        ice_servers: Arc<[IceServer]>,
        (address, sender): (Option<AddressKey>, Sender),
        meta_bytes: Reservation,
    ) -> Self {
        Self {
            outbox,
            generation: Generation::default(),
            received: 0,
            // The ticket is in the welcome, so a client that resumes has read it.
            counts_agree: true,
            is_heard: false,
            goes_away: false,
            address,
            sender,
            away: None,
            meta_bytes,
            limiter: Box::new(limiter),
            ice_servers,
        }
    }

    /// The connection that speaks for the member has sent something, so it has read its welcome.
    pub(super) fn heard(&mut self) {
        self.counts_agree = true;
        self.is_heard = true;
    }

    /// How long the session outlives its socket. Joining and dropping alone must not fill rooms.
    pub(crate) fn grace(&self, limits: &Limits) -> Duration {
        let mut grace = limits.grace();
        if !self.is_heard {
            grace = grace.min(limits.unheard_grace());
        }
        if self.goes_away {
            grace = grace.min(limits.going_away_grace());
        }
        grace
    }

    /// A newcomer takes the member's place, also in the count of sessions: its `Session` handles do
    /// nothing any more.
    pub(super) fn supersede(&self, wakers: &mut Wakers) {
        self.outbox.take_over(self.generation.next(), None, wakers);
    }

    /// The next connection speaks for the member.
    pub(super) fn take_over(
        &mut self,
        received: u64,
        (address, sender): (Option<AddressKey>, Sender),
        wakers: &mut Wakers,
    ) -> Resumed {
        self.generation = self.generation.next();
        (self.address, self.sender) = (address, sender);
        self.away = None;
        self.goes_away = false;
        let received = self.counts_agree.then_some(received);
        let resumed = self.outbox.take_over(self.generation, received, wakers);
        if resumed == Resumed::Partial {
            self.received = 0;
            self.counts_agree = false;
        }
        resumed
    }
}
