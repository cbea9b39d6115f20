//! The semantics of a room, as a state machine without clock, socket or lock.
//!
//! An [`Input`] results in [`Effects`], to be carried out in their order. If the effects of
//! successive inputs are carried out in the order of the inputs, every member gets the same
//! history. The hub does so under its lock; a property test does so with vectors.

mod access;
mod effect;
mod input;
mod lobby;
mod moderation;

use thiserror::Error;

pub use access::{Access, Duplicates};
#[cfg(feature = "testing")]
pub use effect::IntoEffects;
pub use effect::{Effect, Effects, Event, KnockEnd, Recipients};
pub use input::{Input, Newcomer};
pub use lobby::{Admission, Lobby};

use crate::{
    CloseReason, ErrorCode, Frame, Identity, PeerId, Permissions,
    message::{LeaveReason, Meta, Status},
    roster::{Member, Roster},
    ticket::TicketHash,
};

/// A room and its members.
#[derive(Debug)]
pub struct Room {
    capacity: usize,
    roster: Roster,
    lobby: Lobby,
    access: Access,
}

/// Where a newcomer goes, and who leaves for it: members, or peers that wait.
#[derive(Debug, Default)]
pub(crate) struct Place {
    /// Whether it waits in the lobby.
    pub(crate) waits: bool,
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
    /// As many peers wait in the lobby as may.
    #[error("the lobby is full")]
    LobbyFull,
    /// The receiver is not in the room, or the peer does not wait in its lobby.
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
            Self::RoomFull | Self::LobbyFull => ErrorCode::RoomFull,
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
    /// An empty room for up to `capacity` members, with a place for as many more who wait.
    pub fn new(capacity: usize) -> Self {
        Self::with_lobby(capacity, capacity)
    }

