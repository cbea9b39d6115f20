//! What moderators and the application change about a member.

use std::{mem, time::Instant};

use super::{ApplyError, Effects, Event, Room};
use crate::{
    AppData, CloseReason, Identity, LeaveReason, PeerId, Permissions, Reason, message::Meta,
    roster::Granted,
};

impl Room {
    pub(super) fn set_meta(&mut self, peer: PeerId, meta: Meta) -> Result<Effects, ApplyError> {
        let member = self.roster.get_mut(peer).ok_or(ApplyError::NoSuchPeer)?;
        member.meta_is_granted = true;
        member.meta = meta.clone();
        Ok(Effects::event(Event::MetaSet(peer, meta)))
    }

    pub(super) fn set_permissions(
        &mut self,
        peer: PeerId,
        permissions: Permissions,
    ) -> Result<Effects, ApplyError> {
        let member = self.roster.get_mut(peer).ok_or(ApplyError::NoSuchPeer)?;
        let last = mem::replace(&mut member.permissions, permissions);
        if last == permissions {
            return Ok(Effects::default());
        }
        let mut effects = Effects::event(Event::Permissions(peer, permissions));
        if permissions.moderate && !last.moderate {
            effects.extend(self.list_knocks(peer));
        }
        Ok(effects)
    }

    pub(super) fn regrant(
        &mut self,
        peer: PeerId,
        granted: Granted,
        data: Option<AppData>,
    ) -> Result<Effects, ApplyError> {
        if self.lobby.waiting().contains(peer) {
            return Ok(self.regrant_waiting(peer, granted, data));
        }
        let member = self.roster.get_mut(peer).ok_or(ApplyError::NoSuchPeer)?;
        member.data = data;
        let last = mem::replace(&mut member.granted, granted.clone());
        let mut effects = Effects::default();
        if granted.permissions != last.permissions {
            effects.extend(self.set_permissions(peer, granted.permissions)?);
        }
        if granted.meta != last.meta {
            match granted.meta {
                Some(meta) => effects.extend(self.set_meta(peer, meta)?),
                None => self.allow_updates(peer),
            }
        }
        Ok(effects)
    }

    /// No moderator has changed what a waiting peer may do, so all of the grant applies.
    fn regrant_waiting(
        &mut self,
        peer: PeerId,
        granted: Granted,
        data: Option<AppData>,
    ) -> Effects {
        let Some(waiting) = self.lobby.waiting_mut().get_mut(peer) else {
            return Effects::default();
        };
        let meta = granted.meta.clone();
        waiting.meta_is_granted = meta.is_some();
        let renamed = meta.filter(|meta| *meta != waiting.meta);
        (waiting.permissions, waiting.data, waiting.granted) = (granted.permissions, data, granted);
        let Some(meta) = renamed else { return Effects::default() };
        waiting.meta = meta;
        Effects::event(waiting.knock())
    }

    /// The member may change its own `meta` again.
    fn allow_updates(&mut self, peer: PeerId) {
        if let Some(member) = self.roster.get_mut(peer) {
            member.meta_is_granted = false;
        }
    }

    pub(super) fn kick(
        &mut self,
        peer: PeerId,
        reason: Option<Reason>,
        ban_until: Option<Instant>,
    ) -> Result<Effects, ApplyError> {
        let member = self.find(peer).ok_or(ApplyError::NoSuchPeer)?;
        match ban_until {
            Some(until) => {
                let identity = member.identity.clone().ok_or(ApplyError::NoIdentity)?;
                self.ban(&identity, reason, until)
            }
            None => self.kick_all(&[peer], reason),
        }
    }

    pub(super) fn ban(
        &mut self,
        identity: &Identity,
        reason: Option<Reason>,
        until: Instant,
    ) -> Result<Effects, ApplyError> {
        self.access.ban(identity.clone(), until)?;
        let banned: Vec<_> = self.with_identity(Some(identity)).collect();
        self.kick_all(&banned, reason)
    }

    fn kick_all(
        &mut self,
        peers: &[PeerId],
        reason: Option<Reason>,
    ) -> Result<Effects, ApplyError> {
        let close = CloseReason::Kicked { reason };
        let kicked = peers.iter().map(|peer| (*peer, close.clone())).collect();
        self.remove_for_good(kicked, LeaveReason::Kicked)
    }

    /// Checks that a member may moderate. The application may.
    pub(crate) fn check_moderator(&self, by: Option<PeerId>) -> Result<(), ApplyError> {
        let Some(by) = by else { return Ok(()) };
        let member = self.roster.get(by).ok_or(ApplyError::NotAMember)?;
        if member.permissions.moderate { Ok(()) } else { Err(ApplyError::NotAllowed) }
    }
}
