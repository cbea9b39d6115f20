//! The room: who is in it, and what each member receives.

mod joining;
mod moderation;

use std::{mem, time::Instant};

use super::record::{Delivery, Record};
use crate::{
    CloseReason, Duplicates, Identity, LeaveReason, PeerId, Permissions,
    room::{ApplyError, Event, Input, KnockEnd, Recipients},
    roster::Member,
};

/// The reference for [`Room`](crate::room::Room): a list of members, and what each of them received.
#[derive(Debug, Clone)]
pub struct RoomModel {
    capacity: usize,
    members: Vec<Member>,
    /// How many may wait in the lobby.
    places: usize,
    waiting: Vec<(Member, Waits)>,
    locked: bool,
    /// Whether newcomers wait.
    lobby: bool,
    bans: Vec<(Identity, Instant)>,
    record: Record,
}

/// What holds for a waiting peer when it is admitted: `duplicates` and `opener` of its join.
type Waits = (Duplicates, Option<Permissions>);

impl RoomModel {
    /// An empty room for `capacity` members, with a place for as many more who wait.
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            members: Vec::new(),
            places: capacity,
            waiting: Vec::new(),
            locked: false,
            lobby: false,
            bans: Vec::new(),
            record: Record::default(),
        }
    }

    /// Takes one step.
    ///
    /// # Errors
    ///
    /// The input is refused, and the room is as it was.
    pub fn apply(&mut self, input: &Input) -> Result<(), ApplyError> {
        match input.clone() {
            Input::Join(newcomer) => self.join(newcomer)?,
            Input::Leave { peer, reason } => {
                self.remove_for_good(&[(peer, CloseReason::Left)], reason)?;
            }
            Input::Status { peer, status } => match self.find_waiting(peer) {
                Ok((waiting, _)) => waiting.status = status,
                Err(_) => {
                    if mem::replace(&mut self.member(peer)?.status, status) != status {
                        self.happen(Event::Status(peer, status));
                    }
                }
            },
            Input::Admit { by, peer } => {
                self.check_moderator(by)?;
                self.admit(peer)?;
            }
            Input::Deny { by, peer, reason } => {
                self.check_moderator(by)?;
                self.deny(peer, reason)?;
            }
            Input::SetLobby { by, enabled } => {
                self.check_moderator(by)?;
                if mem::replace(&mut self.lobby, enabled) != enabled {
                    self.happen(Event::Lobby(enabled));
                }
            }
            Input::Update { peer, meta } => {
                let member = self.member(peer)?;
                (!member.meta_is_granted).then_some(()).ok_or(ApplyError::NotAllowed)?;
                member.meta = meta.clone();
                self.happen(Event::Updated(peer, meta));
            }
            Input::SetMeta { peer, meta } => self.set_meta(peer, meta)?,
            Input::SetPermissions { by, peer, permissions } => {
                self.check_moderator(by)?;
                self.set_permissions(peer, permissions)?;
            }
            Input::Regrant { peer, granted, data } => self.regrant(peer, granted, data)?,
            Input::Kick { by, peer, reason, ban_until } => {
                self.check_moderator(by)?;
                let found = self.everybody().find(|found| found.id == peer);
                let identity = found.ok_or(ApplyError::NoSuchPeer)?.identity.clone();
                match (ban_until, identity) {
                    (None, _) => self.kick(&[peer], reason)?,
                    (Some(_), None) => return Err(ApplyError::NoIdentity),
                    (Some(until), Some(identity)) => self.ban(&identity, reason, until)?,
                }
            }
            Input::Ban { identity, reason, until } => self.ban(&identity, reason, until)?,
            Input::Configure { capacity, waiting, lobby } => {
                (self.capacity, self.places) = (capacity, waiting);
                if let Some(enabled) = lobby
                    && mem::replace(&mut self.lobby, enabled) != enabled
                {
                    self.happen(Event::Lobby(enabled));
                }
            }
            Input::Unban { identity } => self.bans.retain(|(banned, _)| *banned != identity),
            Input::Expire { now } => self.bans.retain(|(_, until)| *until > now),
            Input::Lock { by, locked } => {
                self.check_moderator(by)?;
                if mem::replace(&mut self.locked, locked) != locked {
                    self.happen(Event::Locked(locked));
                }
            }
            Input::Signal { from, to, frame } => {
                let may = self.member(from)?.permissions.signal;
                may.then_some(()).ok_or(ApplyError::NotAllowed)?;
                self.member(to).ok().filter(|_| to != from).ok_or(ApplyError::NoSuchPeer)?;
                self.record.deliver(to, Delivery::Frame(frame));
            }
            Input::Broadcast { from, frame } => {
                let may = self.member(from)?.permissions.broadcast;
                may.then_some(()).ok_or(ApplyError::NotAllowed)?;
                self.deliver_all(Some(from), &Delivery::Frame(frame));
            }
            Input::App { to: Some(to), frame } => {
                self.member(to).map_err(|_| ApplyError::NoSuchPeer)?;
                self.record.deliver(to, Delivery::Frame(frame));
            }
            Input::App { to: None, frame } => self.deliver_all(None, &Delivery::Frame(frame)),
            Input::Close => {
                let all = self.everybody().map(|peer| (peer.id, CloseReason::RoomClosed));
                self.remove_for_good(&all.collect::<Vec<_>>(), LeaveReason::Closed)?;
            }
        }
        Ok(())
    }

    /// The members, in the order in which they joined.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The peers in the lobby, in the order in which they knocked.
    pub fn waiting(&self) -> Vec<Member> {
        self.waiting.iter().map(|(waiting, _)| waiting.clone()).collect()
    }

    /// What happened, and what each member received.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Whether the room admits no new members.
    pub fn is_locked(&self) -> bool {
        self.locked
    }

    /// A member that another one or the application names.
    fn find(&mut self, id: PeerId) -> Result<&mut Member, ApplyError> {
        self.member(id).map_err(|_| ApplyError::NoSuchPeer)
    }

    fn member(&mut self, id: PeerId) -> Result<&mut Member, ApplyError> {
        self.members.iter_mut().find(|member| member.id == id).ok_or(ApplyError::NotAMember)
    }

    fn remove(
        &mut self,
        gone: &[(PeerId, CloseReason)],
        reason: LeaveReason,
    ) -> Result<(), ApplyError> {
        if gone.iter().any(|(id, _)| self.everybody().all(|peer| peer.id != *id)) {
            return Err(ApplyError::NotAMember);
        }
        let is_gone = |peer: &Member| gone.iter().any(|(id, _)| *id == peer.id);
        let waited: Vec<_> =
            self.waiting().into_iter().filter(is_gone).map(|waiting| waiting.id).collect();
        self.members.retain(|member| !is_gone(member));
        self.waiting.retain(|(waiting, _)| !is_gone(waiting));
        self.record.disconnected.extend_from_slice(gone);
        for (id, _) in gone {
            self.happen(match waited.contains(id) {
                true => Event::KnockGone(*id, KnockEnd::Left(reason)),
                false => Event::Left(*id, reason),
            });
        }
        Ok(())
    }

    /// For these, nobody comes.
    fn remove_for_good(
        &mut self,
        gone: &[(PeerId, CloseReason)],
        reason: LeaveReason,
    ) -> Result<(), ApplyError> {
        let was_open = !self.members.is_empty();
        self.remove(gone, reason)?;
        if was_open && self.members.is_empty() {
            self.happen(Event::Closed);
        }
        Ok(())
    }

    fn happen(&mut self, event: Event) {
        self.record.events.push(event.clone());
        match event.recipients() {
            Some(Recipients::AllBut(peer)) => self.deliver_all(Some(peer), &Delivery::Event(event)),
            Some(Recipients::Moderators) => {
                for member in self.members.iter().filter(|member| member.permissions.moderate) {
                    self.record.deliver(member.id, Delivery::Event(event.clone()));
                }
            }
            Some(_) => self.deliver_all(None, &Delivery::Event(event)),
            None => {}
        }
    }

    fn deliver_all(&mut self, but: Option<PeerId>, delivery: &Delivery) {
        for member in self.members.iter().filter(|member| Some(member.id) != but) {
            self.record.deliver(member.id, delivery.clone());
        }
    }
}
