//! Resuming a session on a newer connection.

use std::{
    net::IpAddr,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use thiserror::Error;

use super::{Hub, drain};
use crate::{CloseReason, ErrorCode, RoomId, Session, inbound::InboundLimiter, ticket::TicketHash};

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

/// What a connection presents to resume a session.
pub(crate) struct ResumeRequest<'a> {
    pub(crate) ticket: &'a str,
    /// How many of the session's frames the client has handled.
    pub(crate) received: u64,
    /// What its connection has sent before.
    pub(crate) limiter: &'a InboundLimiter,
    /// Where it comes from; as before, where that is not known.
    pub(crate) address: Option<IpAddr>,
}

impl Hub {
    /// Resumes a session of `room` on a newer connection, whose client presents the `ticket` of
    /// its `welcome` and has handled `received` of the session's sequenced frames.
    ///
    /// It happens at once, also while an older connection still believes that it has the session:
    /// from here on the older [`Session`] does nothing. Its [`receive`](Session::receive),
    /// [`poll_drain`](Session::poll_drain) and [`poll_closed`](Session::poll_closed) say
    /// [`CloseReason::TakenOver`], and a task that waits in one of these two is woken; `away`, `leave`
    /// and its destructor change nothing. A member that was away is `here` again for the others
    /// before it can have sent anything.
    ///
    /// The first frame that [`Session::poll_drain`] gives is another `welcome`. It says `full`
    /// exactly if everything that the client has not handled is still kept: `poll_drain` gives that
    /// again, in order and before anything newer. Otherwise it says `partial`: both ends count anew
    /// from 0, what was kept is dropped, and the roster in the welcome and the frames after it are one
    /// history. After a `partial` the
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
        let request = ResumeRequest { ticket, received, limiter: &limiter, address: None };
        self.resume_with(room, &request, now)
    }

    pub(crate) fn resume_with(
        &self,
        room: &RoomId,
        request: &ResumeRequest<'_>,
        now: Instant,
    ) -> Result<Session, ResumeError> {
        let ticket = TicketHash::of(request.ticket);
        let resumed = self.with_shard(room, |shard, wakers| {
            // Read under the lock, as for a join: see `drain`.
            if self.0.draining.load(Ordering::Relaxed) {
                return Err(ResumeError::Draining);
            }
            let ticket = ticket.ok_or(ResumeError::UnknownTicket)?;
            let state = shard.get_mut(room).ok_or(ResumeError::UnknownTicket)?;
            state.resume(self, ticket, request, now, wakers)
        });
        let (connection, snapshot) = resumed?;
        // It takes the older handle's place in the count of sessions.
        Ok(self.greeted(room.clone(), connection, request.ticket, &snapshot))
    }
}
