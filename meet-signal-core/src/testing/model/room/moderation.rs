//! What moderators and the application do, in the reference for a room.

use std::{mem, time::Instant};

use super::RoomModel;
use crate::{
    CloseReason, Identity, LeaveReason, Meta, PeerId, Permissions, Reason,
    room::{ApplyError, Event},
    roster::Member,
};

impl RoomModel {
    pub(super) fn with_identity(&self, identity: Option<&Identity>) -> Vec<PeerId> {
        let is_same = |member: &&Member| identity.is_some() && member.identity.as_ref() == identity;
        self.members.iter().filter(is_same).map(|member| member.id).collect()
    }

    pub(super) fn check_moderator(&mut self, by: Option<PeerId>) -> Result<(), ApplyError> {
        match by {
            Some(by) if !self.member(by)?.permissions.moderate => Err(ApplyError::NotAllowed),
            _ => Ok(()),
        }
    }

    pub(super) fn set_meta(&mut self, peer: PeerId, meta: Meta) -> Result<(), ApplyError> {
        let member = self.find(peer)?;
        (member.meta, member.meta_is_granted) = (meta.clone(), true);
        self.happen(Event::MetaSet(peer, meta));
        Ok(())
    }

    pub(super) fn set_permissions(
        &mut self,
        peer: PeerId,
        permissions: Permissions,
    ) -> Result<(), ApplyError> {
        if mem::replace(&mut self.find(peer)?.permissions, permissions) != permissions {
            self.happen(Event::Permissions(peer, permissions));
        }
        Ok(())
    }

    pub(super) fn ban(
        &mut self,
        identity: &Identity,
        reason: Option<Reason>,
        until: Instant,
    ) -> Result<(), ApplyError> {
        let (same, mut others): (Vec<_>, Vec<_>) =
            self.bans.drain(..).partition(|(banned, _)| banned == identity);
        let is_full = same.is_empty() && others.len() >= 256;
        if !is_full {
            others.push((identity.clone(), until));
        }
        self.bans = others;
        if is_full {
            return Err(ApplyError::TooManyBans);
        }
        self.kick(&self.with_identity(Some(identity)), reason)
    }

    pub(super) fn kick(
        &mut self,
        peers: &[PeerId],
        reason: Option<Reason>,
    ) -> Result<(), ApplyError> {
        let close = CloseReason::Kicked { reason };
        let kicked: Vec<_> = peers.iter().map(|peer| (*peer, close.clone())).collect();
        self.remove(&kicked, LeaveReason::Kicked)?;
        if !peers.is_empty() && self.members.is_empty() {
            self.happen(Event::Closed);
        }
        Ok(())
    }
}
