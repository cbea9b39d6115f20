//! One membership on paper: what its member is owed, and what it may still say.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use meet_signal_core::{CloseReason, PeerId, Session};
use serde_json::Value;

/// The numbers that a history is played with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) room_peers: usize,
    pub(crate) sessions: usize,
    pub(crate) waiting: usize,
    pub(crate) per_second: u32,
    pub(crate) burst: u32,
    pub(crate) bad_messages: u32,
}

#[derive(Debug)]
pub(crate) struct Stay {
    /// Whose it is.
    pub(crate) who: usize,
    pub(crate) room: usize,
    pub(crate) id: PeerId,
    pub(crate) ticket: String,
    /// Until whoever drives it has found out that it is over.
    pub(crate) session: Option<Session>,
    pub(crate) away_since: Option<Instant>,
    /// Why it is no member any more.
    pub(crate) end: Option<CloseReason>,
    /// What waits for its socket.
    pub(crate) owed: VecDeque<(Owed, Class)>,
    pub(crate) overflowed: bool,
    /// How many events of its history are accounted for.
    pub(crate) events: usize,
    /// How many of its own frames were handled, and how many it has handled, since counting began.
    pub(crate) received: u64,
    pub(crate) handled: u64,
    /// Whether it has said something since.
    pub(crate) agreed: bool,
    pub(crate) rate: Bucket,
    pub(crate) patience: Bucket,
    pub(crate) bad_messages_left: u32,
    /// All that it was sent, the welcomes too.
    pub(crate) log: Vec<Value>,
}

/// A frame that is to come.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Owed {
    /// This one, to the letter.
    Text(String),
    /// An error with this code about the frame of this number.
    Error(&'static str, Option<u64>),
}

/// What a frame is to the one who is to get it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Class {
    /// Sent by this member. It is refused where there is no room.
    Relayed(PeerId),
    /// Sent by the application to this member alone. It is refused where there is no room.
    Direct,
    /// What it cannot do without.
    Event,
}

/// What one is allowed for an amount of time that one has not used.
#[derive(Debug)]
pub(crate) struct Bucket {
    price: Duration,
    most: Duration,
    credit: Duration,
    seen: Instant,
}

impl Stay {
    /// Whether there is room for one more frame.
    pub(crate) fn owe(&mut self, owed: Owed, class: Class, bound: usize) -> bool {
        let fits = !self.overflowed && self.owed.len() < bound && self.has_share_for(class, bound);
        if fits {
            self.owed.push_back((owed, class));
        } else if class == Class::Event {
            self.overflowed = true;
            self.owed.clear();
        }
        fits
    }

    /// Half of it is for what members send, of which one alone may have a third.
    fn has_share_for(&self, class: Class, bound: usize) -> bool {
        if !matches!(class, Class::Relayed(_)) {
            return true;
        }
        let own = self.owed.iter().filter(|(_, other)| *other == class).count();
        let relayed = self.owed.iter().filter(|(_, it)| matches!(it, Class::Relayed(_))).count();
        relayed == 0 || 2 * own + 1 + relayed <= bound.div_ceil(2)
    }

    pub(crate) fn is_member(&self) -> bool {
        self.end.is_none()
    }

    /// What it has heard, beginning with the last welcome that does not go on with what was before.
    pub(crate) fn last_counting(&self) -> &[Value] {
        let begins = |frame: &Value| frame["type"] == "welcome" && frame["resumed"] != "full";
        &self.log[self.log.iter().rposition(begins).expect("it was welcomed")..]
    }
}

impl Owed {
    pub(crate) fn is(&self, text: &str) -> bool {
        match self {
            Self::Text(owed) => owed == text,
            Self::Error(code, reference) => {
                let frame: Value = serde_json::from_str(text).expect("JSON");
                let expected = (Some("error"), Some(*code), *reference);
                (frame["type"].as_str(), frame["code"].as_str(), frame["ref"].as_u64()) == expected
            }
        }
    }
}

impl Bucket {
    pub(crate) fn new(per_second: u32, burst: u32, now: Instant) -> Self {
        let price = Duration::from_secs(1) / per_second;
        Self { price, most: price * burst, credit: price * burst, seen: now }
    }

    pub(crate) fn take(&mut self, now: Instant) -> bool {
        self.credit = self.most.min(self.credit + (now - self.seen));
        self.seen = now;
        let enough = self.credit >= self.price;
        if enough {
            self.credit -= self.price;
        }
        enough
    }
}
