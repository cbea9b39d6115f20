//! The limits on the frames from a session's client.

use std::{
    mem,
    time::{Duration, Instant},
};

use super::ParsedFrame;
use crate::{
    CloseReason, ErrorCode, Limits,
    message::{ErrorFrame, Malformed, Problem},
    rate::{Allowance, Taken, TokenBucket, announcement_cost},
};

/// Limits the rate of a session's frames and the number of malformed ones, across its connections:
/// resuming does not reset them.
#[derive(Debug)]
pub(crate) struct InboundLimiter {
    bad_messages_left: u32,
    frames: Allowance,
    bytes: Allowance,
    /// How many bytes of the incomplete message were counted already, with its fragments.
    counted: usize,
    updates: TokenBucket,
    resumes: TokenBucket,
}

/// The outcome of a frame that is not processed.
#[derive(Debug)]
pub(crate) enum Rejection {
    /// The client gets an error, and the connection stays open.
    Reply(ErrorFrame<'static>),
    /// The connection is closed.
    Close(CloseReason),
}

impl InboundLimiter {
    pub(crate) fn new(limits: &Limits, now: Instant) -> Self {
        let minute = Duration::from_secs(60);
        let (updates, resumes) = (limits.updates_per_minute(), limits.resumes_per_minute());
        let (bytes, burst) = (limits.rate_bytes_per_second(), limits.rate_burst_bytes());
        Self {
            bad_messages_left: limits.bad_messages(),
            frames: Allowance::new(limits.rate_per_second(), limits.rate_burst(), now),
            bytes: Allowance::new(bytes, burst, now),
            counted: 0,
            updates: TokenBucket::new(updates, minute, updates, now),
            resumes: TokenBucket::new(resumes, minute, resumes, now),
        }
    }

    /// Counts a resume. The frames of the newer connection before its `join` count for the session.
    ///
    /// # Errors
    ///
    /// The session was resumed too often; the error is how long to wait.
    pub(crate) fn resume(
        &mut self,
        before: &Self,
        limits: &Limits,
        now: Instant,
    ) -> Result<(), Duration> {
        self.resumes.take(now)?;
        self.absorb(before, limits, now);
        Ok(())
    }

    /// The same limiter with tighter limits.
    pub(crate) fn tightened(&self, limits: &Limits, tight: &Limits, now: Instant) -> Self {
        let mut tightened = Self::new(tight, now);
        tightened.absorb(self, limits, now);
        tightened
    }

    fn absorb(&mut self, before: &Self, limits: &Limits, now: Instant) {
        self.frames.absorb(&before.frames, now);
        self.bytes.absorb(&before.bytes, now);
        let bad_messages = limits.bad_messages() - before.bad_messages_left;
        self.bad_messages_left = self.bad_messages_left.saturating_sub(bad_messages);
        self.counted = 0;
    }

    /// Counts a frame, and returns its message if the frame is well-formed and within the rate.
    pub(crate) fn check<T>(&mut self, frame: ParsedFrame<T>, now: Instant) -> Result<T, Rejection> {
        let reference = frame.reference();
        let ParsedFrame { content, bytes, rate_exempt, .. } = frame;
        let bytes = bytes.saturating_sub(mem::take(&mut self.counted));
        match self.take(1, bytes, now).map_err(Rejection::Close)? {
            Some(wait) if !rate_exempt => Err(rate_exceeded("too many messages", wait, reference)),
            _ => content.map_err(|malformed| self.reject(malformed)),
        }
    }

    /// Counts WebSocket pings, pongs and fragments, and the bytes of the fragments. Exceeding the
    /// rate gets no reply.
    ///
    /// # Errors
    ///
    /// The rate is far exceeded, which ends the connection.
    pub(crate) fn check_control(
        &mut self,
        frames: usize,
        bytes: usize,
        now: Instant,
    ) -> Result<(), CloseReason> {
        self.counted = self.counted.saturating_add(bytes);
        self.take(frames, bytes, now).map(drop)
    }

    /// Counts an update to a `meta` of this size.
    pub(crate) fn check_update(
        &mut self,
        meta_bytes: usize,
        reference: Option<u64>,
        now: Instant,
    ) -> Result<(), Rejection> {
        let taken = self.updates.take_many(announcement_cost(meta_bytes), now);
        taken.map_err(|wait| rate_exceeded("too many updates", wait, reference))
    }

    /// If a rate is exceeded, the time until it is not.
    fn take(
        &mut self,
        frames: usize,
        bytes: usize,
        now: Instant,
    ) -> Result<Option<Duration>, CloseReason> {
        let tokens = |n| u32::try_from(n).unwrap_or(u32::MAX);
        let taken = [self.frames.take(tokens(frames), now), self.bytes.take(tokens(bytes), now)];
        taken.into_iter().try_fold(None, |wait, taken| match taken {
            Taken::Within => Ok(wait),
            Taken::Over(longer) => Ok(wait.max(Some(longer))),
            Taken::FarOver => Err(CloseReason::Flood),
        })
    }

    /// Counts an acknowledgement of frames that were never sent as a malformed message.
    pub(crate) fn invalid_ack(&mut self) -> Rejection {
        let message = "`received` is more than was sent";
        self.bad_message(ErrorFrame::new(ErrorCode::BadMessage, message))
    }

    fn reject(&mut self, malformed: Malformed) -> Rejection {
        let mut error = ErrorFrame::new(ErrorCode::BadMessage, malformed.to_string())
            .about(malformed.reference);
        if malformed.problem == Problem::UnknownType {
            error.code = ErrorCode::UnknownType;
            return Rejection::Reply(error);
        }
        self.bad_message(error)
    }

    fn bad_message(&mut self, error: ErrorFrame<'static>) -> Rejection {
        match self.bad_messages_left.checked_sub(1) {
            None => Rejection::Close(CloseReason::ProtocolViolation),
            Some(left) => {
                self.bad_messages_left = left;
                Rejection::Reply(error)
            }
        }
    }
}

/// The reply to a frame that exceeds a rate.
pub(crate) fn rate_exceeded(
    message: &'static str,
    wait: Duration,
    reference: Option<u64>,
) -> Rejection {
    Rejection::Reply(ErrorFrame::rate_limited(message, wait).about(reference))
}
