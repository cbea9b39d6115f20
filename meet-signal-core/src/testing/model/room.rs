//! The room: who is in it, and what each member receives.

mod moderation;

use std::{collections::BTreeMap, mem, time::Instant};

use crate::{
    CloseReason, Duplicates, Frame, Identity, LeaveReason, PeerId,
    room::{ApplyError, Effect, Event, Input, Recipients, Room},
    roster::Member,
};

/// The reference for [`Room`]: a list of members, and what each of them received.
#[derive(Debug, Clone)]
pub struct RoomModel {
    capacity: usize,
    members: Vec<Member>,
    locked: bool,
    bans: Vec<(Identity, Instant)>,
    record: Record,
}

/// The real [`Room`], which carries its effects out with vectors as a hub does with outboxes.
#[derive(Debug)]
pub struct RecordedRoom {
    room: Room,
    record: Record,
}

/// What happened in a room, and what its members received, also those that have left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// What each peer received while it was a member.
    pub histories: BTreeMap<PeerId, History>,
    /// What happened in the room, in order.
    pub events: Vec<Event>,
    /// Which connections were ended, and why, in order.
    pub disconnected: Vec<(PeerId, CloseReason)>,
}

/// What one member received.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct History {
    /// The members at the moment of its join, in the order in which they had joined.
    pub found: Vec<Member>,
    /// What it received from then on.
    pub deliveries: Vec<Delivery>,
}

/// One thing that a member received.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "an effect reaches a member in one of these ways")]
pub enum Delivery {
    /// Something happened in the room.
    Event(Event),
    /// A frame of a member or of the application.
    Frame(Frame),
}

impl RoomModel {
    /// An empty room for `capacity` members.
    pub fn new(capacity: usize) -> Self {
        let (members, bans) = (Vec::new(), Vec::new());
        Self { capacity, members, locked: false, bans, record: Record::default() }
    }

