//! Letting somebody into a room.

use std::{
    net::IpAddr,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use thiserror::Error;

use super::{
    AddressKey, Hub, drain,
    seat::Seat,
    shard::Newcomer,
    welcome::{Standing, welcome},
};
use crate::{
    CloseReason, ErrorCode, Frame, Grant, PeerId, RoomId, Secret, Session,
    budget::Reservation,
    connection::Connection,
    intake::InboundLimiter,
    message::{Meta, Resumed},
    outbox::Outbox,
    roster::Member,
    ticket::{Ticket, TicketHash},
};

/// What a peer brings along when it joins.
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
    /// Lets a peer into a room, which comes into being with its first one.
    ///
    /// The frame is the `welcome`: it goes to the socket before anything that
    /// [`Session::poll_drain`] gives.
    ///
    /// # Errors
    ///
    /// See [`JoinError`].
    pub fn join(
        &self,
        room: RoomId,
        joining: JoinRequest<'_>,
        grant: &Grant,
        now: Instant,
    ) -> Result<(Session, Frame), JoinError> {
        let intake = InboundLimiter::new(self.limits(), now);
        self.join_with(room, joining, grant, intake, now)
    }

    pub(crate) fn join_with(
        &self,
        room: RoomId,
        joining: JoinRequest<'_>,
        grant: &Grant,
        intake: InboundLimiter,
        now: Instant,
    ) -> Result<(Session, Frame), JoinError> {
        let meta = grant.meta.clone().unwrap_or(joining.meta);
        let mut meta_bytes = Reservation::new(self.0.metas.clone());
        if !meta_bytes.try_set(meta.as_json().len()) {
            return Err(JoinError::HubFull);
        }
        let ticket = Ticket::random();
        let id = PeerId::random();
        let outbox = Arc::new(Outbox::new(self.limits(), self.0.queues.clone()));
        let address = joining.address.map(AddressKey::from);
        let from = (address, self.sender(id, address));
        let ice_servers = grant.ice_servers.clone();
        let member = Member::new(id, meta, grant.permissions, ticket.hash())
            .meta_is_granted(grant.meta.is_some());
        let newcomer = Newcomer {
            member,
            replaces: joining.replaces.and_then(|ticket| TicketHash::of(ticket.expose())),
            seat: Seat::new(outbox.clone(), intake, ice_servers, from, meta_bytes),
        };
        let roster = self.with_shard(&room, |shard, wakers| {
            if self.0.draining.load(Ordering::Relaxed) {
                return Err(JoinError::Draining);
            }
            shard.join(self, &room, newcomer, now, wakers)
        })?;
        // From here on, its destructor undoes what was done.
        let session = Session::new(self.clone(), room, Connection::first(id), outbox);

        let ice_servers = grant.ice_servers.clone();
        let standing = Standing { resumed: Resumed::No, received: 0, roster, ice_servers };
        let welcome = welcome(&session, &ticket.encode(), &standing);
        Ok((session, welcome))
    }
}
