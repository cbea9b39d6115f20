//! When to ping a connection, and when to give it up.

use std::time::{Duration, Instant};

use crate::{CloseReason, Limits, limits::reading_time};

/// How many heartbeats of silence make a connection lost.
const SILENT_HEARTBEATS: u32 = 3;

/// Watches one connection.
#[derive(Debug, Clone)]
pub(super) struct Liveness {
    heartbeat: Duration,
    message_timeout: Duration,
    bytes_per_second: u32,
    heard: Instant,
    sent: Instant,
    pinged: Instant,
    /// How long a client that is not too slow may have to read before it comes to what was sent last:
    /// as of when it was last heard, and what has been sent since.
    unread: Duration,
    silence: Deadline,
    /// Since when a message has been coming in fragments.
    message: Option<Instant>,
    overdue: Deadline,
}

/// Something that has to happen in time. A server that has stood still judges by what it was sent,
/// not by what it has got round to reading: a moment passes between time and verdict.
#[derive(Debug, Clone, Default)]
struct Deadline {
    last_call: Option<Instant>,
}

/// What is to be done now.
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

    /// A whole message came from the other end.
    pub(super) fn heard(&mut self, now: Instant) {
        self.message = None;
        self.overdue = Deadline::default();
        self.heard_between(now);
    }

    /// Something came that may come between the fragments of a message.
    pub(super) fn heard_between(&mut self, now: Instant) {
        self.unread = self.unread.saturating_sub(now - self.heard);
        self.heard = now;
    }

    /// A part of a message came.
    pub(super) fn heard_part(&mut self, now: Instant) {
        self.message.get_or_insert(now);
        self.heard_between(now);
    }

    /// So many bytes went to the other end.
    pub(super) fn sent(&mut self, bytes: usize, now: Instant) {
        self.sent = now;
        self.unread += reading_time(bytes, self.bytes_per_second);
    }

    /// A ping went to the other end.
    pub(super) fn pinged(&mut self, now: Instant) {
        self.pinged = now;
        self.sent = now;
    }

    pub(super) fn check(&mut self, now: Instant) -> HeartbeatAction {
        let heartbeat = self.heartbeat;
        let last_call = heartbeat.min(LAST_CALL);
        let silent = self.heard + heartbeat * SILENT_HEARTBEATS;
        let Some(mut next) = self.silence.check(silent + self.unread, last_call, now) else {
            return HeartbeatAction::Close(CloseReason::HeartbeatMissed);
        };
        if let Some(began) = self.message {
            let overdue = began + self.message_timeout;
            let Some(overdue) = self.overdue.check(overdue, last_call, now) else {
                return HeartbeatAction::Close(CloseReason::TooSlow);
            };
            next = next.min(overdue);
        }
        // Both ends judge by silence, so a ping is due when either direction was quiet. A ping that
        // went out a moment ago is not repeated before it can have been answered.
        let ping = self.heard.min(self.sent).max(self.pinged) + heartbeat;
        if now >= silent {
            // One more ping would change nothing.
            HeartbeatAction::Wait(next)
        } else if now >= ping {
            HeartbeatAction::Ping
        } else {
            HeartbeatAction::Wait(next.min(ping))
        }
    }
}

impl Deadline {
    /// When to look again; `None` once its time is up and what had arrived by then has been read.
    fn check(&mut self, end: Instant, last_call: Duration, now: Instant) -> Option<Instant> {
        if now < end {
            self.last_call = None;
            return Some(end);
        }
        let last_call = *self.last_call.get_or_insert(now + last_call);
        (now < last_call).then_some(last_call)
    }
}

/// How long what has arrived is read before a connection is given up.
const LAST_CALL: Duration = Duration::from_millis(500);

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
        // The other end talks, but hears nothing: it would count this server as dead.
        live.heard(start + BEAT / 2);
        assert_eq!(live.check(start + BEAT), HeartbeatAction::Ping);
        live.pinged(start + BEAT);
        assert_eq!(live.check(start + BEAT), HeartbeatAction::Wait(start + BEAT * 2));
        // This end talks, but hears nothing.
        live.sent(1, start + BEAT * 3 / 2);
        assert_eq!(live.check(start + BEAT * 2), HeartbeatAction::Ping);
    }

    #[test]
    fn who_talks_and_is_talked_to_is_not_pinged() {
        let start = Instant::now();
        let mut live = liveness(start);
        live.heard(start + BEAT / 2);
        live.sent(1, start + BEAT * 3 / 4);
        assert_eq!(live.check(start + BEAT), HeartbeatAction::Wait(start + BEAT * 3 / 2));
        live.heard(start + BEAT);
        assert_eq!(live.check(start + BEAT * 3 / 2), HeartbeatAction::Wait(start + BEAT * 7 / 4));
    }

    #[test]
    fn three_silent_heartbeats_are_a_loss_once_what_has_arrived_is_read() {
        let start = Instant::now();
        let mut live = liveness(start);
        live.pinged(start + BEAT);
        live.pinged(start + BEAT * 2);
        live.sent(0, start + BEAT * 3 - Duration::from_millis(1));
        let lost = start + BEAT * 3;
        assert_eq!(live.check(lost - Duration::from_nanos(1)), HeartbeatAction::Wait(lost));
        // It may be that this end has stood still, and a minute of the other's frames lies unread.
        let late = lost + BEAT * 6;
        assert_eq!(live.check(late), HeartbeatAction::Wait(late + LAST_CALL));
        assert_eq!(live.check(late + LAST_CALL), LOST);
        live.heard(late + LAST_CALL);
        assert_ne!(live.check(late + LAST_CALL), LOST);
    }

    #[test]
    fn what_is_to_be_read_before_a_ping_takes_its_time() {
        let start = Instant::now();
        let mut live = liveness(start);
        // Two minutes at 64 KiB/s, of which one has passed when it is heard.
        live.sent(120 * 64 * 1024, start);
        live.heard(start + BEAT * 6);
        live.pinged(start + BEAT * 14);
        let lost = start + BEAT * 6 + BEAT * 3 + BEAT * 6;
        assert_eq!(live.check(lost - BEAT / 2), HeartbeatAction::Wait(lost));
        assert_eq!(live.check(lost), HeartbeatAction::Wait(lost + LAST_CALL));
        assert_eq!(live.check(lost + LAST_CALL), LOST);
    }

    #[test]
    fn a_message_has_a_time_to_be_complete() {
        let start = Instant::now();
        let mut live = liveness(start);
        live.heard_part(start);
        let overdue = start + Limits::default().message_timeout();
        for second in 1..=9 {
            live.heard_part(start + Duration::from_secs(second));
            live.heard_between(start + Duration::from_secs(second));
        }
        live.sent(1, start + Duration::from_secs(9));
        assert_eq!(live.check(start + Duration::from_secs(9)), HeartbeatAction::Wait(overdue));
        assert_eq!(live.check(overdue), HeartbeatAction::Wait(overdue + LAST_CALL));
        // More of it is no end of it.
        live.heard_part(overdue + LAST_CALL / 2);
        let mut complete = live.clone();
        let late = overdue + LAST_CALL;
        assert_eq!(live.check(late), HeartbeatAction::Close(CloseReason::TooSlow));
        complete.heard(late);
        assert!(!matches!(complete.check(late), HeartbeatAction::Close(_)));
    }
}
