//! The semantics of a room, as a state machine without clock, socket or lock.
//!
//! An [`Input`] results in [`Effects`], to be carried out in their order. If the effects of
//! successive inputs are carried out in the order of the inputs, every member gets the same
//! history. The hub does so under its lock; a property test does so with vectors.

mod access;
mod effect;
mod input;

use std::{mem, time::Instant};

use thiserror::Error;

pub use access::{Access, Duplicates};
#[cfg(feature = "testing")]
pub use effect::IntoEffects;
pub use effect::{Effect, Effects, Event, Recipients};
pub use input::Input;

use crate::{
    AppData, CloseReason, ErrorCode, Frame, Identity, PeerId, Permissions, Reason,
    message::{LeaveReason, Meta, Status},
    roster::{Granted, Member, Roster},
    ticket::TicketHash,
};

/// A room and its members.
#[derive(Debug)]
pub struct Room {
    capacity: usize,
    roster: Roster,
    access: Access,
}

/// The members that leave for one that joins.
#[derive(Debug, Default)]
pub(crate) struct Place {
    /// The one whose ticket the newcomer has.
    pub(crate) replaced: Option<PeerId>,
    /// Those with its identity.
    duplicates: Vec<PeerId>,
}

/// Why an input was not applied. The room is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// The room holds as many peers as it may.
    #[error("the room is full")]
    RoomFull,
    /// The receiver is not in the room.
    #[error("no such peer is in the room")]
    NoSuchPeer,
    /// The member that the input is about is not in the room (any more).
    #[error("the sender is not in the room")]
    NotAMember,
    /// The room is locked.
    #[error("the room is locked")]
    RoomLocked,
    /// The identity is banned.
    #[error("this identity may not join for some time")]
    Banned,
    /// A member has the same identity.
    #[error("this identity is in the room already")]
    Duplicate,
    /// The member has no identity that could be banned.
    #[error("the peer has no identity")]
    NoIdentity,
    /// The room has as many bans as it may.
    #[error("the room has too many bans")]
    TooManyBans,
    /// The member lacks the permission, or would change a `meta` that was granted.
    #[error("the session may not do this")]
    NotAllowed,
}

impl ApplyError {
    /// The error code for the client.
    pub fn code(self) -> ErrorCode {
        match self {
            Self::RoomFull => ErrorCode::RoomFull,
            Self::RoomLocked => ErrorCode::RoomLocked,
            Self::Banned => ErrorCode::Banned,
            Self::Duplicate => ErrorCode::Duplicate,
            Self::NoSuchPeer => ErrorCode::NoSuchPeer,
            Self::NotAMember => ErrorCode::NotJoined,
            Self::NotAllowed | Self::NoIdentity | Self::TooManyBans => ErrorCode::NotAllowed,
        }
    }
}