    /// An empty room for up to `capacity` members and `waiting` peers that wait to be admitted.
    pub fn with_lobby(capacity: usize, waiting: usize) -> Self {
        let (roster, access) = (Roster::default(), Access::default());
        Self { capacity, roster, lobby: Lobby::new(waiting), access }
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
            Input::Join(newcomer) => self.join(newcomer),
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
            Input::Admit { by, peer } => {
                self.check_moderator(by)?;
                self.admit(peer)
            }
            Input::Deny { by, peer, reason } => {
                self.check_moderator(by)?;
                self.deny(peer, reason)
            }
            Input::SetLobby { by, enabled } => {
                self.check_moderator(by)?;
                Ok(self.set_lobby(enabled))
            }
            Input::Configure { capacity, waiting, lobby } => {
                Ok(self.configure(capacity, waiting, lobby))
            }
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
            Input::Close => self.close(),
        }
    }

    /// The members.
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// Those who wait to be admitted.
    pub fn lobby(&self) -> &Lobby {
        &self.lobby
    }

    /// The members, then those who wait.
    fn everybody(&self) -> impl Iterator<Item = &Member> {
        self.roster.iter().chain(self.lobby.waiting().iter())
    }

    /// Those with this identity, if there is one.
    fn with_identity(&self, identity: Option<&Identity>) -> impl Iterator<Item = PeerId> {
        let is_same =
            move |other: &&Member| identity.is_some() && other.identity.as_ref() == identity;
        self.everybody().filter(is_same).map(|other| other.id)
    }

    /// A member, or a peer that waits.
    pub(crate) fn find(&self, peer: PeerId) -> Option<&Member> {
        self.roster.get(peer).or_else(|| self.lobby.waiting().get(peer))
    }

    /// The member or the waiting peer with this ticket.
    pub(crate) fn find_by_ticket(&self, ticket: TicketHash) -> Option<PeerId> {
        let waiting = || self.lobby.waiting().find_by_ticket(ticket);
        self.roster.find_by_ticket(ticket).or_else(waiting)
    }

    /// Who may join, beside the capacity.
    pub fn access(&self) -> &Access {
        &self.access
    }

    fn configure(&mut self, capacity: usize, waiting: usize, lobby: Option<bool>) -> Effects {
        self.capacity = capacity;
        self.lobby.set_capacity(waiting);
        self.access.set_usual_lobby(lobby.unwrap_or_default());
        lobby.map_or_else(Effects::default, |enabled| self.set_lobby(enabled))
    }

    fn set_lobby(&mut self, enabled: bool) -> Effects {
        match self.access.set_lobby(enabled) {
            true => Effects::event(Event::Lobby(enabled)),
            false => Effects::default(),
        }
    }

    /// Checks a join. Returns where the newcomer goes.
    pub(crate) fn place_for(&self, newcomer: &Newcomer) -> Result<Place, ApplyError> {
        let Newcomer { member, replaces, duplicates, admission, passes_lock, .. } = newcomer;
        let identity = member.identity.as_ref();
        // A ticket is of no use to another user.
        let owned = |peer: &PeerId| {
            self.find(*peer).is_some_and(|found| found.identity.as_ref() == identity)
        };
        let replaced = replaces.and_then(|ticket| self.find_by_ticket(ticket)).filter(owned);
        self.access.check(identity, replaced.is_some() || *passes_lock)?;
        let duplicates =
            self.duplicates_of(identity, replaced.unwrap_or(member.id), *duplicates)?;
        let mut gone = replaced.iter().chain(&duplicates);
        let takes_members_place = gone.any(|peer| self.roster.contains(*peer));
        let waits = match admission {
            Admission::Direct => false,
            Admission::ByRoom => self.access.has_lobby(),
            Admission::ByModerator => true,
        };
        let waits = waits && !self.permissions_of(newcomer).moderate && !takes_members_place;
        // A ticket of the lobby is worth a place in the lobby.
        let was_waiting = replaced.is_some_and(|old| !self.roster.contains(old));
        if self.access.is_locked() && was_waiting && !waits && !passes_lock {
            return Err(ApplyError::RoomLocked);
        }
        if !waits {
            self.check_capacity(takes_members_place)?;
        } else if replaced.is_none() && duplicates.is_empty() && self.lobby.is_full() {
            return Err(ApplyError::LobbyFull);
        }
        Ok(Place { waits, replaced, duplicates })
    }

    /// Those who leave because a peer with the same identity joins, other than `except`.
    fn duplicates_of(
        &self,
        identity: Option<&Identity>,
        except: PeerId,
        rule: Duplicates,
    ) -> Result<Vec<PeerId>, ApplyError> {
        let mut same = self.with_identity(identity).filter(|other| *other != except);
        match rule {
            Duplicates::Allow => Ok(Vec::new()),
            Duplicates::Replace => Ok(same.collect()),
            Duplicates::Reject if same.next().is_some() => Err(ApplyError::Duplicate),
            Duplicates::Reject => Ok(Vec::new()),
        }
    }

    /// Checks that there is a place. A member's is its successor's, also if the capacity was lowered
    /// since.
    fn check_capacity(&self, takes_members_place: bool) -> Result<(), ApplyError> {
        let has_place = takes_members_place || self.roster.len() < self.capacity;
        has_place.then_some(()).ok_or(ApplyError::RoomFull)
    }

    /// What a newcomer may do: the first member may have permissions of its own.
    fn permissions_of(&self, newcomer: &Newcomer) -> Permissions {
        let opener = newcomer.opener.filter(|_| self.roster.is_empty());
        opener.unwrap_or(newcomer.member.permissions)
    }

    fn join(&mut self, mut newcomer: Newcomer) -> Result<Effects, ApplyError> {
        let place = self.place_for(&newcomer)?;
        if !place.waits {
            newcomer.member.permissions = self.permissions_of(&newcomer);
        }
        let mut predecessors = place.replaced.iter().chain(&place.duplicates);
        if let Some(old) = predecessors.find_map(|old| self.roster.get(*old)) {
            newcomer.member.succeed(old);
        }
        let opens = self.roster.is_empty();
        let replaced = place.replaced.map(|old| (old, CloseReason::TakenOver));
        let duplicates = place.duplicates.into_iter().map(|old| (old, CloseReason::Duplicate));
        let gone: Vec<_> = replaced.into_iter().chain(duplicates).collect();
        let mut effects = self.remove_all(gone, LeaveReason::Replaced)?;
        if place.waits {
            effects.extend(self.knock(newcomer));
        } else {
            effects.extend(self.enter(newcomer.member, opens));
        }
        Ok(effects)
    }

    fn leave(&mut self, peer: PeerId, reason: LeaveReason) -> Result<Effects, ApplyError> {
        self.remove_for_good(vec![(peer, CloseReason::Left)], reason)
    }

    fn status(&mut self, peer: PeerId, status: Status) -> Result<Effects, ApplyError> {
        if let Some(waiting) = self.lobby.waiting_mut().get_mut(peer) {
            waiting.status = status;
            return Ok(Effects::default());
        }
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

    fn close(&mut self) -> Result<Effects, ApplyError> {
        let all = self.everybody().map(|member| (member.id, CloseReason::RoomClosed)).collect();
        self.remove_for_good(all, LeaveReason::Closed)
    }

    /// Removes members and waiting peers for whom nobody comes.
    fn remove_for_good(
        &mut self,
        peers: Vec<(PeerId, CloseReason)>,
        reason: LeaveReason,
    ) -> Result<Effects, ApplyError> {
        let was_open = !self.roster.is_empty();
        let mut effects = self.remove_all(peers, reason)?;
        if was_open && self.roster.is_empty() {
            effects.push(Effect::Event(Event::Closed));
        }
        Ok(effects)
    }

    /// Removes members and waiting peers, for every kind of leave and for replacements. All
    /// connections end before the first `left`, which none of them gets.
    fn remove_all(
        &mut self,
        peers: Vec<(PeerId, CloseReason)>,
        reason: LeaveReason,
    ) -> Result<Effects, ApplyError> {
        if peers.iter().any(|(peer, _)| self.find(*peer).is_none()) {
            return Err(ApplyError::NotAMember);
        }
        let mut events = Vec::with_capacity(peers.len());
        for (peer, _) in &peers {
            events.push(match self.lobby.remove(*peer) {
                Some(_) => Event::KnockGone(*peer, KnockEnd::Left(reason)),
                None => Event::Left(*peer, reason),
            });
            self.roster.remove(*peer);
        }
        let disconnect = peers.into_iter().map(|(peer, close)| Effect::Disconnect(peer, close));
        Ok(disconnect.chain(events.into_iter().map(Effect::Event)).collect())
    }
}
