//! The lobby of a room: the peers that wait to be admitted.

use super::{ApplyError, Duplicates, Effect, Effects, Event, KnockEnd, Newcomer, Room};
use crate::{
    CloseReason, LeaveReason, PeerId, Permissions, Reason,
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
    /// What holds for each when it is admitted.
    grants: Vec<(PeerId, Duplicates, Option<Permissions>)>,
}

impl Lobby {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, waiting: Roster::default(), grants: Vec::new() }
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

    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= self.capacity
    }

    pub(super) fn remove(&mut self, peer: PeerId) -> Option<Member> {
        self.grants.retain(|(waiting, ..)| *waiting != peer);
        self.waiting.remove(peer)
    }
}

impl Room {
    /// A newcomer begins to wait.
    pub(super) fn knock(&mut self, newcomer: Newcomer) -> Effects {
        let Newcomer { member, duplicates, opener, .. } = newcomer;
        let knock = member.knock();
        self.lobby.grants.push((member.id, duplicates, opener));
        self.lobby.waiting.push(member);
        Effects::event(knock)
    }

    /// A peer that waits joins.
    pub(super) fn admit(&mut self, peer: PeerId) -> Result<Effects, ApplyError> {
        let waiting = self.lobby.waiting.get(peer).ok_or(ApplyError::NoSuchPeer)?;
        let grant = self.lobby.grants.iter().find(|(waiting, ..)| *waiting == peer);
        let (rule, opener) =
            grant.map_or((Duplicates::Allow, None), |(_, rule, opener)| (*rule, *opener));
        let duplicates = self.duplicates_of(waiting.identity.as_ref(), peer, rule)?;
        let old = duplicates.iter().find_map(|old| self.roster.get(*old)).cloned();
        self.check_capacity(old.is_some())?;
        let opens = self.roster.is_empty();
        let gone = duplicates.into_iter().map(|old| (old, CloseReason::Duplicate)).collect();
        let mut effects = self.remove_all(gone, LeaveReason::Replaced)?;
        let mut member = self.lobby.remove(peer).ok_or(ApplyError::NoSuchPeer)?;
        if let Some(old) = old {
            member.succeed(&old);
        } else if let (true, Some(opener)) = (opens, opener) {
            member.permissions = opener;
        }
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
