//! The heartbeat: when to ping a connection, and when it is lost.

use std::time::{Duration, Instant};

use crate::{CloseReason, Limits, limits::reading_time};

/// After how many silent heartbeats a connection is lost.
const SILENT_HEARTBEATS: u32 = 3;

/// The heartbeat state of one connection.
#[derive(Debug, Clone)]
pub(super) struct Liveness {
    heartbeat: Duration,
    message_timeout: Duration,
    bytes_per_second: u32,
    heard: Instant,
    sent: Instant,
    pinged: Instant,
    /// How long a client that is not too slow may take to read everything that was sent before the
    /// last message, as of when it was last heard, plus what was sent since.
    unread: Duration,
    silence: Deadline,
    /// When the first fragment of an incomplete message arrived.
    message: Option<Instant>,
    overdue: Deadline,
}

/// A deadline for the other end. After it, data that has already arrived is read first: a server
/// that was suspended must not close connections whose data it has not read yet.
#[derive(Debug, Clone, Default)]
struct Deadline {
    final_read: Option<Instant>,
}

/// What to do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum HeartbeatAction {
    /// Nothing before this instant.
    Wait(Instant),
    /// Send a ping.
    Ping,
    /// Nothing was heard for three heartbeats, or a message took too long.
    Close(CloseReason),
}

impl Liveness {
    pub(super) fn new(limits: &Limits, now: Instant) -> Self {
        Self {
            heartbeat: limits.heartbeat(),
            message_timeout: limits.message_timeout(),
            bytes_per_second: limits.read_bytes_per_second(),
            heard: now,
            sent: now,
            pinged: now,
            unread: Duration::ZERO,
            silence: Deadline::default(),
            message: None,
            overdue: Deadline::default(),
        }
    }

    /// A complete message arrived.
    pub(super) fn heard(&mut self, now: Instant) {
        self.message = None;
        self.overdue = Deadline::default();
        self.heard_control(now);
    }

    /// A control frame arrived; it may come between the fragments of a message.
    pub(super) fn heard_control(&mut self, now: Instant) {
        self.unread = self.unread.saturating_sub(now - self.heard);
        self.heard = now;
    }

    /// A fragment of a message arrived.
    pub(super) fn heard_fragment(&mut self, now: Instant) {
        self.message.get_or_insert(now);
        self.heard_control(now);
    }

    /// So many bytes were sent.
    pub(super) fn sent(&mut self, bytes: usize, now: Instant) {
        self.sent = now;
        self.unread += reading_time(bytes, self.bytes_per_second);
    }

    /// A ping was sent.
    pub(super) fn pinged(&mut self, now: Instant) {
        self.pinged = now;
        self.sent = now;
    }

    pub(super) fn check(&mut self, now: Instant) -> HeartbeatAction {
        let heartbeat = self.heartbeat;
        let final_read = heartbeat.min(FINAL_READ);
        let silent = self.heard + heartbeat * SILENT_HEARTBEATS;
        let Some(mut next) = self.silence.check(silent + self.unread, final_read, now) else {
            return HeartbeatAction::Close(CloseReason::HeartbeatMissed);
        };
        if let Some(began) = self.message {
            let overdue = began + self.message_timeout;
            let Some(overdue) = self.overdue.check(overdue, final_read, now) else {
                return HeartbeatAction::Close(CloseReason::TooSlow);
            };
            next = next.min(overdue);
        }
        // Each end detects a loss by silence, so a ping is due when either direction was silent.
        // A ping is not repeated before the client can have answered it.
        let ping = self.heard.min(self.sent).max(self.pinged) + heartbeat;
        if now >= silent {
            // Another ping would change nothing.
            HeartbeatAction::Wait(next)
        } else if now >= ping {
            HeartbeatAction::Ping
        } else {
            HeartbeatAction::Wait(next.min(ping))
        }
    }
}

impl Deadline {
    /// When to check again; `None` after the deadline, once the data that had arrived by then was
    /// read.
    fn check(&mut self, end: Instant, final_read: Duration, now: Instant) -> Option<Instant> {
        if now < end {
            self.final_read = None;
            return Some(end);
        }
        let final_read = *self.final_read.get_or_insert(now + final_read);
        (now < final_read).then_some(final_read)
    }
}

