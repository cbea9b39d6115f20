//! Going on with a session on a newer connection.

use std::{
    net::IpAddr,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use thiserror::Error;

use super::{
    AddressKey, Hub, drain,
    shard::{Entry, Shard},
    welcome::{Standing, welcome},
};
use crate::{
    CloseReason, ErrorCode, Frame, RoomId, Session,
    connection::Connection,
    intake::InboundLimiter,
    message::Status,
    outbox::{Outbox, Wakers},
    room::Input,
    ticket::TicketHash,
};

/// The session was not resumed; if there is one, it is as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ResumeError {
    /// The room has no session with this ticket (any more). By the protocol its client is not told
    /// of an error, but joins afresh, if it may: see [`Hub::join`].
    #[error("no session has this ticket")]
    UnknownTicket,
    /// The session was resumed more often than [`Limits::resumes_per_minute`] allows.
    ///
    /// [`Limits::resumes_per_minute`]: crate::Limits::resumes_per_minute
    #[error("resumed too often")]
    TooOften {
        /// When it may be resumed again.
        retry_after: Duration,
    },
    /// The hub is [draining](Hub::drain).
    #[error("the server is stopping")]
    Draining,
}

impl ResumeError {
    /// The code by which the client is told; of an unknown ticket, only by a server that wants no
    /// fresh join.
    pub fn code(self) -> ErrorCode {
        match self {
            Self::UnknownTicket => ErrorCode::Unauthorized,
            Self::TooOften { .. } => ErrorCode::RateLimited,
            Self::Draining => ErrorCode::Unavailable,
        }
    }

    /// How the connection ends.
    pub fn close_reason(self) -> CloseReason {
        match self {
            Self::UnknownTicket => CloseReason::Unauthorized,
            Self::TooOften { .. } => CloseReason::Flood,
            Self::Draining => drain::reason(),
        }
    }
}

/// Somebody who wants to go on with a session.
pub(crate) struct Return<'a> {
    pub(crate) ticket: &'a str,
    pub(crate) received: u64,
    /// What its connection has sent before.
    pub(crate) intake: &'a InboundLimiter,
    /// Where it comes from; as before, where that is not known.
    pub(crate) address: Option<IpAddr>,
}

/// A session, as the connection that takes it over finds it.
struct TakenOver {
    connection: Connection,
    outbox: Arc<Outbox>,
    standing: Standing,
}

impl Hub {
    /// Goes on with a session of `room` on a newer connection, whose client presents the `ticket` of
    /// its `welcome` and has handled `received` of the session's sequenced frames.
    ///
    /// It happens at once, also while an older connection still believes that it has the session:
    /// from here on the older [`Session`] does nothing. Its [`receive`](Session::receive),
    /// [`poll_drain`](Session::poll_drain) and [`poll_closed`](Session::poll_closed) say
    /// [`CloseReason::TakenOver`], and whoever waits in one of these two is woken; `away`, `leave`
    /// and its destructor change nothing. A member that was away is `here` again for the others
    /// before it can have sent anything.
    ///
    /// The frame is the `welcome`: it goes to the socket before anything that
    /// [`Session::poll_drain`] gives. It says `full` exactly if nothing is missing that the client
    /// has not handled: what it lacks comes again out of `poll_drain`, in order and before anything
    /// newer. Otherwise it says `partial`: both ends count anew from 0, what was kept is dropped,
    /// and the roster in the welcome and the frames after it are one history. After a `partial` the
    /// next one is `partial` again unless the client has sent something in between, since until then
    /// its `received` may belong to the older counting.
    ///
    /// Capacity does not matter, neither the room's nor the hub's, and the session's rate limits go
    /// on as they were. Grace periods are the caller's business: a session is kept for as long as
    /// its `Session` is.
    ///
    /// It waits for nothing, and may be called from any thread, whatever other threads do with the
    /// older `Session`. Dropping what it returns leaves the room, as ever.
    ///
    /// ```
    /// use std::{ops::ControlFlow, time::Instant};
    ///
    /// use meet_signal_core::{CloseReason, Grant, Hub, JoinRequest, RoomId};
    ///
    /// let hub = Hub::default();
    /// let room: RoomId = "standup".parse()?;
    /// let now = Instant::now();
    /// let (mut old, welcome) = hub.join(room.clone(), JoinRequest::default(), &Grant::new(), now)?;
    /// # let welcome: serde_json::Value = serde_json::from_str(welcome.as_str())?;
    /// # let ticket = welcome["ticket"].as_str().expect("a ticket");
    ///
    /// // The ticket is in the welcome; this client has handled no frame yet.
    /// let (new, welcome) = hub.resume(&room, ticket, 0, now)?;
    /// assert!(welcome.as_str().contains(r#""resumed":"full""#));
    /// assert_eq!(new.id(), old.id());
    ///
    /// let end = old.receive(r#"{"type":"leave"}"#, now);
    /// assert_eq!(end, ControlFlow::Break(CloseReason::TakenOver));
    /// assert_eq!(hub.sessions(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// See [`ResumeError`].
    pub fn resume(
        &self,
        room: &RoomId,
        ticket: &str,
        received: u64,
        now: Instant,
    ) -> Result<(Session, Frame), ResumeError> {
        let intake = InboundLimiter::new(self.limits(), now);
        self.resume_with(room, &Return { ticket, received, intake: &intake, address: None }, now)
    }

