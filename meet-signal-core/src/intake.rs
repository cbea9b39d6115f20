//! What a client's frames must pass before anything is done because of them.

use std::{
    mem,
    time::{Duration, Instant},
};

use crate::{
    CloseReason, ErrorCode, Limits,
    message::{ClientMessage, ErrorFrame, Malformed, Problem},
    rate::{Allowance, Taken, TokenBucket, announcement_cost},
};

/// The rate and the form of one session's frames, over all of its connections: coming back makes
/// nobody a stranger.
#[derive(Debug)]
pub(crate) struct InboundLimiter {
    bad_messages_left: u32,
    frames: Allowance,
    bytes: Allowance,
    /// How many bytes of the message that is coming were counted already, with its fragments.
    counted: usize,
    updates: TokenBucket,
    resumes: TokenBucket,
}

/// A frame that was read, and not yet judged.
#[derive(Debug)]
pub(crate) struct Read<T> {
    content: Result<T, Malformed>,
    bytes: usize,
    reference: Option<u64>,
    /// Whether both ends count it.
    sequenced: bool,
    /// It is taken at any rate.
    unhindered: bool,
}

/// A frame that is not processed.
#[derive(Debug)]
pub(crate) enum Rejected {
    /// The client is told, and goes on.
    Answered(ErrorFrame<'static>),
    /// The connection ends.
    Ended(CloseReason),
}

impl<'a> Read<ClientMessage<'a>> {
    /// Reads a frame's text.
    pub(crate) fn new(text: &'a str, limits: &Limits) -> Result<Self, CloseReason> {
        if text.len() > limits.frame_bytes() {
            return Err(CloseReason::FrameTooLarge);
        }
        let content = ClientMessage::parse(text);
        let (reference, sequenced) = match &content {
            Ok(message) => (message.reference(), message.is_sequenced()),
            Err(malformed) => (malformed.reference, malformed.sequenced),
        };
        // Acknowledging and leaving make less work, not more.
        let unhindered = !sequenced || matches!(content, Ok(ClientMessage::Leave { .. }));
        Ok(Self { content, bytes: text.len(), reference, sequenced, unhindered })
    }
}

impl<T> Read<T> {
    /// Makes something else of the message.
    pub(crate) fn map<U>(self, f: impl FnOnce(T) -> U) -> Read<U> {
        let Self { content, bytes, reference, sequenced, unhindered } = self;
        Read { content: content.map(f), bytes, reference, sequenced, unhindered }
    }

    /// The number by which the sender wants to be told of an error.
    pub(crate) fn reference(&self) -> Option<u64> {
        self.reference
    }

    /// Whether both ends count it, whatever is wrong with it.
    pub(crate) fn is_sequenced(&self) -> bool {
        self.sequenced
    }
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

    /// Lets another connection take the session over. What that one has sent before its `join` counts
    /// as the session's.
    ///
    /// # Errors
    ///
    /// Not now; the error is how long to wait.
    pub(crate) fn resume(
        &mut self,
        before: &Self,
        limits: &Limits,
        now: Instant,
    ) -> Result<(), Duration> {
        self.resumes.take(now)?;
        self.frames.absorb(&before.frames, now);
        self.bytes.absorb(&before.bytes, now);
        let bad_messages = limits.bad_messages() - before.bad_messages_left;
        self.bad_messages_left = self.bad_messages_left.saturating_sub(bad_messages);
        self.counted = 0;
        Ok(())
    }

    /// Lets a frame pass, or not.
    pub(crate) fn judge<T>(&mut self, frame: Read<T>, now: Instant) -> Result<T, Rejected> {
        let Read { content, bytes, reference, sequenced: _, unhindered } = frame;
        let bytes = bytes.saturating_sub(mem::take(&mut self.counted));
        match self.take(1, bytes, now).map_err(Rejected::Ended)? {
            Some(wait) if !unhindered => Err(over_rate("too many messages", wait, reference)),
            _ => content.map_err(|malformed| self.reject(malformed)),
        }
    }

    /// Counts what is no message: so many WebSocket pings, pongs or fragments, and the bytes of the
    /// latter. They make work, too. Over the rate, there is nothing to tell the client by.
    ///
    /// # Errors
    ///
    /// The connection ends.
    pub(crate) fn control(
        &mut self,
        frames: usize,
        bytes: usize,
        now: Instant,
    ) -> Result<(), CloseReason> {
        self.counted = self.counted.saturating_add(bytes);
        self.take(frames, bytes, now).map(drop)
    }

    /// Lets a new `meta` of this size be announced to the room, or not.
    pub(crate) fn update(
        &mut self,
        meta_bytes: usize,
        reference: Option<u64>,
        now: Instant,
    ) -> Result<(), Rejected> {
        let taken = self.updates.take_many(announcement_cost(meta_bytes), now);
        taken.map_err(|wait| over_rate("too many updates", wait, reference))
    }

    /// `Some` where it is over a rate, and would not be after that time.
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

    /// An acknowledgement has the form of a message, but is of frames that were never sent.
    pub(crate) fn bad_acknowledgement(&mut self) -> Rejected {
        let message = "`received` is more than was sent";
        self.bad_message(ErrorFrame::new(ErrorCode::BadMessage, message))
    }

    fn reject(&mut self, malformed: Malformed) -> Rejected {
        let mut error = ErrorFrame::new(ErrorCode::BadMessage, malformed.to_string());
        error.reference = malformed.reference;
        if malformed.problem == Problem::UnknownType {
            error.code = ErrorCode::UnknownType;
            return Rejected::Answered(error);
        }
        self.bad_message(error)
    }

    fn bad_message(&mut self, error: ErrorFrame<'static>) -> Rejected {
        match self.bad_messages_left.checked_sub(1) {
            None => Rejected::Ended(CloseReason::ProtocolViolation),
            Some(left) => {
                self.bad_messages_left = left;
                Rejected::Answered(error)
            }
        }
    }
}

/// The answer to what is over a rate.
pub(crate) fn over_rate(message: &'static str, wait: Duration, reference: Option<u64>) -> Rejected {
    let mut error = ErrorFrame::rate_limited(message, wait);
    error.reference = reference;
    Rejected::Answered(error)
}