    /// Takes one step.
    ///
    /// # Errors
    ///
    /// The input is refused, and the room is as it was.
    pub fn apply(&mut self, input: &Input) -> Result<(), ApplyError> {
        match input.clone() {
            Input::Join { member, replaces, duplicates } => {
                let is_replaced =
                    |old: &&Member| Some(old.ticket) == replaces && old.identity == member.identity;
                let replaced = self.members.iter().find(is_replaced);
                let replaced = replaced.map(|replaced| replaced.id);
                let has_ban = |identity| self.bans.iter().any(|(banned, _)| banned == identity);
                if member.identity.as_ref().is_some_and(has_ban) {
                    return Err(ApplyError::Banned);
                }
                if self.locked && replaced.is_none() {
                    return Err(ApplyError::RoomLocked);
                }
                let mut same = self.with_identity(member.identity.as_ref());
                same.retain(|id| Some(*id) != replaced);
                match duplicates {
                    Duplicates::Allow => same.clear(),
                    Duplicates::Replace => {}
                    Duplicates::Reject if same.is_empty() => {}
                    Duplicates::Reject => return Err(ApplyError::Duplicate),
                }
                if self.members.len() - same.len() - usize::from(replaced.is_some())
                    >= self.capacity
                {
                    return Err(ApplyError::RoomFull);
                }
                let opens = self.members.is_empty();
                let mut gone: Vec<_> =
                    replaced.into_iter().map(|old| (old, CloseReason::TakenOver)).collect();
                gone.extend(same.into_iter().map(|old| (old, CloseReason::Duplicate)));
                self.remove(&gone, LeaveReason::Replaced)?;
                if opens {
                    self.happen(Event::Opened);
                }
                self.happen(Event::Joined(member.id, member.meta.clone(), member.permissions));
                self.record.begin(member.id, self.members.clone());
                self.members.push(member);
            }
            Input::Leave { peer, reason } => {
                self.remove(&[(peer, CloseReason::Left)], reason)?;
                if self.members.is_empty() {
                    self.happen(Event::Closed);
                }
            }
            Input::Status { peer, status } => {
                if mem::replace(&mut self.member(peer)?.status, status) != status {
                    self.happen(Event::Status(peer, status));
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
            Input::Regrant { peer, granted, data } => {
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
            }
            Input::Kick { by, peer, reason, ban_until } => {
                self.check_moderator(by)?;
                let identity = self.find(peer)?.identity.clone();
                match (ban_until, identity) {
                    (None, _) => self.kick(&[peer], reason)?,
                    (Some(_), None) => return Err(ApplyError::NoIdentity),
                    (Some(until), Some(identity)) => self.ban(&identity, reason, until)?,
                }
            }
            Input::Ban { identity, reason, until } => self.ban(&identity, reason, until)?,
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
                let members = mem::take(&mut self.members);
                for member in &members {
                    self.record.disconnected.push((member.id, CloseReason::RoomClosed));
                    self.happen(Event::Left(member.id, LeaveReason::Closed));
                }
                if !members.is_empty() {
                    self.happen(Event::Closed);
                }
            }
        }
        Ok(())
    }

    /// The members, in the order in which they joined.
    pub fn members(&self) -> &[Member] {
        &self.members
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
        for (id, _) in gone {
            self.member(*id)?;
        }
        self.members.retain(|member| gone.iter().all(|(id, _)| *id != member.id));
        self.record.disconnected.extend_from_slice(gone);
        for (id, _) in gone {
            self.happen(Event::Left(*id, reason));
        }
        Ok(())
    }

    fn happen(&mut self, event: Event) {
        self.record.events.push(event.clone());
        match event.recipients() {
            Some(Recipients::AllBut(peer)) => self.deliver_all(Some(peer), &Delivery::Event(event)),
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

impl RecordedRoom {
    /// An empty room for `capacity` members.
    pub fn new(capacity: usize) -> Self {
        Self { room: Room::new(capacity), record: Record::default() }
    }

    /// Takes one step, and carries its effects out.
    ///
    /// # Errors
    ///
    /// The input is refused, and the room is as it was.
    ///
    /// # Panics
    ///
    /// An effect is for a peer that is no member.
    pub fn apply(&mut self, input: Input) -> Result<(), ApplyError> {
        let newcomer = match &input {
            Input::Join { member, .. } => Some(member.id),
            _ => None,
        };
        for effect in self.room.apply(input)? {
            match effect {
                Effect::Send(to, frame) => self.deliver(to, newcomer, &Delivery::Frame(frame)),
                Effect::Event(event) => {
                    self.record.events.push(event.clone());
                    if let Some(recipients) = event.recipients() {
                        self.deliver(recipients, newcomer, &Delivery::Event(event));
                    }
                }
                Effect::Disconnect(peer, reason) => self.record.disconnected.push((peer, reason)),
            }
        }
        if let Some(newcomer) = newcomer {
            let others = self.room.roster().iter().filter(|member| member.id != newcomer);
            self.record.begin(newcomer, others.cloned().collect());
        }
        Ok(())
    }

    /// The room.
    pub fn room(&self) -> &Room {
        &self.room
    }

    /// What happened, and what each member received.
    pub fn record(&self) -> &Record {
        &self.record
    }

    fn deliver(&mut self, to: Recipients, newcomer: Option<PeerId>, delivery: &Delivery) {
        let receives = |member: PeerId| match to {
            Recipients::One(peer) => peer == member,
            Recipients::AllBut(peer) => peer != member,
            Recipients::All => true,
        };
        if let Recipients::One(peer) = to {
            assert!(
                self.room.roster().contains(peer),
                "{peer} receives something and is no member"
            );
        }
        // A newcomer's history begins with what it finds.
        let members = self.room.roster().iter().map(|member| member.id);
        for member in members.filter(|member| Some(*member) != newcomer && receives(*member)) {
            self.record.deliver(member, delivery.clone());
        }
    }
}

impl Record {
    /// The members, computed from the events alone, in the order in which they joined.
    ///
    /// # Panics
    ///
    /// The events do not pair: each `Joined` with one `Left`, each `Opened` with one `Closed`, between
    /// which all others lie.
    pub fn members(&self) -> Vec<PeerId> {
        let (mut is_open, mut members) = (false, Vec::new());
        for event in &self.events {
            let at = members.iter().position(|member| Some(*member) == event.subject());
            match (event, at) {
                (Event::Opened, _) if !is_open => is_open = true,
                (Event::Closed, _) if is_open && members.is_empty() => is_open = false,
                (Event::Joined(peer, ..), None) if is_open => members.push(*peer),
                (Event::Left(..), Some(at)) => drop(members.remove(at)),
                (
                    Event::Status(..)
                    | Event::Updated(..)
                    | Event::MetaSet(..)
                    | Event::Permissions(..),
                    Some(_),
                )
                | (Event::Locked(_), _) => {}
                _ => panic!("{event:?} in a room with {members:?}"),
            }
        }
        assert_eq!(is_open, !members.is_empty(), "a room is open while it has members");
        members
    }

    fn begin(&mut self, peer: PeerId, found: Vec<Member>) {
        self.histories.insert(peer, History { found, deliveries: Vec::new() });
    }

    fn deliver(&mut self, peer: PeerId, delivery: Delivery) {
        self.histories.entry(peer).or_default().deliveries.push(delivery);
    }
}

impl Delivery {
    /// The frame, unless it is an event of which members receive none.
    pub fn into_frame(self) -> Option<Frame> {
        match self {
            Self::Event(event) => event.into_frame(),
            Self::Frame(frame) => Some(frame),
        }
    }
}
