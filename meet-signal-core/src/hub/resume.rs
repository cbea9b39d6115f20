//! Resuming a session on a newer connection: `Hub::resume`.

use std::{
    net::IpAddr,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use thiserror::Error;

use super::{Hub, drain, greeting::Greeting, session_state::WelcomeTerms};
use crate::{
    CloseReason, ErrorCode, Grant, RoomId, Session, inbound::InboundLimiter, ticket::TicketHash,
};

/// Why a session was not resumed. If the session exists, it is unchanged.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ResumeError {
    /// The room has no session with this ticket (any more). The protocol has no error for it: the
    /// client joins with a new session instead, if it may; see [`Hub::join`].
    #[error("no session has this ticket")]
    UnknownTicket,
    /// The session was resumed more often than [`Limits::resumes_per_minute`] allows.
    ///
    /// [`Limits::resumes_per_minute`]: crate::Limits::resumes_per_minute
    #[error("resumed too often")]
    TooOften {
        /// How long to wait before resuming it again.
        retry_after: Duration,
    },
    /// The hub is [draining](Hub::drain).
    #[error("the server is stopping")]
    Draining,
    /// A moderator or the application has ended the session, and its client may not know that: it is
    /// closed with this reason.
    #[error("the session has ended")]
    Ended(CloseReason),
    /// The session has another identity than the newer grant.
    #[error("the session belongs to another user")]
    OtherIdentity,
}

impl ResumeError {
    /// The error code for the client. Of an unknown ticket, the client gets it only from a server
    /// that allows no new session in its place.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::UnknownTicket | Self::OtherIdentity => ErrorCode::Unauthorized,
            Self::TooOften { .. } => ErrorCode::RateLimited,
            Self::Draining => ErrorCode::Unavailable,
            Self::Ended(_) => ErrorCode::Denied,
        }
    }

    /// The reason that the connection is closed with.
    pub fn close_reason(&self) -> CloseReason {
        match self {
            Self::UnknownTicket | Self::OtherIdentity => CloseReason::Unauthorized,
            Self::TooOften { .. } => CloseReason::Flood,
            Self::Draining => drain::reason(),
            Self::Ended(reason) => reason.clone(),
        }
    }
}

/// A connection's request to resume a session.
pub(crate) struct ResumeRequest<'a> {
    pub(crate) ticket: &'a str,
    /// How many of the session's frames the client has handled; `None` if it still waited in the lobby
    /// and has had no welcome.
    pub(crate) received: Option<u64>,
    /// The usage by the newer connection before its `join`.
    pub(crate) limiter: &'a InboundLimiter,
    /// The address of the newer connection; if it is not known, the session keeps its address.
    pub(crate) address: Option<IpAddr>,
    /// The application's newer decision, if it was asked again.
    pub(crate) grant: Option<&'a Grant>,
}

impl Hub {
    /// Resumes a session of `room` on a newer connection, whose client has the `ticket` of its
    /// `welcome` and has handled `received` of the session's sequenced frames.
    ///
    /// It takes effect at once, even if an older connection is still open: from then on the older
    /// [`Session`] does nothing. Its [`receive`](Session::receive),
    /// [`poll_drain`](Session::poll_drain) and [`poll_closed`](Session::poll_closed) return
    /// [`CloseReason::TakenOver`], and a task that waits in one of the latter two is woken; `away`,
    /// `leave` and its destructor have no effect. If the member was away, the others get its status
    /// `here` before anything that it sends.
    ///
    /// The first frame that [`Session::poll_drain`] yields is another `welcome`. It has `full`
    /// exactly if all frames that the client has not handled are still available: `poll_drain` then
    /// yields them again, in order and before anything newer. Otherwise it has `partial`: both ends
    /// count from 0 again, the old frames are dropped, and the roster in the welcome and the frames
    /// after it are one consistent history. After a `partial`, the next resume is `partial` again
    /// unless the client has sent something in between, because its `received` may still belong to
    /// the older count.
    ///
    /// The capacity of the room and of the hub does not matter, and the session's rate limits
    /// continue. Grace periods are up to the caller: a session is kept as long as its `Session`.
    ///
    /// It does not block, and may be called from any thread, whatever other threads do with the
    /// older `Session`. Dropping the returned `Session` leaves the room.
    ///
    /// ```
    /// use std::{ops::ControlFlow, time::Instant};
    ///
    /// use meet_signal_core::{CloseReason, Grant, Hub, JoinRequest, RoomId};
    ///
    /// let hub = Hub::default();
    /// let room: RoomId = "standup".parse()?;
    /// let now = Instant::now();
    /// let mut old = hub.join(room.clone(), JoinRequest::default(), &Grant::new(), now)?;
    /// # let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    /// # let mut frames = Vec::new();
    /// # let _ = old.poll_drain(&cx, 1, &mut frames);
    /// # let welcome: serde_json::Value = serde_json::from_str(frames[0].as_str())?;
    /// # let ticket = welcome["ticket"].as_str().expect("a ticket");
    ///
    /// // The ticket is in the welcome; this client has handled no frame yet.
    /// let new = hub.resume(&room, ticket, 0, now)?;
    /// assert_eq!(new.id(), old.id());
    /// # let mut frames = Vec::new();
    /// # let _ = new.poll_drain(&cx, 1, &mut frames);
    /// # assert!(frames[0].as_str().contains(r#""resumed":"full""#));
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
    ) -> Result<Session, ResumeError> {
        let limiter = InboundLimiter::new(self.limits(), now);
        let request = ResumeRequest {
            ticket,
            received: Some(received),
            limiter: &limiter,
            address: None,
            grant: None,
        };
        Ok(self.resume_with(room, &request, now)?.send())
    }

    /// [`resume`](Self::resume) with a newer decision of the application: the data of `grant`, and its
    /// permissions, `meta` and ICE servers where they differ from the last grant, apply to the session
    /// from then on. If there was a `meta` and there is none now, the member keeps it, and may update
    /// it.
    ///
    /// # Errors
    ///
    /// See [`ResumeError`]. [`OtherIdentity`](ResumeError::OtherIdentity): the grant has another
    /// identity than the session, or only one of them has one. The session is unchanged.
    pub fn resume_with_grant(
        &self,
        room: &RoomId,
        ticket: &str,
        received: u64,
        grant: &Grant,
        now: Instant,
    ) -> Result<Session, ResumeError> {
        let limiter = InboundLimiter::new(self.limits(), now);
        let grant = Some(grant);
        let received = Some(received);
        let request = ResumeRequest { ticket, received, limiter: &limiter, address: None, grant };
        Ok(self.resume_with(room, &request, now)?.send())
    }

    pub(crate) fn resume_with(
        &self,
        room: &RoomId,
        request: &ResumeRequest<'_>,
        now: Instant,
    ) -> Result<Greeting, ResumeError> {
        let ticket = TicketHash::of(request.ticket);
        let terms = WelcomeTerms::new(room.clone(), request.ticket.to_owned(), self.limits());
        let entered = self.with_shard(room, |shard, wakers| {
            // Read under the lock, as for a join: see `drain`.
            if self.0.draining.load(Ordering::Relaxed) {
                return Err(ResumeError::Draining);
            }
            let ticket = ticket.ok_or(ResumeError::UnknownTicket)?;
            let state = shard.get_mut(room).ok_or(ResumeError::UnknownTicket)?;
            let resumed = state.resume(self, ticket, request, terms, (now, wakers));
            self.settle(shard, room);
            resumed
        });
        // Counted in place of the older handle.
        Ok(Greeting::new(self, room.clone(), entered?))
    }
}
