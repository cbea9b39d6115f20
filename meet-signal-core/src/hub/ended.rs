//! The sessions that were ended by a moderator or by the application: their clients, which may be
//! away, must not come back as if nothing had happened.

use std::{collections::VecDeque, time::Instant};

use super::session_state::SessionState;
use crate::{CloseReason, clock::now, ticket::TicketHash};

/// The tickets of such sessions, for as long as the sessions would have been kept.
#[derive(Debug, Default)]
pub(super) struct EndedSessions(VecDeque<Ended>);

#[derive(Debug)]
struct Ended {
    ticket: TicketHash,
    reason: CloseReason,
    until: Instant,
}

impl EndedSessions {
    /// Remembers a session that ends for this reason, if its client must be told.
    pub(super) fn remember(&mut self, session: &SessionState, reason: &CloseReason) {
        let kept_for = session.limits.grace();
        if !reason.is_told_later() || kept_for.is_zero() {
            return;
        }
        let now = now();
        self.0.retain(|ended| ended.until > now);
        if self.0.len() >= MAX_ENDED {
            self.0.pop_front();
        }
        let ticket = session.ticket;
        self.0.push_back(Ended { ticket, reason: reason.clone(), until: now + kept_for });
    }

    /// Why the session with this ticket has ended.
    pub(super) fn reason(&self, ticket: TicketHash, now: Instant) -> Option<&CloseReason> {
        let ended = self.0.iter().find(|ended| ended.ticket == ticket && ended.until > now);
        ended.map(|ended| &ended.reason)
    }

    /// Until when there is one, if there is one now.
    pub(super) fn until(&self, now: Instant) -> Option<Instant> {
        self.0.iter().map(|ended| ended.until).max().filter(|until| *until > now)
    }
}

/// How many a room remembers; of more, the oldest ones are forgotten. A moderator must not fill the
/// server's memory.
const MAX_ENDED: usize = 1024;
