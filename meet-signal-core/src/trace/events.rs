//! The events, a function for each.

use std::{
    net::IpAddr,
    sync::OnceLock,
    time::{Duration, Instant},
};

use tracing::{
    Instrument, Span, debug, error_span,
    field::{Empty, display},
    info,
    instrument::Instrumented,
    trace, warn,
};

use super::words::{close_word, code_word, leave_word, upgrade_word};
use crate::{
    CloseReason, Denied, ErrorCode, Grant, Hub, LeaveReason, Resumed, RoomId, Session, clock::now,
    driver::exit::Exit, handshake::UpgradeRefused, message::ErrorFrame,
};

/// The target of all events, also of those of the adapters.
const TARGET: &str = "meet_signal";

/// The span of one connection.
#[derive(Debug, Clone)]
pub(crate) struct Connection(Span);

impl Connection {
    pub(crate) fn opened(hub: &Hub, room: Option<&RoomId>, address: Option<IpAddr>) -> Self {
        // Of the highest level, so that each event that is shown has its room and peer.
        let span = error_span!(
            target: TARGET,
            "connection",
            room = room.map(|room| hub.room_tag(room)),
            peer = Empty
        );
        trace!(
            target: TARGET,
            parent: &span,
            room_name = room.map(RoomId::as_str),
            address = address.map(display),
            "connected"
        );
        Self(span)
    }

    /// Runs a future inside of the span, also what it calls of the application.
    pub(crate) fn within<F: Future>(&self, future: F) -> Instrumented<F> {
        future.instrument(self.0.clone())
    }

    /// The provider of ICE servers has failed.
    pub(crate) fn ice_servers_missing(&self) {
        warn!(target: TARGET, parent: &self.0, "no ICE servers");
    }

    /// The connection has a session that waits in the lobby.
    pub(crate) fn waiting(&self, session: &Session) {
        if self.0.is_disabled() {
            return;
        }
        self.0.record("peer", display(session.id()));
        info!(target: TARGET, parent: &self.0, "waiting");
    }

    /// The connection has a session in the room, whose end is an event from now on.
    pub(crate) fn joined(&self, session: &mut Session, resumed: Resumed) {
        if self.0.is_disabled() {
            return;
        }
        self.0.record("peer", display(session.id()));
        match resumed {
            Resumed::No => info!(target: TARGET, parent: &self.0, "joined"),
            resumed => {
                let resumed = if resumed == Resumed::Full { "full" } else { "partial" };
                info!(target: TARGET, parent: &self.0, resumed, "resumed");
            }
        }
        let joined = session.joined().unwrap_or_else(now);
        session
            .trace(Membership { began: Some((self.0.clone(), joined)), reason: OnceLock::new() });
    }

    /// The member has no connection any more.
    pub(crate) fn away(&self, session: &Session, exit: &Exit) {
        if self.0.is_disabled() {
            return;
        }
        let (reason, grace_ms) = (exit_word(exit), millis(session.grace()));
        info!(target: TARGET, parent: &self.0, reason, grace_ms, "away");
    }

    /// The connection ends.
    pub(crate) fn closed(&self, exit: &Exit) {
        let reason = exit_word(exit);
        let Exit::Closed { reason: close, .. } = exit else {
            debug!(target: TARGET, parent: &self.0, reason, "closed");
            return;
        };
        let code = close.code();
        match close {
            CloseReason::TooSlow | CloseReason::Flood => {
                warn!(target: TARGET, parent: &self.0, reason, code, "closed");
            }
            CloseReason::ProtocolViolation
            | CloseReason::NotWebSocket
            | CloseReason::Binary
            | CloseReason::NotUtf8
            | CloseReason::FrameTooLarge
            | CloseReason::HeartbeatMissed => {
                info!(target: TARGET, parent: &self.0, reason, code, "closed");
            }
            _ => debug!(target: TARGET, parent: &self.0, reason, code, "closed"),
        }
    }
}

/// Measures how long the application takes to decide.
pub(crate) struct Authorizing(Instant);

impl Authorizing {
    pub(crate) fn new() -> Self {
        Self(now())
    }

    pub(crate) fn decided(self, decided: &Result<Result<Grant, Denied>, Exit>) {
        let result = match decided {
            Ok(Ok(_)) => "granted",
            Ok(Err(_)) => "denied",
            Err(_) => "abandoned",
        };
        let elapsed_ms = millis(now() - self.0);
        info!(target: TARGET, result, elapsed_ms, "authorized");
    }
}

/// The application did not decide in time.
pub(crate) fn authorize_timed_out(limit: Duration) {
    warn!(target: TARGET, limit_ms = millis(limit), "authorization timed out");
}

/// This library refuses a join, with a text of its own.
pub(crate) fn refused(error: &ErrorFrame<'_>, reason: &CloseReason) {
    let (code, close, why) = (code_word(error.code), reason.code(), &*error.message);
    info!(target: TARGET, code, close, by = "server", why, "refused");
}

/// The application refuses a join. Its text is for the person.
pub(crate) fn denied(code: ErrorCode, reason: &CloseReason) {
    let (code, close) = (code_word(code), reason.code());
    info!(target: TARGET, code, close, by = "application", "refused");
}

/// A request is not upgraded to a WebSocket.
pub(crate) fn upgrade_refused(refused: &UpgradeRefused) {
    let (reason, status) = (upgrade_word(*refused), refused.status());
    // No limit applies before the upgrade, so a client could fill the log.
    debug!(target: TARGET, reason, status, "upgrade refused");
}

pub(crate) fn draining(sessions: usize) {
    info!(target: TARGET, sessions, "draining");
}

pub(crate) fn drained() {
    info!(target: TARGET, "drained");
}

/// Queues were emptied, because all together were over their budget.
pub(crate) fn reclaimed(queues: usize, bytes: usize) {
    warn!(target: TARGET, queues, bytes, "queues emptied");
}

/// The membership of a session, whose end is one event.
#[derive(Debug, Default)]
pub(crate) struct Membership {
    /// The span of the connection, and when the session was joined. `None` if it has no driver.
    began: Option<(Span, Instant)>,
    reason: OnceLock<LeaveReason>,
}

impl Membership {
    /// This handle of the session leaves for a reason.
    pub(crate) fn leaves(&self, reason: LeaveReason) {
        // A session leaves once.
        let _ = self.reason.set(reason);
    }

    /// The handle is dropped. `end` is why the session has ended, unless a newer connection has
    /// taken it over.
    pub(crate) fn dropped(&self, end: impl FnOnce() -> Option<CloseReason>) {
        let Some((span, joined)) = &self.began else { return };
        let Some(end) = end() else { return };
        let reason = self.reason.get().copied().unwrap_or(match end {
            CloseReason::Left => LeaveReason::Left,
            CloseReason::Kicked { .. } => LeaveReason::Kicked,
            CloseReason::TakenOver | CloseReason::Duplicate => LeaveReason::Replaced,
            _ => LeaveReason::Closed,
        });
        let (reason, stay_ms) = (leave_word(reason), millis(now() - *joined));
        info!(target: TARGET, parent: span, reason, stay_ms, "left");
    }
}

fn exit_word(exit: &Exit) -> &'static str {
    match exit {
        Exit::Disconnected => "disconnected",
        Exit::GoingAway => "going-away",
        Exit::Closed { reason, .. } => close_word(reason),
    }
}

fn millis(duration: Duration) -> u64 {
    duration.as_millis() as u64
}