/// How long to go on reading after a deadline before the connection is closed.
const FINAL_READ: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    const BEAT: Duration = Duration::from_secs(10);
    const LOST: HeartbeatAction = HeartbeatAction::Close(CloseReason::HeartbeatMissed);

    fn liveness(start: Instant) -> Liveness {
        Liveness::new(&Limits::builder().heartbeat(BEAT).build().unwrap(), start)
    }

    #[test]
    fn quiet_in_either_direction_is_pinged() {
        let start = Instant::now();
        let mut live = liveness(start);
        assert_eq!(live.check(start), HeartbeatAction::Wait(start + BEAT));
        // The client sends but receives nothing: it would consider this server dead.
        live.heard(start + BEAT / 2);
        assert_eq!(live.check(start + BEAT), HeartbeatAction::Ping);
        live.pinged(start + BEAT);
        assert_eq!(live.check(start + BEAT), HeartbeatAction::Wait(start + BEAT * 2));
        // This end sends but receives nothing.
        live.sent(1, start + BEAT * 3 / 2);
        assert_eq!(live.check(start + BEAT * 2), HeartbeatAction::Ping);
    }

    #[test]
    fn no_ping_is_due_while_both_directions_are_active() {
        let start = Instant::now();
        let mut live = liveness(start);
        live.heard(start + BEAT / 2);
        live.sent(1, start + BEAT * 3 / 4);
        assert_eq!(live.check(start + BEAT), HeartbeatAction::Wait(start + BEAT * 3 / 2));
        live.heard(start + BEAT);
        assert_eq!(live.check(start + BEAT * 3 / 2), HeartbeatAction::Wait(start + BEAT * 7 / 4));
    }

    #[test]
    fn three_silent_heartbeats_are_a_loss_after_the_final_read() {
        let start = Instant::now();
        let mut live = liveness(start);
        live.pinged(start + BEAT);
        live.pinged(start + BEAT * 2);
        live.sent(0, start + BEAT * 3 - Duration::from_millis(1));
        let lost = start + BEAT * 3;
        assert_eq!(live.check(lost - Duration::from_nanos(1)), HeartbeatAction::Wait(lost));
        // This end may have been suspended, with a minute of the client's frames unread.
        let late = lost + BEAT * 6;
        assert_eq!(live.check(late), HeartbeatAction::Wait(late + FINAL_READ));
        assert_eq!(live.check(late + FINAL_READ), LOST);
        live.heard(late + FINAL_READ);
        assert_ne!(live.check(late + FINAL_READ), LOST);
    }

    #[test]
    fn unread_data_before_a_ping_extends_the_deadline() {
        let start = Instant::now();
        let mut live = liveness(start);
        // Two minutes at 64 KiB/s, of which one has passed when the client is heard.
        live.sent(120 * 64 * 1024, start);
        live.heard(start + BEAT * 6);
        live.pinged(start + BEAT * 14);
        let lost = start + BEAT * 6 + BEAT * 3 + BEAT * 6;
        assert_eq!(live.check(lost - BEAT / 2), HeartbeatAction::Wait(lost));
        assert_eq!(live.check(lost), HeartbeatAction::Wait(lost + FINAL_READ));
        assert_eq!(live.check(lost + FINAL_READ), LOST);
    }

    #[test]
    fn a_message_has_a_time_to_be_complete() {
        let start = Instant::now();
        let mut live = liveness(start);
        live.heard_fragment(start);
        let overdue = start + Limits::default().message_timeout();
        for second in 1..=9 {
            live.heard_fragment(start + Duration::from_secs(second));
            live.heard_control(start + Duration::from_secs(second));
        }
        live.sent(1, start + Duration::from_secs(9));
        assert_eq!(live.check(start + Duration::from_secs(9)), HeartbeatAction::Wait(overdue));
        assert_eq!(live.check(overdue), HeartbeatAction::Wait(overdue + FINAL_READ));
        // Another fragment does not complete the message.
        live.heard_fragment(overdue + FINAL_READ / 2);
        let mut complete = live.clone();
        let late = overdue + FINAL_READ;
        assert_eq!(live.check(late), HeartbeatAction::Close(CloseReason::TooSlow));
        complete.heard(late);
        assert!(!matches!(complete.check(late), HeartbeatAction::Close(_)));
    }
}
