//! One session: what it is to receive, and what it may still send.

use std::{
    ops::ControlFlow,
    task::Poll,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{
    Expected, Message,
    queue::{FrameClass, QueueBounds, QueueModel},
};
use crate::{CloseReason, Limits, Resumed};

/// The reference for what a hub keeps of a session, over all of its connections.
#[derive(Debug, Clone)]
pub struct SessionModel {
    pub(super) queue: QueueModel,
    /// The welcome that the current connection has not received yet.
    pub(super) greeting: Option<Value>,
    /// How many entries of its history went through the queue.
    pub(super) deliveries: usize,
    /// Whether its peer waits in the lobby.
    pub(super) waits: bool,
    bounds: QueueBounds,
    /// How many connections took the session over.
    generation: usize,
    /// The messages that were handled, of each sequence of numbers.
    handled: Vec<Vec<Message>>,
    /// Whether the client has sent something since the last sequence began: then it counts in that.
    counts_agree: bool,
    end: Option<CloseReason>,
    rate: TokenBucket,
    /// Of frames above the rate, each of which is answered.
    overflow: TokenBucket,
    bad_messages_left: u32,
}

/// Tokens, counted by the time in which they come back.
#[derive(Debug, Clone)]
struct TokenBucket {
    price: Duration,
    capacity: Duration,
    credit: Duration,
    updated: Instant,
}

impl SessionModel {
    pub(super) fn new(limits: &Limits, now: Instant) -> Self {
        let (frames, bytes) = (limits.outbox_frames(), limits.outbox_bytes());
        let rate = TokenBucket::new(limits.rate_per_second(), limits.rate_burst(), now);
        let bounds = QueueBounds {
            waiting: (frames, bytes),
            relayed: (frames.div_ceil(2), bytes.div_ceil(2)),
            unacknowledged: (limits.unacknowledged_frames(), limits.unacknowledged_bytes()),
        };
        Self {
            queue: QueueModel::new(bounds),
            greeting: None,
            deliveries: 0,
            waits: false,
            bounds,
            generation: 0,
            handled: vec![Vec::new()],
            counts_agree: true,
            end: None,
            overflow: rate.clone(),
            rate,
            bad_messages_left: limits.bad_messages(),
        }
    }

    /// A peer that has waited is a member from here on. Nothing that it was sent, or has sent, counts.
    pub(super) fn begin(&mut self) {
        self.queue = QueueModel::new(self.bounds);
        self.greeting = None;
        self.handled = vec![Vec::new()];
        self.counts_agree = true;
        self.waits = false;
    }

    /// Counts a frame, and returns whether it is within the rate. A break ends the connection.
    pub(super) fn take(&mut self, now: Instant) -> ControlFlow<CloseReason, bool> {
        let is_within_rate = self.rate.take(now);
        match self.end.clone() {
            Some(reason) => ControlFlow::Break(reason),
            None if is_within_rate || self.overflow.take(now) => {
                ControlFlow::Continue(is_within_rate)
            }
            None => ControlFlow::Break(CloseReason::Flood),
        }
    }

    /// Counts a bad message. A break ends the connection.
    pub(super) fn take_bad_message(&mut self) -> ControlFlow<CloseReason> {
        match self.bad_messages_left.checked_sub(1) {
            Some(left) => {
                self.bad_messages_left = left;
                ControlFlow::Continue(())
            }
            None => ControlFlow::Break(CloseReason::ProtocolViolation),
        }
    }

    pub(super) fn hear(&mut self) {
        self.counts_agree = true;
    }

    /// Messages in the lobby do not count.
    pub(super) fn handle(&mut self, message: Message) {
        if self.waits {
            return;
        }
        self.handled.last_mut().expect("the first one begins with the session").push(message);
    }

    pub(super) fn reply(&mut self, error: Value) {
        self.queue.push(Expected::Fields(error), FrameClass::Event);
    }

    pub(super) fn resume(&mut self, received: u64) -> Resumed {
        self.generation += 1;
        let received = self.counts_agree.then_some(received as usize);
        let resumed = self.queue.resume_from(received);
        if resumed == Resumed::Partial {
            self.handled.push(Vec::new());
            self.counts_agree = false;
        }
        resumed
    }

    pub(super) fn close(&mut self, reason: CloseReason) {
        self.end.get_or_insert(reason);
        self.queue.overflow();
    }

    pub(super) fn drain(&mut self, most: usize) -> Poll<Result<Vec<Expected>, CloseReason>> {
        if let Some(reason) = self.end.clone() {
            return Poll::Ready(Err(reason));
        }
        // A greeting is sent alone, and also if the queue has overflowed.
        if let Some(welcome) = self.greeting.take() {
            return Poll::Ready(Ok(vec![Expected::Fields(welcome)]));
        }
        if self.queue.has_overflowed() {
            return Poll::Ready(Err(CloseReason::TooSlow));
        }
        let batch = self.queue.send(most);
        if batch.is_empty() { Poll::Pending } else { Poll::Ready(Ok(batch)) }
    }

    /// Why the session has ended, if it has.
    pub fn end(&self) -> Option<CloseReason> {
        self.end.clone()
    }

    /// Which connection it has; the first one is 0.
    pub fn generation(&self) -> usize {
        self.generation
    }

    /// The frames that it received and is to receive.
    pub fn queue(&self) -> &QueueModel {
        &self.queue
    }

    /// The sequenced messages that were handled in a sequence of numbers, in order.
    pub fn handled(&self, sequence: usize) -> &[Message] {
        &self.handled[sequence]
    }

    /// How many sequenced messages were handled in the current sequence; 0 once it has ended.
    pub fn received(&self) -> u64 {
        if self.end.is_some() { 0 } else { self.handled(self.handled.len() - 1).len() as u64 }
    }

    /// Whether its current connection has received everything.
    pub fn is_up_to_date(&self) -> bool {
        self.end.is_none() && self.greeting.is_none() && self.queue.is_drained()
    }
}

impl TokenBucket {
    fn new(per_second: u32, burst: u32, now: Instant) -> Self {
        let price = Duration::from_secs(1) / per_second;
        Self { price, capacity: price * burst, credit: price * burst, updated: now }
    }

    fn take(&mut self, now: Instant) -> bool {
        self.credit = self.capacity.min(self.credit + (now - self.updated));
        self.updated = now;
        let left = self.credit.checked_sub(self.price);
        self.credit = left.unwrap_or(self.credit);
        left.is_some()
    }
}
