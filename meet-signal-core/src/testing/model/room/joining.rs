//! Joining and the lobby, in the reference for a room.

use super::{super::record::Delivery, RoomModel, Waits};
use crate::{
    Admission, CloseReason, Duplicates, Identity, LeaveReason, PeerId, Reason, Status,
    room::{ApplyError, Event, KnockEnd, Newcomer},
    roster::Member,
};

impl RoomModel {
    pub(super) fn join(&mut self, newcomer: Newcomer) -> Result<(), ApplyError> {
        let Newcomer { mut member, replaces, duplicates, admission, opener, passes_lock } =
            newcomer;
        let is_replaced =
            |old: &&Member| Some(old.ticket) == replaces && old.identity == member.identity;
        let replaced = self.everybody().find(is_replaced).map(|old| old.id);
        let has_ban = |identity| self.bans.iter().any(|(banned, _)| banned == identity);
        if member.identity.as_ref().is_some_and(has_ban) {
            return Err(ApplyError::Banned);
        }
        if self.locked && replaced.is_none() && !passes_lock {
            return Err(ApplyError::RoomLocked);
        }
        let same = self.duplicates(&member, duplicates, replaced)?;
        let old: Vec<_> = replaced.iter().chain(&same).copied().collect();
        let old_members: Vec<_> =
            self.members.iter().filter(|member| old.contains(&member.id)).cloned().collect();
        let mut permissions = member.permissions;
        if let (true, Some(opener)) = (self.members.is_empty(), opener) {
            permissions = opener;
        }
        let has_to_wait = match admission {
            Admission::ByModerator => true,
            Admission::ByRoom => self.lobby,
            Admission::Direct => false,
        };
        let waits = has_to_wait && !permissions.moderate && old_members.is_empty();
        let has_waited =
            replaced.is_some_and(|old| self.waiting.iter().any(|(it, _)| it.id == old));
        if self.locked && has_waited && !waits && !passes_lock {
            return Err(ApplyError::RoomLocked);
        }
        if waits && old.is_empty() && self.waiting.len() >= self.places {
            return Err(ApplyError::LobbyFull);
        }
        if !waits && old_members.is_empty() && self.members.len() >= self.capacity {
            return Err(ApplyError::RoomFull);
        }
        let first = replaced.filter(|old| old_members.iter().any(|member| member.id == *old));
        let first = first.or_else(|| {
            same.iter().find(|old| old_members.iter().any(|member| member.id == **old)).copied()
        });
        let opens = self.members.is_empty();
        let mut gone: Vec<_> =
            replaced.into_iter().map(|old| (old, CloseReason::TakenOver)).collect();
        gone.extend(same.into_iter().map(|old| (old, CloseReason::Duplicate)));
        self.remove(&gone, LeaveReason::Replaced)?;
        if waits {
            self.happen(Event::Knock(member.id, member.meta.clone()));
            self.waiting.push((member, (duplicates, opener)));
            return Ok(());
        }
        member.permissions = permissions;
        if let Some(old) = old_members.into_iter().find(|member| Some(member.id) == first) {
            succeed(&mut member, &old);
        }
        self.enter(member, opens);
        Ok(())
    }

    pub(super) fn admit(&mut self, peer: PeerId) -> Result<(), ApplyError> {
        let (mut member, (rule, opener)) = self.find_waiting(peer)?.clone();
        let same = self.duplicates(&member, rule, Some(peer))?;
        let old = self.members.iter().find(|member| same.contains(&member.id)).cloned();
        if old.is_none() && self.members.len() >= self.capacity {
            return Err(ApplyError::RoomFull);
        }
        match (&old, opener) {
            (Some(old), _) => succeed(&mut member, old),
            (None, Some(opener)) if self.members.is_empty() => member.permissions = opener,
            (None, _) => {}
        }
        let opens = self.members.is_empty();
        let gone: Vec<_> = same.into_iter().map(|old| (old, CloseReason::Duplicate)).collect();
        self.remove(&gone, LeaveReason::Replaced)?;
        self.waiting.retain(|(waiting, _)| waiting.id != peer);
        self.happen(Event::KnockGone(peer, KnockEnd::Admitted));
        self.enter(member, opens);
        Ok(())
    }

    pub(super) fn deny(&mut self, peer: PeerId, reason: Option<Reason>) -> Result<(), ApplyError> {
        self.find_waiting(peer)?;
        self.waiting.retain(|(waiting, _)| waiting.id != peer);
        self.record.disconnected.push((peer, CloseReason::NotAdmitted { reason }));
        self.happen(Event::KnockGone(peer, KnockEnd::Denied));
        Ok(())
    }

    pub(super) fn find_waiting(
        &mut self,
        peer: PeerId,
    ) -> Result<&mut (Member, Waits), ApplyError> {
        let found = self.waiting.iter_mut().find(|(waiting, _)| waiting.id == peer);
        found.ok_or(ApplyError::NoSuchPeer)
    }

    /// A member that may moderate from now on is told who waits.
    pub(super) fn list_knocks(&mut self, peer: PeerId) {
        for (waiting, _) in &self.waiting {
            let knock = Event::Knock(waiting.id, waiting.meta.clone());
            self.record.deliver(peer, Delivery::Event(knock));
        }
    }

    pub(super) fn with_identity(&self, identity: Option<&Identity>) -> Vec<PeerId> {
        let is_same = |member: &&Member| identity.is_some() && member.identity.as_ref() == identity;
        self.everybody().filter(is_same).map(|member| member.id).collect()
    }

    pub(super) fn everybody(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().chain(self.waiting.iter().map(|(waiting, _)| waiting))
    }

    fn duplicates(
        &self,
        member: &Member,
        rule: Duplicates,
        except: Option<PeerId>,
    ) -> Result<Vec<PeerId>, ApplyError> {
        let mut same = self.with_identity(member.identity.as_ref());
        same.retain(|id| Some(*id) != except);
        match rule {
            Duplicates::Allow => Ok(Vec::new()),
            Duplicates::Replace => Ok(same),
            Duplicates::Reject if same.is_empty() => Ok(same),
            Duplicates::Reject => Err(ApplyError::Duplicate),
        }
    }

    fn enter(&mut self, member: Member, opens: bool) {
        if opens {
            self.happen(Event::Opened);
        }
        let (peer, status) = (member.id, member.status);
        self.happen(Event::Joined(peer, member.meta.clone(), member.permissions));
        if status == Status::Away {
            self.happen(Event::Status(peer, status));
        }
        let knocking = self.waiting.iter().map(|(waiting, _)| waiting.clone());
        let knocking = knocking.filter(|_| member.permissions.moderate).collect();
        self.record.begin(peer, self.members.clone(), knocking);
        self.members.push(member);
    }
}

/// What was changed since the last grant lasts until a grant differs.
fn succeed(member: &mut Member, old: &Member) {
    if member.granted.permissions == old.granted.permissions {
        member.permissions = old.permissions;
    }
    if member.granted.meta == old.granted.meta && old.meta_is_granted {
        (member.meta, member.meta_is_granted) = (old.meta.clone(), true);
    }
}