impl Room {
    /// An empty room for up to `capacity` members.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, roster: Roster::default(), access: Access::default() }
    }

    /// Applies an input.
    ///
    /// # Errors
    ///
    /// The input is refused, and the room is unchanged.
    pub fn apply(&mut self, input: Input) -> Result<Effects, ApplyError> {
        match input {
            Input::Signal { from, to, frame } => self.signal(from, to, frame),
            Input::Broadcast { from, frame } => self.broadcast(from, frame),
            Input::Join { member, replaces, duplicates } => self.join(member, replaces, duplicates),
            Input::Leave { peer, reason } => self.leave(peer, reason),
            Input::Status { peer, status } => self.status(peer, status),
            Input::Update { peer, meta } => self.update(peer, meta),
            Input::SetMeta { peer, meta } => self.set_meta(peer, meta),
            Input::SetPermissions { by, peer, permissions } => {
                self.check_moderator(by)?;
                self.set_permissions(peer, permissions)
            }
            Input::Regrant { peer, granted, data } => self.regrant(peer, granted, data),
            Input::Kick { by, peer, reason, ban_until } => {
                self.check_moderator(by)?;
                self.kick(peer, reason, ban_until)
            }
            Input::Ban { identity, reason, until } => self.ban(&identity, reason, until),
            Input::Unban { identity } => {
                self.access.unban(&identity);
                Ok(Effects::default())
            }
            Input::Expire { now } => {
                self.access.expire(now);
                Ok(Effects::default())
            }
            Input::Lock { by, locked } => {
                self.check_moderator(by)?;
                if !self.access.lock(locked) {
                    return Ok(Effects::default());
                }
                Ok(Effects::event(Event::Locked(locked)))
            }
            Input::App { to, frame } => self.app(to, frame),
            Input::Close => Ok(self.close()),
        }
    }

    /// The members.
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// Who may join, beside the capacity.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// Checks a join. Returns the members that leave for it.
    pub(crate) fn place_for(
        &self,
        identity: Option<&Identity>,
        replaces: Option<TicketHash>,
        duplicates: Duplicates,
    ) -> Result<Place, ApplyError> {
        // A ticket is of no use to another user.
        let owned = |peer: &PeerId| {
            let member = self.roster.get(*peer);
            member.is_some_and(|member| member.identity.as_ref() == identity)
        };
        let replaced = replaces.and_then(|ticket| self.roster.find_by_ticket(ticket)).filter(owned);
        self.access.check(identity, replaced.is_some())?;
        let is_same = |member: &&Member| {
            identity.is_some()
                && member.identity.as_ref() == identity
                && Some(member.id) != replaced
        };
        let same = self.roster.iter().filter(is_same).map(|member| member.id);
        let duplicates = match duplicates {
            Duplicates::Allow => Vec::new(),
            Duplicates::Replace => same.collect(),
            Duplicates::Reject if { same }.next().is_some() => return Err(ApplyError::Duplicate),
            Duplicates::Reject => Vec::new(),
        };
        let gone = usize::from(replaced.is_some()) + duplicates.len();
        if self.roster.len() - gone >= self.capacity {
            return Err(ApplyError::RoomFull);
        }
        Ok(Place { replaced, duplicates })
    }

    fn join(
        &mut self,
        member: Member,
        replaces: Option<TicketHash>,
        duplicates: Duplicates,
    ) -> Result<Effects, ApplyError> {
        let place = self.place_for(member.identity.as_ref(), replaces, duplicates)?;
        let opens = self.roster.is_empty();
        let replaced = place.replaced.map(|old| (old, CloseReason::TakenOver));
        let duplicates = place.duplicates.into_iter().map(|old| (old, CloseReason::Duplicate));
        let gone: Vec<_> = replaced.into_iter().chain(duplicates).collect();
        let mut effects = self.remove_all(gone, LeaveReason::Replaced)?;
        if opens {
            effects.push(Effect::Event(Event::Opened));
        }
        let (meta, permissions) = (member.meta.clone(), member.permissions);
        effects.push(Effect::Event(Event::Joined(member.id, meta, permissions)));
        self.roster.push(member);
        Ok(effects)
    }

    fn leave(&mut self, peer: PeerId, reason: LeaveReason) -> Result<Effects, ApplyError> {
        let mut effects = self.remove_all(vec![(peer, CloseReason::Left)], reason)?;
        if self.roster.is_empty() {
            effects.push(Effect::Event(Event::Closed));
        }
        Ok(effects)
    }

    fn status(&mut self, peer: PeerId, status: Status) -> Result<Effects, ApplyError> {
        let member = self.roster.get_mut(peer).ok_or(ApplyError::NotAMember)?;
        if member.status == status {
            return Ok(Effects::default());
        }
        member.status = status;
        Ok(Effects::event(Event::Status(peer, status)))
    }

    fn update(&mut self, peer: PeerId, meta: Meta) -> Result<Effects, ApplyError> {
        let member = self.roster.get_mut(peer).ok_or(ApplyError::NotAMember)?;
        if member.meta_is_granted {
            return Err(ApplyError::NotAllowed);
        }
        member.meta = meta.clone();
        Ok(Effects::event(Event::Updated(peer, meta)))
    }

    fn set_meta(&mut self, peer: PeerId, meta: Meta) -> Result<Effects, ApplyError> {
        let member = self.roster.get_mut(peer).ok_or(ApplyError::NoSuchPeer)?;
        member.meta_is_granted = true;
        member.meta = meta.clone();
        Ok(Effects::event(Event::MetaSet(peer, meta)))
    }

    fn set_permissions(
        &mut self,
        peer: PeerId,
        permissions: Permissions,
    ) -> Result<Effects, ApplyError> {
        let member = self.roster.get_mut(peer).ok_or(ApplyError::NoSuchPeer)?;
        if member.permissions == permissions {
            return Ok(Effects::default());
        }
        member.permissions = permissions;
        Ok(Effects::event(Event::Permissions(peer, permissions)))
    }

    fn regrant(
        &mut self,
        peer: PeerId,
        granted: Granted,
        data: Option<AppData>,
    ) -> Result<Effects, ApplyError> {
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

    /// The member may change its own `meta` again.
    fn allow_updates(&mut self, peer: PeerId) {
        if let Some(member) = self.roster.get_mut(peer) {
            member.meta_is_granted = false;
        }
    }

    fn kick(
        &mut self,
        peer: PeerId,
        reason: Option<Reason>,
        ban_until: Option<Instant>,
    ) -> Result<Effects, ApplyError> {
        let member = self.roster.get(peer).ok_or(ApplyError::NoSuchPeer)?;
        match ban_until {
            Some(until) => {
                let identity = member.identity.clone().ok_or(ApplyError::NoIdentity)?;
                self.ban(&identity, reason, until)
            }
            None => self.kick_all(&[peer], reason),
        }
    }

    fn ban(
        &mut self,
        identity: &Identity,
        reason: Option<Reason>,
        until: Instant,
    ) -> Result<Effects, ApplyError> {
        self.access.ban(identity.clone(), until)?;
        let banned = self.roster.iter().filter(|member| member.identity.as_ref() == Some(identity));
        let banned: Vec<_> = banned.map(|member| member.id).collect();
        self.kick_all(&banned, reason)
    }

    fn kick_all(
        &mut self,
        peers: &[PeerId],
        reason: Option<Reason>,
    ) -> Result<Effects, ApplyError> {
        let close = CloseReason::Kicked { reason };
        let kicked = peers.iter().map(|peer| (*peer, close.clone())).collect();
        let mut effects = self.remove_all(kicked, LeaveReason::Kicked)?;
        if !peers.is_empty() && self.roster.is_empty() {
            effects.push(Effect::Event(Event::Closed));
        }
        Ok(effects)
    }

    /// Checks that a member may moderate. The application may.
    fn check_moderator(&self, by: Option<PeerId>) -> Result<(), ApplyError> {
        let Some(by) = by else { return Ok(()) };
        let member = self.roster.get(by).ok_or(ApplyError::NotAMember)?;
        if member.permissions.moderate { Ok(()) } else { Err(ApplyError::NotAllowed) }
    }

    fn signal(&self, from: PeerId, to: PeerId, frame: Frame) -> Result<Effects, ApplyError> {
        let sender = self.roster.get(from).ok_or(ApplyError::NotAMember)?;
        if !sender.permissions.signal {
            return Err(ApplyError::NotAllowed);
        }
        if to == from || !self.roster.contains(to) {
            return Err(ApplyError::NoSuchPeer);
        }
        Ok(Effects::send(Recipients::One(to), frame))
    }

    fn broadcast(&self, from: PeerId, frame: Frame) -> Result<Effects, ApplyError> {
        let sender = self.roster.get(from).ok_or(ApplyError::NotAMember)?;
        if !sender.permissions.broadcast {
            return Err(ApplyError::NotAllowed);
        }
        Ok(Effects::send(Recipients::AllBut(from), frame))
    }

    fn app(&self, to: Option<PeerId>, frame: Frame) -> Result<Effects, ApplyError> {
        let recipients = match to {
            Some(peer) if !self.roster.contains(peer) => return Err(ApplyError::NoSuchPeer),
            Some(peer) => Recipients::One(peer),
            None => Recipients::All,
        };
        Ok(Effects::send(recipients, frame))
    }

    fn close(&mut self) -> Effects {
        let members = mem::take(&mut self.roster);
        let disconnect =
            members.iter().map(|member| Effect::Disconnect(member.id, CloseReason::RoomClosed));
        let left =
            members.iter().map(|member| Effect::Event(Event::Left(member.id, LeaveReason::Closed)));
        let closed = (!members.is_empty()).then_some(Effect::Event(Event::Closed));
        disconnect.chain(left).chain(closed).collect()
    }

    /// Removes members, for every kind of leave and for replacements. All connections end before the
    /// first `left`, which none of them gets.
    fn remove_all(
        &mut self,
        peers: Vec<(PeerId, CloseReason)>,
        reason: LeaveReason,
    ) -> Result<Effects, ApplyError> {
        if peers.iter().any(|(peer, _)| !self.roster.contains(*peer)) {
            return Err(ApplyError::NotAMember);
        }
        for (peer, _) in &peers {
            self.roster.remove(*peer);
        }
        let left: Vec<_> = peers.iter().map(|(peer, _)| Event::Left(*peer, reason)).collect();
        let disconnect = peers.into_iter().map(|(peer, close)| Effect::Disconnect(peer, close));
        Ok(disconnect.chain(left.into_iter().map(Effect::Event)).collect())
    }
}
