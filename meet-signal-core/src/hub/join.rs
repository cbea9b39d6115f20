//! Letting somebody into a room.

use std::{
    net::IpAddr,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use thiserror::Error;

use super::{
    AddressKey, Hub, drain,
    session_state::{SessionSnapshot, SessionState},
};
use crate::{
    CloseReason, ErrorCode, Grant, Meta, PeerId, Resumed, RoomId, Secret, Session,
    budget::Reservation,
    connection::Connection,
    inbound::InboundLimiter,
    outbox::Outbox,
    roster::Member,
    ticket::{Ticket, TicketHash},
};

/// What a peer asks for when it joins.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct JoinRequest<'a> {
    /// What the others are told about it, unless the grant says otherwise.
    pub meta: Meta,
    /// The ticket of a session that it supersedes.
    pub replaces: Option<Secret<'a>>,
    /// Where it joins from, for the limits per address. They are off where there is none.
    pub address: Option<IpAddr>,
}

impl<'a> JoinRequest<'a> {
    /// A join of a peer that tells `meta` about itself.
    pub fn new(meta: Meta) -> Self {
        Self { meta, ..Self::default() }
    }

    /// Supersedes the session with this ticket.
    #[must_use]
    pub fn replaces(mut self, ticket: Option<&'a str>) -> Self {
        self.replaces = ticket.map(Secret::from);
        self
    }

    /// Joins from this address.
    #[must_use]
    pub fn address(mut self, address: Option<IpAddr>) -> Self {
        self.address = address;
        self
    }
}

/// The peer was not let in; nobody heard of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JoinError {
    /// The room holds [`room_peers`](crate::Limits::room_peers).
    #[error("the room is full")]
    RoomFull,
    /// The hub holds [`sessions`](crate::Limits::sessions), or its
    /// [`hub_bytes`](crate::Limits::hub_bytes) have no room for another `meta`.
    #[error("the server is full")]
    HubFull,
    /// More peers joined the room than
    /// [`room_joins_per_minute`](crate::Limits::room_joins_per_minute) allows.
    #[error("too many join this room")]
    TooOften {
        /// When one may join again.
        retry_after: Duration,
    },
    /// The hub is [draining](Hub::drain).
    #[error("the server is stopping")]
    Draining,
}

impl JoinError {
    /// The code by which the client is told.
    pub fn code(self) -> ErrorCode {
        match self {
            Self::RoomFull => ErrorCode::RoomFull,
            Self::TooOften { .. } => ErrorCode::RateLimited,
            Self::HubFull | Self::Draining => ErrorCode::Unavailable,
        }
    }

    /// How long to wait before trying again, where that is known.
    pub fn retry_after(self) -> Option<Duration> {
        match self {
            Self::TooOften { retry_after } => Some(retry_after),
            _ => None,
        }
    }

    /// How the connection ends.
    pub fn close_reason(self) -> CloseReason {
        match self {
            Self::RoomFull => CloseReason::RoomFull,
            Self::HubFull | Self::TooOften { .. } => CloseReason::Unavailable,
            Self::Draining => drain::reason(),
        }
    }
}

impl Hub {
    /// Adds a peer to a room, which begins to exist with its first one.
    ///
    /// The first frame that [`Session::poll_drain`] gives is the `welcome`, with the ticket.
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
        self.join_with(room, request, grant, limiter, now)
    }

    pub(crate) fn join_with(
        &self,
        room: RoomId,
        request: JoinRequest<'_>,
        grant: &Grant,
        limiter: InboundLimiter,
        now: Instant,
    ) -> Result<Session, JoinError> {
        let meta = grant.meta.clone().unwrap_or(request.meta);
        let mut meta_bytes = Reservation::new(self.0.metas.clone());
        if !meta_bytes.try_set(meta.as_json().len()) {
            return Err(JoinError::HubFull);
        }
        let ticket = Ticket::random();
        let id = PeerId::random();
        let outbox = Arc::new(Outbox::new(self.limits(), self.0.queues.clone()));
        let address = request.address.map(AddressKey::from);
        let from = (address, self.sender(id, address));
        let ice_servers = grant.ice_servers.clone();
        let member = Member::new(id, meta, grant.permissions, ticket.hash())
            .meta_is_granted(grant.meta.is_some());
        let replaces = request.replaces.and_then(|ticket| TicketHash::of(ticket.expose()));
        let state =
            SessionState::new(outbox.clone(), limiter, ice_servers.clone(), from, meta_bytes);
        let members = self.with_shard(&room, |shard, wakers| {
            if self.0.draining.load(Ordering::Relaxed) {
                return Err(JoinError::Draining);
            }
            let room_state = shard.get_or_create(&room, self.limits(), now);
            let joined = room_state.join(self, (member, replaces), state, now, wakers);
            shard.remove_if_empty(&room);
            joined
        })?;
        let snapshot =
            SessionSnapshot { resumed: Resumed::No, received: 0, members, ice_servers, outbox };
        Ok(self.greeted(room, Connection::first(id), &ticket.encode(), &snapshot))
    }

    /// The handle of a session, whose connection has its `welcome` to send first. From here on, its
    /// destructor undoes what was done.
    pub(super) fn greeted(
        &self,
        room: RoomId,
        connection: Connection,
        ticket: &str,
        snapshot: &SessionSnapshot,
    ) -> Session {
        let session = Session::new(self.clone(), room, connection, snapshot.outbox.clone());
        session.greet(snapshot.welcome(&session, ticket));
        session
    }
}
