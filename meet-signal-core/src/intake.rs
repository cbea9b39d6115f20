//! What a client's frames must pass before anything is done because of them.

use std::time::{Duration, Instant};

use crate::{
    CloseReason, ErrorCode, Limits,
    message::{ClientMessage, ErrorFrame, Malformed, Problem},
    rate::TokenBucket,
};

/// The rate and the form of one session's frames, over all of its connections: coming back makes
/// nobody a stranger.
#[derive(Debug)]
pub(crate) struct Intake {
    bad_messages_left: u32,
    rate: TokenBucket,
    /// Frames over the rate are answered, which costs, too. Who goes on and on is cut off.
    patience: TokenBucket,
    resumes: TokenBucket,
}

/// A frame that was read, and not yet judged.
#[derive(Debug)]
pub(crate) struct Read<T> {
    content: Result<T, Malformed>,
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
        let unhindered = !sequenced || matches!(content, Ok(ClientMessage::Leave));
        Ok(Self { content, reference, sequenced, unhindered })
    }
}

impl<T> Read<T> {
    /// Makes something else of the message.
    pub(crate) fn map<U>(self, f: impl FnOnce(T) -> U) -> Read<U> {
        let Self { content, reference, sequenced, unhindered } = self;
        Read { content: content.map(f), reference, sequenced, unhindered }
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

impl Intake {
    pub(crate) fn new(limits: &Limits, now: Instant) -> Self {
        let second = Duration::from_secs(1);
        let rate = TokenBucket::new(limits.rate_per_second(), second, limits.rate_burst(), now);
        let resumes = limits.resumes_per_minute();
        Self {
            bad_messages_left: limits.bad_messages(),
            patience: rate.clone(),
            rate,
            resumes: TokenBucket::new(resumes, 60 * second, resumes, now),
        }
    }

    /// Lets another connection take the session over.
    ///
    /// # Errors
    ///
    /// Not now; the error is how long to wait.
    pub(crate) fn resume(&mut self, now: Instant) -> Result<(), Duration> {
        self.resumes.take(now)
    }

    /// Lets a frame pass, or not.
    pub(crate) fn judge<T>(&mut self, frame: Read<T>, now: Instant) -> Result<T, Rejected> {
        let Read { content, reference, sequenced: _, unhindered } = frame;
        match self.rate.take(now) {
            Err(_) if self.patience.take(now).is_err() => {
                return Err(Rejected::Ended(CloseReason::Flood));
            }
            Err(wait) if !unhindered => {
                let mut error = ErrorFrame::rate_limited("too many messages", wait);
                error.reference = reference;
                return Err(Rejected::Answered(error));
            }
            _ => {}
        }
        content.map_err(|malformed| self.reject(malformed))
    }

    /// Counts a WebSocket ping or pong: they make work, too, and each ping an answer that waits for
    /// the socket. Over the rate, there is nothing to tell the client by.
    ///
    /// # Errors
    ///
    /// The connection ends.
    pub(crate) fn control(&mut self, now: Instant) -> Result<(), CloseReason> {
        let taken = self.rate.take(now).or_else(|_| self.patience.take(now));
        taken.map_err(|_| CloseReason::Flood)
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
