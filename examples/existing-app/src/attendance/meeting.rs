//! The attendance list of one meeting.

use std::{
    collections::HashSet,
    time::{Duration, SystemTime},
};

use meet_signal_core::{Identity, LeaveReason, PeerId};

/// A meeting: from the first join to the last leave.
#[derive(Debug)]
pub(crate) struct Meeting {
    pub(crate) from: SystemTime,
    /// `None` while it goes on.
    pub(crate) until: Option<SystemTime>,
    /// In the order in which they came first.
    pub(crate) attendees: Vec<Attendee>,
}

/// A person in a meeting, who may have come several times.
#[derive(Debug)]
pub(crate) struct Attendee {
    pub(crate) person: Identity,
    /// When the person came first.
    pub(crate) came: SystemTime,
    /// Whether a join or a leave was missed, so that the times are estimates.
    pub(crate) is_estimate: bool,
    /// How long the visits were that have ended.
    stayed: Duration,
    visits: Vec<OpenVisit>,
    ending: Ending,
}

/// A visit that has not ended.
#[derive(Debug)]
struct OpenVisit {
    peer: PeerId,
    from: SystemTime,
    is_away: bool,
    /// Whether the person has joined another meeting since, which ends this visit.
    is_elsewhere: bool,
}

/// Where an attendee is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Here,
    Away,
    Left(Ending),
}

/// How the last visit of an attendee ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Left,
    ConnectionLost,
    Removed,
    Elsewhere,
    /// By another page of the same person.
    Replaced,
    Closed,
    /// The reader has missed it.
    Unnoticed,
}

impl Meeting {
    pub(super) fn new(from: SystemTime) -> Self {
        Self { from, until: None, attendees: Vec::new() }
    }

    pub(super) fn joined(&mut self, person: &Identity, peer: PeerId, at: SystemTime, late: bool) {
        let visit = OpenVisit { peer, from: at, is_away: false, is_elsewhere: false };
        let known = self.attendees.iter_mut().find(|attendee| attendee.person == *person);
        if let Some(attendee) = known {
            attendee.is_estimate |= late;
            attendee.visits.push(visit);
            return;
        }
        self.attendees.push(Attendee {
            person: person.clone(),
            came: at,
            is_estimate: late,
            stayed: Duration::ZERO,
            visits: vec![visit],
            ending: Ending::Left,
        });
    }

    pub(super) fn set_away(&mut self, peer: PeerId, is_away: bool) {
        if let Some(visit) = self.visit(peer) {
            visit.is_away = is_away;
        }
    }

    pub(super) fn set_elsewhere(&mut self, peer: PeerId) {
        if let Some(visit) = self.visit(peer) {
            visit.is_elsewhere = true;
        }
    }

    pub(super) fn left(&mut self, peer: PeerId, stay: Duration, ending: Ending) {
        for attendee in &mut self.attendees {
            attendee.end(|visit| (visit.peer == peer).then_some((stay, ending)));
        }
    }

    /// Ends the visits of all other peers, which were not seen to leave.
    pub(super) fn end_all_but(&mut self, peers: &HashSet<PeerId>, now: SystemTime) {
        for attendee in &mut self.attendees {
            let ended = attendee.end(|visit| {
                let unnoticed =
                    if visit.is_elsewhere { Ending::Elsewhere } else { Ending::Unnoticed };
                (!peers.contains(&visit.peer)).then(|| (since(visit.from, now), unnoticed))
            });
            attendee.is_estimate |= ended;
        }
    }

    pub(super) fn close(&mut self, at: SystemTime) {
        self.until = Some(at);
    }

    pub(super) fn is_open(&self) -> bool {
        self.until.is_none()
    }

    /// The peers whose visits have not ended.
    pub(super) fn peers(&self) -> impl Iterator<Item = PeerId> {
        self.attendees.iter().flat_map(|attendee| &attendee.visits).map(|visit| visit.peer)
    }

    fn visit(&mut self, peer: PeerId) -> Option<&mut OpenVisit> {
        let mut visits = self.attendees.iter_mut().flat_map(|attendee| &mut attendee.visits);
        visits.find(|visit| visit.peer == peer)
    }
}

impl Attendee {
    /// How long the person has been there, in all visits.
    pub(crate) fn length(&self, now: SystemTime) -> Duration {
        let open = self.visits.iter().map(|visit| since(visit.from, now)).sum::<Duration>();
        self.stayed + open
    }

    pub(crate) fn state(&self) -> State {
        if self.visits.is_empty() {
            State::Left(self.ending)
        } else if self.visits.iter().all(|visit| visit.is_away) {
            State::Away
        } else {
            State::Here
        }
    }

    /// Ends visits, with a length and an ending each. Returns whether there were such.
    fn end(&mut self, ends: impl Fn(&OpenVisit) -> Option<(Duration, Ending)>) -> bool {
        let before = self.visits.len();
        let (stayed, ending) = (&mut self.stayed, &mut self.ending);
        self.visits.retain(|visit| {
            let Some((stay, how)) = ends(visit) else { return true };
            *stayed += stay;
            *ending = match how {
                Ending::Removed if visit.is_elsewhere => Ending::Elsewhere,
                how => how,
            };
            false
        });
        self.visits.len() < before
    }
}

impl From<LeaveReason> for Ending {
    fn from(reason: LeaveReason) -> Self {
        match reason {
            LeaveReason::Left => Self::Left,
            LeaveReason::Kicked => Self::Removed,
            LeaveReason::Replaced => Self::Replaced,
            LeaveReason::Timeout | LeaveReason::NodeLost => Self::ConnectionLost,
            // The reasons of newer versions as well.
            _ => Self::Closed,
        }
    }
}

/// Zero if the clock was set back.
fn since(from: SystemTime, now: SystemTime) -> Duration {
    now.duration_since(from).unwrap_or_default()
}
