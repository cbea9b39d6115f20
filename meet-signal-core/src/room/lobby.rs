//! The lobby of a room: the peers that wait to be admitted.

use super::{ApplyError, Duplicates, Effect, Effects, Event, KnockEnd, Newcomer, Room};
use crate::{
    CloseReason, LeaveReason, PeerId, Reason,
    message::Status,
    roster::{Member, Roster},
};

/// Whether a peer waits to be admitted before it joins.
///
/// A peer that may moderate never waits, and neither does one that takes the place of a member.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Admission {
    /// It waits if the room's lobby is on.
    #[default]
    ByRoom,
    /// It does not wait.
    Direct,
    /// It waits, also if the room's lobby is off.
    ByModerator,
}

/// The peers that wait to be admitted to a room, in the order in which they knocked.
#[derive(Debug)]
pub struct Lobby {
    capacity: usize,
    waiting: Roster,
    /// What happens to members with the same identity, for each that waits.
    duplicates: Vec<(PeerId, Duplicates)>,
}

impl Lobby {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, waiting: Roster::default(), duplicates: Vec::new() }
    }

    /// Those who wait.
    pub fn waiting(&self) -> &Roster {
        &self.waiting
    }

    pub(super) fn waiting_mut(&mut self) -> &mut Roster {
        &mut self.waiting
    }

    pub(super) fn set_capacity(&mut self, capacity: usize) {
        self.capacity = capacity;
    }

    /// Whether there is a place, once so many have gone.
    pub(super) fn has_place(&self, gone: usize) -> bool {
        self.waiting.len() - gone < self.capacity
    }

    pub(super) fn remove(&mut self, peer: PeerId) -> Option<Member> {
        self.duplicates.retain(|(waiting, _)| *waiting != peer);
        self.waiting.remove(peer)
    }
}

impl Room {
    /// A newcomer begins to wait.
    pub(super) fn knock(&mut self, newcomer: Newcomer) -> Effects {
        let Newcomer { member, duplicates, .. } = newcomer;
        let knock = Event::Knock(member.id, member.meta.clone());
        self.lobby.duplicates.push((member.id, duplicates));
        self.lobby.waiting.push(member);
        Effects::event(knock)
    }

    /// A peer that waits joins.
    pub(super) fn admit(&mut self, peer: PeerId) -> Result<Effects, ApplyError> {
        let waiting = self.lobby.waiting.get(peer).ok_or(ApplyError::NoSuchPeer)?;
        let rule = self.lobby.duplicates.iter().find(|(waiting, _)| *waiting == peer);
        let rule = rule.map_or(Duplicates::Allow, |(_, duplicates)| *duplicates);
        let duplicates = self.duplicates_of(waiting.identity.as_ref(), peer, rule)?;
        self.check_capacity(&duplicates)?;
        let opens = self.roster.is_empty();
        let gone = duplicates.into_iter().map(|old| (old, CloseReason::Duplicate)).collect();
        let mut effects = self.remove_all(gone, LeaveReason::Replaced)?;
        let member = self.lobby.remove(peer).ok_or(ApplyError::NoSuchPeer)?;
        effects.push(Effect::Event(Event::KnockGone(peer, KnockEnd::Admitted)));
        effects.extend(self.enter(member, opens));
        effects.push(Effect::Admitted(peer));
        Ok(effects)
    }

    /// A peer that waits is turned away.
    pub(super) fn deny(
        &mut self,
        peer: PeerId,
        reason: Option<Reason>,
    ) -> Result<Effects, ApplyError> {
        self.lobby.remove(peer).ok_or(ApplyError::NoSuchPeer)?;
        let mut effects = Effects::default();
        effects.push(Effect::Disconnect(peer, CloseReason::NotAdmitted { reason }));
        effects.push(Effect::Event(Event::KnockGone(peer, KnockEnd::Denied)));
        Ok(effects)
    }

    /// Tells a member that may moderate from now on who waits.
    pub(super) fn list_knocks(&self, peer: PeerId) -> Effects {
        let knocks = self.lobby.waiting.iter();
        knocks.map(|waiting| Effect::Notify(peer, waiting.knock())).collect()
    }

    /// A member joins the roster.
    pub(super) fn enter(&mut self, member: Member, opens: bool) -> Effects {
        let mut effects = Effects::default();
        if opens {
            effects.push(Effect::Event(Event::Opened));
        }
        let (peer, status) = (member.id, member.status);
        effects.push(Effect::Event(Event::Joined(peer, member.meta.clone(), member.permissions)));
        if status == Status::Away {
            effects.push(Effect::Event(Event::Status(peer, status)));
        }
        self.roster.push(member);
        effects
    }
}

impl Member {
    pub(super) fn knock(&self) -> Event {
        Event::Knock(self.id, self.meta.clone())
    }
}
