//! The state of a session.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{AddressKey, Lease, session_ice::SessionIce};
use crate::{
    Frame, IceServer, Limits, Meta, PeerId, Resumed, RoomId, Secret,
    budget::Reservation,
    connection::Generation,
    inbound::InboundLimiter,
    message::{ClientLimits, ServerMessage, Waiting},
    outbox::{Outbox, Sender, Wakers},
    roster::Member,
    ticket::TicketHash,
};

/// The state of a session across its connections.
pub(crate) struct SessionState {
    pub(super) outbox: Arc<Outbox>,
    /// The generation of the connection that acts for the member.
    pub(super) generation: Generation,
    /// How many sequenced frames of this member were handled.
    pub(crate) received: u64,
    /// Whether the client is known to use the current count. A client that has not read the last
    /// `partial` welcome still sends numbers of the previous count.
    is_count_current: bool,
    is_heard: bool,
    /// Whether the client's page is known to have gone away.
    pub(super) goes_away: bool,
    /// The address of its connection, if known.
    pub(super) address: Option<AddressKey>,
    /// Identifies this session in the outboxes of others.
    pub(super) sender: Sender,
    /// Held while it is away.
    pub(super) away: Option<Lease>,
    /// The size of its `meta` in the hub's budget.
    pub(super) meta_bytes: Reservation,
    /// Boxed, because only the member's own frames need it, and a broadcast iterates over all
    /// sessions.
    pub(super) limiter: Box<InboundLimiter>,
    /// Boxed for the same reason.
    pub(super) ice: Box<SessionIce>,
    /// Its limits: the hub's, or those that its room had when it joined.
    pub(super) limits: Arc<Limits>,
    /// When it became a member, or began to wait.
    pub(super) joined: Instant,
    pub(super) ticket: TicketHash,
}

/// A snapshot of a session, for its welcome.
pub(super) struct SessionSnapshot {
    pub(super) resumed: Resumed,
    pub(super) received: u64,
    /// Whether the room admits no new members.
    pub(super) locked: bool,
    /// Whether newcomers wait to be admitted.
    pub(super) lobby: bool,
    /// The peers in the lobby, if it may moderate.
    pub(super) knocking: Vec<(PeerId, Meta)>,
    /// All members including this one, in the order in which they joined.
    pub(super) members: Vec<Member>,
    pub(super) ice_servers: Arc<[IceServer]>,
    /// Which member got which of the offers that came with the join.
    pub(super) offered: Vec<(PeerId, u32)>,
}

/// What a `welcome` says of the server and of the connection.
pub(super) struct WelcomeTerms {
    pub(super) room: RoomId,
    pub(super) ticket: Secret<'static>,
    pub(super) heartbeat_ms: u64,
    pub(super) grace_ms: u64,
    pub(super) limits: ClientLimits,
}

impl WelcomeTerms {
    pub(super) fn new(room: RoomId, ticket: String, limits: &Limits) -> Self {
        Self {
            room,
            ticket: ticket.into(),
            heartbeat_ms: limits.heartbeat().as_millis() as u64,
            grace_ms: limits.grace().as_millis() as u64,
            limits: limits.into(),
        }
    }

    /// The first frame in the lobby.
    pub(super) fn waiting(&self) -> Frame {
        let Self { heartbeat_ms, grace_ms, .. } = *self;
        let ticket = self.ticket.expose().into();
        ServerMessage::Waiting(Waiting { ticket, heartbeat_ms, grace_ms }).encode()
    }
}

impl SessionState {
    pub(super) fn new(
        outbox: Arc<Outbox>,
        limiter: InboundLimiter,
        ice: SessionIce,
        (address, sender): (Option<AddressKey>, Sender),
        meta_bytes: Reservation,
        limits: Arc<Limits>,
        (ticket, joined): (TicketHash, Instant),
    ) -> Self {
        Self {
            outbox,
            generation: Generation::default(),
            received: 0,
            // The ticket is in the welcome, so a client that resumes has read it.
            is_count_current: true,
            is_heard: false,
            goes_away: false,
            address,
            sender,
            away: None,
            meta_bytes,
            limiter: Box::new(limiter),
            ice: Box::new(ice),
            limits,
            joined,
            ticket,
        }
    }

    /// A peer that has waited becomes a member. Its client counts from its `welcome` on.
    pub(super) fn admit(&mut self, now: Instant) {
        self.received = 0;
        self.is_count_current = true;
        self.joined = now;
    }

    /// The newest connection has sent something, so the client has read its welcome.
    pub(super) fn heard(&mut self) {
        self.is_count_current = true;
        self.is_heard = true;
    }

    #[cfg(feature = "tracing")]
    pub(crate) fn joined(&self) -> Instant {
        self.joined
    }

    /// How long the session outlives its socket. It is shorter for a client that has only joined,
    /// so that such clients cannot fill rooms.
    pub(crate) fn grace(&self) -> Duration {
        let limits = &self.limits;
        let mut grace = limits.grace();
        if !self.is_heard {
            grace = grace.min(limits.unheard_grace());
        }
        if self.goes_away {
            grace = grace.min(limits.going_away_grace());
        }
        grace
    }

    /// A new session replaces this one, also in the count of sessions. The old `Session` handles
    /// have no effect any more.
    pub(super) fn supersede(&self, wakers: &mut Wakers) {
        self.outbox.take_over(self.generation.next(), None, wakers);
    }

    /// A newer connection takes the session over.
    pub(super) fn take_over(
        &mut self,
        received: Option<u64>,
        (address, sender): (Option<AddressKey>, Sender),
        wakers: &mut Wakers,
    ) -> Resumed {
        self.generation = self.generation.next();
        (self.address, self.sender) = (address, sender);
        self.away = None;
        self.goes_away = false;
        let received = received.filter(|_| self.is_count_current);
        let resumed = self.outbox.take_over(self.generation, received, wakers);
        if resumed == Resumed::Partial {
            self.received = 0;
            self.is_count_current = false;
            self.ice.forget_sent();
        }
        resumed
    }
}
