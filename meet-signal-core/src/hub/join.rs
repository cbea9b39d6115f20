//! Joining a room: `Hub::join`.

use std::{
    fmt,
    net::IpAddr,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use serde_json::value::RawValue;
use thiserror::Error;

use super::{
    AddressKey, Hub, drain,
    greeting::Greeting,
    session_ice::SessionIce,
    session_state::{SessionState, WelcomeTerms},
};
use crate::{
    CloseReason, ErrorCode, Grant, Meta, PeerId, RoomId, Secret, Session,
    budget::Reservation,
    inbound::InboundLimiter,
    outbox::Outbox,
    room::Newcomer,
    roster::Member,
    ticket::{Ticket, TicketHash},
};

/// A peer's request to join a room.
#[derive(Default)]
#[non_exhaustive]
pub struct JoinRequest<'a> {
    /// What the other members see of it, unless the grant sets another `meta`.
    pub meta: Meta,
    /// The ticket of a session that this one replaces.
    pub replaces: Option<Secret<'a>>,
    /// The address for the limits per address, which are off if it is `None`.
    pub address: Option<IpAddr>,
    /// The first offers of its connections, each for one member of the room: see
    /// [`offers`](Self::offers).
    pub offers: Vec<&'a RawValue>,
    /// The id of the peer, if somebody had to know it before the join.
    pub(crate) peer: Option<PeerId>,
}

// Without `meta` and the offers, which are personal data.
impl fmt::Debug for JoinRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinRequest")
            .field("replaces", &self.replaces)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl<'a> JoinRequest<'a> {
    /// A request to join with this `meta`.
    pub fn new(meta: Meta) -> Self {
        Self { meta, ..Self::default() }
    }

    /// Replaces the session with this ticket.
    #[must_use]
    pub fn replaces(mut self, ticket: Option<&'a str>) -> Self {
        self.replaces = ticket.map(Secret::from);
        self
    }

    /// Sets the first offers of its connections. The *i*th is for the *i*th of the other members, in
    /// the order in which they joined, who gets it with `joined`; the `welcome` says who got one.
    /// They are opaque, and at most 64 are used.
    ///
    /// They are dropped if the peer has to wait in the lobby or may not
    /// [`signal`](crate::Permissions::signal), and each one that the share of the peer in the queue
    /// of its member has no space for.
    #[must_use]
    pub fn offers(mut self, offers: impl Into<Vec<&'a RawValue>>) -> Self {
        self.offers = offers.into();
        self
    }

    /// Sets the address that the peer joins from.
    #[must_use]
    pub fn address(mut self, address: Option<IpAddr>) -> Self {
        self.address = address;
        self
    }
}

/// Why a peer did not join. The members of the room were not notified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JoinError {
    /// The room has [`room_peers`](crate::Limits::room_peers) members.
    #[error("the room is full")]
    RoomFull,
    /// [`lobby_peers`](crate::Limits::lobby_peers) wait to be admitted to the room.
    #[error("too many wait to be admitted")]
    LobbyFull,
    /// The room is [locked](Hub::lock).
    #[error("the room is locked")]
    RoomLocked,
    /// The identity is [banned](Hub::ban) from the room.
    #[error("banned from this room for some time")]
    Banned,
    /// The identity is in the room already: see [`Duplicates::Reject`](crate::Duplicates::Reject).
    #[error("already in this room")]
    Duplicate,
    /// The hub has [`sessions`](crate::Limits::sessions) sessions, or its
    /// [`hub_bytes`](crate::Limits::hub_bytes) have no space for another `meta`.
    #[error("the server is full")]
    HubFull,
    /// More peers joined the room than
    /// [`room_joins_per_minute`](crate::Limits::room_joins_per_minute) allows.
    #[error("too many join this room")]
    TooOften {
        /// How long to wait before joining again.
        retry_after: Duration,
    },
    /// The hub is [draining](Hub::drain).
    #[error("the server is stopping")]
    Draining,
}

