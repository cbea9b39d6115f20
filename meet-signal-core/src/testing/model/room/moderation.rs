//! What moderators and the application do, in the reference for a room.

use std::{mem, time::Instant};

use super::RoomModel;
use crate::{
    AppData, CloseReason, Identity, LeaveReason, Meta, PeerId, Permissions, Reason,
    room::{ApplyError, Event},
    roster::Granted,
};

impl RoomModel {
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
        let last = mem::replace(&mut self.find(peer)?.permissions, permissions);
        if last != permissions {
            self.happen(Event::Permissions(peer, permissions));
        }
        if permissions.moderate && !last.moderate {
            self.list_knocks(peer);
        }
        Ok(())
    }

    pub(super) fn regrant(
        &mut self,
        peer: PeerId,
        granted: Granted,
        data: Option<AppData>,
    ) -> Result<(), ApplyError> {
        if let Ok((waiting, _)) = self.find_waiting(peer) {
            (waiting.data, waiting.permissions) = (data, granted.permissions);
            waiting.meta_is_granted = granted.meta.is_some();
            let meta = granted.meta.clone().unwrap_or_else(|| waiting.meta.clone());
            let is_renamed = mem::replace(&mut waiting.meta, meta.clone()) != meta;
            waiting.granted = granted;
            if is_renamed {
                self.happen(Event::Knock(peer, meta));
            }
            return Ok(());
        }
        let member = self.find(peer)?;
        member.data = data;
        let last = mem::replace(&mut member.granted, granted.clone());
        if last.permissions != granted.permissions {
            self.set_permissions(peer, granted.permissions)?;
        }
        match granted.meta {
            same if same == last.meta => {}
            Some(meta) => self.set_meta(peer, meta)?,
            None => self.find(peer)?.meta_is_granted = false,
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
        self.remove_for_good(&kicked, LeaveReason::Kicked)
    }
}
