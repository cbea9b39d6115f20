//! When to ping a connection, and when to give it up.

use std::time::{Duration, Instant};

/// How many heartbeats of silence make a connection lost.
const SILENT_HEARTBEATS: u32 = 3;

/// Watches one connection.
#[derive(Debug, Clone)]
pub(crate) struct Liveness {
    heartbeat: Duration,
    heard: Instant,
    sent: Instant,
    pinged: Instant,
}

/// What is to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pulse {
    /// Nothing before this instant.
    Wait(Instant),
    /// Send a ping.
    Ping,
    /// Nothing was heard for three heartbeats.
    Lost,
}

impl Liveness {
    pub(crate) fn new(heartbeat: Duration, now: Instant) -> Self {
        Self { heartbeat, heard: now, sent: now, pinged: now }
    }

    /// Any frame came from the other end.
    pub(crate) fn heard(&mut self, now: Instant) {
        self.heard = now;
    }

    /// Any frame went to the other end.
    pub(crate) fn sent(&mut self, now: Instant) {
        self.sent = now;
    }

    /// A ping went to the other end.
    pub(crate) fn pinged(&mut self, now: Instant) {
        self.pinged = now;
        self.sent = now;
    }

    pub(crate) fn check(&self, now: Instant) -> Pulse {
        let lost = self.heard + self.heartbeat * SILENT_HEARTBEATS;
        // Both ends judge by silence, so a ping is due when either direction was quiet. A ping that
        // went out a moment ago is not repeated before it can have been answered.
        let ping = self.heard.min(self.sent).max(self.pinged) + self.heartbeat;
        if now >= lost {
            Pulse::Lost
        } else if now >= ping {
            Pulse::Ping
        } else {
            Pulse::Wait(ping.min(lost))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEAT: Duration = Duration::from_secs(10);

    #[test]
    fn quiet_in_either_direction_is_pinged() {
        let start = Instant::now();
        let mut live = Liveness::new(BEAT, start);
        assert_eq!(live.check(start), Pulse::Wait(start + BEAT));
        // The other end talks, but hears nothing: it would count this server as dead.
        live.heard(start + BEAT / 2);
        assert_eq!(live.check(start + BEAT), Pulse::Ping);
        live.pinged(start + BEAT);
        assert_eq!(live.check(start + BEAT), Pulse::Wait(start + BEAT * 2));
        // This end talks, but hears nothing.
        live.sent(start + BEAT * 3 / 2);
        assert_eq!(live.check(start + BEAT * 2), Pulse::Ping);
    }

    #[test]
    fn who_talks_and_is_talked_to_is_not_pinged() {
        let start = Instant::now();
        let mut live = Liveness::new(BEAT, start);
        live.heard(start + BEAT / 2);
        live.sent(start + BEAT * 3 / 4);
        assert_eq!(live.check(start + BEAT), Pulse::Wait(start + BEAT * 3 / 2));
        live.heard(start + BEAT);
        assert_eq!(live.check(start + BEAT * 3 / 2), Pulse::Wait(start + BEAT * 7 / 4));
    }

    #[test]
    fn three_silent_heartbeats_are_a_loss() {
        let start = Instant::now();
        let mut live = Liveness::new(BEAT, start);
        live.pinged(start + BEAT);
        live.pinged(start + BEAT * 2);
        live.sent(start + BEAT * 3 - Duration::from_millis(1));
        assert_eq!(
            live.check(start + BEAT * 3 - Duration::from_nanos(1)),
            Pulse::Wait(start + BEAT * 3)
        );
        assert_eq!(live.check(start + BEAT * 3), Pulse::Lost);
        live.heard(start + BEAT * 3);
        assert_ne!(live.check(start + BEAT * 3), Pulse::Lost);
    }
}
