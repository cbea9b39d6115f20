//! What a client's frames must pass before anything is done because of them.

use std::time::Instant;

use crate::{
    CloseReason, ErrorCode, Limits,
    message::{ClientMessage, ErrorFrame, Malformed, Problem},
    rate::TokenBucket,
};

/// The rate, the size and the form of one session's frames, from its connection's first frame on.
#[derive(Debug)]
pub(crate) struct Intake {
    frame_bytes: usize,
    bad_messages_left: u32,
    rate: TokenBucket,
    /// Frames over the rate are answered, which costs, too. Who goes on and on is cut off.
    patience: TokenBucket,
}

/// A frame that is not processed.
#[derive(Debug)]
pub(crate) enum Rejected {
    /// The client is told, and goes on.
    Answered {
        error: ErrorFrame<'static>,
        /// Whether both ends count the frame.
        sequenced: bool,
    },
    /// The connection ends.
    Ended(CloseReason),
}

impl Intake {
    pub(crate) fn new(limits: &Limits, now: Instant) -> Self {
        let bucket = || TokenBucket::new(limits.rate_per_second(), limits.rate_burst(), now);
        Self {
            frame_bytes: limits.frame_bytes(),
            bad_messages_left: limits.bad_messages(),
            rate: bucket(),
            patience: bucket(),
        }
    }

    /// Reads one frame.
    pub(crate) fn read<'a>(
        &mut self,
        text: &'a str,
        now: Instant,
    ) -> Result<ClientMessage<'a>, Rejected> {
        if text.len() > self.frame_bytes {
            return Err(Rejected::Ended(CloseReason::FrameTooLarge));
        }
        let too_fast = self.rate.take(now).err();
        if too_fast.is_some() && self.patience.take(now).is_err() {
            return Err(Rejected::Ended(CloseReason::Flood));
        }
        let message = ClientMessage::parse(text);
        let (reference, sequenced) = match &message {
            Ok(message) => (message.reference(), message.is_sequenced()),
            Err(malformed) => (malformed.reference, malformed.sequenced),
        };
        match too_fast {
            // Acknowledging and leaving make less work, not more: they are taken at any rate.
            Some(wait) if sequenced && !matches!(message, Ok(ClientMessage::Leave)) => {
                let mut error = ErrorFrame::new(ErrorCode::RateLimited, "too many messages");
                // Rounded up: whoever waits for so long is not refused again.
                error.retry_after_ms = Some(wait.as_millis() as u64 + 1);
                error.reference = reference;
                Err(Rejected::Answered { error, sequenced })
            }
            _ => message.map_err(|malformed| self.reject(malformed)),
        }
    }

    /// An acknowledgement has the form of a message, but is of frames that were never sent.
    pub(crate) fn bad_acknowledgement(&mut self) -> Rejected {
        let message = "`received` is more than was sent";
        self.bad_message(ErrorFrame::new(ErrorCode::BadMessage, message), false)
    }

    fn reject(&mut self, malformed: Malformed) -> Rejected {
        let mut error = ErrorFrame::new(ErrorCode::BadMessage, malformed.to_string());
        error.reference = malformed.reference;
        if malformed.problem == Problem::UnknownType {
            error.code = ErrorCode::UnknownType;
            return Rejected::Answered { error, sequenced: malformed.sequenced };
        }
        self.bad_message(error, malformed.sequenced)
    }

    fn bad_message(&mut self, error: ErrorFrame<'static>, sequenced: bool) -> Rejected {
        match self.bad_messages_left.checked_sub(1) {
            None => Rejected::Ended(CloseReason::ProtocolViolation),
            Some(left) => {
                self.bad_messages_left = left;
                Rejected::Answered { error, sequenced }
            }
        }
    }
}