    pub(crate) fn resume_with(
        &self,
        room: &RoomId,
        back: &Return<'_>,
        now: Instant,
    ) -> Result<(Session, Frame), ResumeError> {
        let ticket = back.ticket;
        let hash = TicketHash::of(ticket);
        let taken = self.with_shard(room, |shard, wakers| {
            // Looked at under the lock, as for a join: see `drain`.
            if self.0.draining.load(Ordering::Relaxed) {
                return Err(ResumeError::Draining);
            }
            let hash = hash.ok_or(ResumeError::UnknownTicket)?;
            shard.take_over(self, room, hash, back, now, wakers)
        })?;
        let TakenOver { connection, outbox, standing } = taken;
        // It takes the older handle's place in the count of sessions.
        let session = Session::new(self.clone(), room.clone(), connection, outbox);
        let welcome = welcome(&session, ticket, &standing);
        Ok((session, welcome))
    }
}

impl Shard {
    fn take_over(
        &mut self,
        hub: &Hub,
        room: &RoomId,
        ticket: TicketHash,
        back: &Return<'_>,
        now: Instant,
        wakers: &mut Wakers,
    ) -> Result<TakenOver, ResumeError> {
        let entry = self.rooms.get_mut(room).ok_or(ResumeError::UnknownTicket)?;
        entry.take_over(hub, ticket, back, now, wakers)
    }
}

impl Entry {
    /// One step: the room's history, the session's, and who speaks for it, change together.
    fn take_over(
        &mut self,
        hub: &Hub,
        ticket: TicketHash,
        back: &Return<'_>,
        now: Instant,
        wakers: &mut Wakers,
    ) -> Result<TakenOver, ResumeError> {
        let peer = self.room.roster().find_by_ticket(ticket).ok_or(ResumeError::UnknownTicket)?;
        let seat = self.seats.get_mut(&peer).expect("every member has a seat");
        let resumed = seat.intake.resume(back.intake, hub.limits(), now);
        resumed.map_err(|retry_after| ResumeError::TooOften { retry_after })?;
        let address = back.address.map(AddressKey::from).or(seat.address);
        let from = (address, hub.sender(peer, address));
        let resumed = seat.take_over(back.received, from, wakers);
        let connection = Connection { peer, generation: seat.generation };
        let outbox = seat.outbox.clone();
        let (received, ice_servers) = (seat.received, seat.ice_servers.clone());
        // It is a member, and the others cannot be unreachable in a way that concerns it.
        let _ = self.apply(Input::Status { peer, status: Status::Here }, wakers);
        let roster = self.room.roster().iter().cloned().collect();
        let standing = Standing { resumed, received, roster, ice_servers };
        Ok(TakenOver { connection, outbox, standing })
    }
}