impl JoinError {
    /// The error code for the client.
    pub fn code(self) -> ErrorCode {
        match self {
            Self::RoomFull | Self::LobbyFull => ErrorCode::RoomFull,
            Self::RoomLocked => ErrorCode::RoomLocked,
            Self::Banned => ErrorCode::Banned,
            Self::Duplicate => ErrorCode::Duplicate,
            Self::TooOften { .. } => ErrorCode::RateLimited,
            Self::HubFull | Self::Draining => ErrorCode::Unavailable,
        }
    }

    /// How long to wait before trying again, if that is known.
    pub fn retry_after(self) -> Option<Duration> {
        match self {
            Self::TooOften { retry_after } => Some(retry_after),
            _ => None,
        }
    }

    /// The reason that the connection is closed with.
    pub fn close_reason(self) -> CloseReason {
        match self {
            Self::RoomFull | Self::LobbyFull | Self::RoomLocked => CloseReason::RoomFull,
            Self::Banned => CloseReason::Banned,
            Self::Duplicate => CloseReason::Duplicate,
            Self::HubFull | Self::TooOften { .. } => CloseReason::Unavailable,
            Self::Draining => drain::reason(),
        }
    }
}

impl Hub {
    /// Adds a peer to a room. The first peer creates the room.
    ///
    /// The first frame that [`Session::poll_drain`] yields is the `welcome`, which has the ticket. If
    /// the peer has to be [admitted](Hub::admit) first, it is `waiting`, which has it as well; the
    /// `welcome` follows when it is. Until then the peer is no member, and the others know nothing of
    /// it but those who may moderate.
    ///
    /// # Errors
    ///
    /// See [`JoinError`].
    pub fn join(
        &self,
        room: RoomId,
        request: JoinRequest<'_>,
        grant: &Grant,
        now: Instant,
    ) -> Result<Session, JoinError> {
        let limiter = InboundLimiter::new(self.limits(), now);
        Ok(self.join_with(room, request, grant, limiter, now)?.send())
    }

    pub(crate) fn join_with(
        &self,
        room: RoomId,
        request: JoinRequest<'_>,
        grant: &Grant,
        limiter: InboundLimiter,
        now: Instant,
    ) -> Result<Greeting, JoinError> {
        let meta = grant.meta.clone().unwrap_or(request.meta);
        let mut meta_bytes = Reservation::new(self.0.metas.clone());
        if !meta_bytes.try_set(meta.as_json().len()) {
            return Err(JoinError::HubFull);
        }
        let ticket = Ticket::random();
        let id = request.peer.unwrap_or_else(PeerId::random);
        let outbox = Arc::new(Outbox::new(self.limits(), self.0.queues.clone()));
        let address = request.address.map(AddressKey::from);
        let from = (address, self.sender(id, address));
        let member = Member::new(id, meta, grant.permissions, ticket.hash())
            .meta_is_granted(grant.meta.is_some())
            .identity(grant.identity.clone())
            .data(grant.data.clone());
        let replaces = request.replaces.and_then(|ticket| TicketHash::of(ticket.expose()));
        let newcomer = Newcomer::new(member)
            .replaces(replaces)
            .duplicates(grant.duplicates)
            .admission(grant.admission)
            .opener(grant.opener)
            .passes_lock(grant.passes_lock);
        let (ice, limits, since) =
            (SessionIce::new(grant), self.0.limits.clone(), (ticket.hash(), now));
        let session = SessionState::new(outbox, limiter, ice, from, meta_bytes, limits, since);
        let terms = WelcomeTerms::new(room.clone(), ticket.encode(), self.limits());
        let entered = self.with_shard(&room, |shard, wakers| {
            if self.0.draining.load(Ordering::Relaxed) {
                return Err(JoinError::Draining);
            }
            let state = shard.get_or_create(&room, &self.0.limits, now);
            state.configure_once(grant.room_settings.as_ref(), self.limits(), now, wakers);
            let newcomer = (newcomer, session, terms);
            let joined = state.join(self, newcomer, &request.offers, now, wakers);
            self.settle(shard, &room);
            joined
        })?;
        Ok(Greeting::new(self, room, entered))
    }
}
