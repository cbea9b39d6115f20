//! The semantics of a room, as a state machine that knows no clock, no socket and no lock.
//!
//! An [`Input`] goes in, [`Effects`] come out, to be carried out in their order. If the effects of
//! successive inputs are carried out in the order of the inputs, every member sees the same history.
//! The hub does so under its lock; a property test does so with vectors.

use std::{mem, slice};

use smallvec::{SmallVec, smallvec};
use thiserror::Error;

use crate::{
    CloseReason, ErrorCode, Frame, PeerId,
    message::{LeaveReason, Meta, Peer, ServerMessage, Status},
    roster::{Member, Roster},
    ticket::TicketHash,
};

/// A room and who is in it.
#[derive(Debug)]
pub struct Room {
    capacity: usize,
    roster: Roster,
}

/// Something happens to a room.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Input {
    /// Somebody comes in.
    Join {
        /// Who. Its id is new.
        member: Member,
        /// Whose place it takes: the member that holds this ticket leaves in the same step, and
        /// does not count against the capacity.
        replaces: Option<TicketHash>,
    },
    /// A member goes.
    Leave {
        /// Who.
        peer: PeerId,
        /// Why.
        reason: LeaveReason,
    },
    /// A member's socket was lost, or is back.
    Status {
        /// Whose.
        peer: PeerId,
        /// What it is now.
        status: Status,
    },
    /// A member tells something new about itself.
    Update {
        /// Who.
        peer: PeerId,
        /// All of what it tells now.
        meta: Meta,
    },
    /// A member has a frame for another one.
    Signal {
        /// The sender.
        from: PeerId,
        /// The receiver.
        to: PeerId,
        /// What the receiver gets.
        frame: Frame,
    },
    /// A member has a frame for everybody else.
    Broadcast {
        /// The sender.
        from: PeerId,
        /// What the others get.
        frame: Frame,
    },
    /// The application has a frame for one member, or for all.
    App {
        /// The receiver; all where there is none.
        to: Option<PeerId>,
        /// What it gets.
        frame: Frame,
    },
    /// The application closes the room.
    Close,
}

impl Input {
    /// The member that sends a frame to others.
    pub fn sender(&self) -> Option<PeerId> {
        match self {
            Self::Signal { from, .. } | Self::Broadcast { from, .. } => Some(*from),
            _ => None,
        }
    }
}

/// What follows from an [`Input`], in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use = "the members are owed the effects"]
pub struct Effects(SmallVec<[Effect; 1]>);

/// The effects, by value.
#[derive(Debug)]
pub struct IntoEffects(smallvec::IntoIter<[Effect; 1]>);

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub enum Effect {
    /// Send a frame of a member or of the application to members.
    Send(Recipients, Frame),
    /// Something happened in the room: tell every member but the one that it is about.
    Event(Event),
    /// End the connection, if there is one, of a peer that is no member any more.
    Disconnect(PeerId, CloseReason),
}

/// Who receives a frame: members as of after the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Recipients {
    /// One member.
    One(PeerId),
    /// Everybody but this one.
    AllBut(PeerId),
    /// Everybody.
    All,
}

/// A change of the room. Each `Joined` is followed by exactly one `Left` of the same peer, and all of
/// them lie between an `Opened` and the next `Closed`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The first member is about to join.
    Opened,
    /// A peer joined.
    Joined(PeerId, Meta),
    /// A member left.
    Left(PeerId, LeaveReason),
    /// A member's socket was lost, or is back.
    Status(PeerId, Status),
    /// A member changed its `meta`.
    Updated(PeerId, Meta),
    /// The last member has left.
    Closed,
}

impl Effects {
    fn push(&mut self, effect: Effect) {
        self.0.push(effect);
    }

    fn event(event: Event) -> Self {
        Self(smallvec![Effect::Event(event)])
    }

    fn send(to: Recipients, frame: Frame) -> Self {
        Self(smallvec![Effect::Send(to, frame)])
    }

    /// The effects, by reference.
    pub fn iter(&self) -> slice::Iter<'_, Effect> {
        self.0.iter()
    }
}

impl IntoIterator for Effects {
    type Item = Effect;
    type IntoIter = IntoEffects;

    fn into_iter(self) -> IntoEffects {
        IntoEffects(self.0.into_iter())
    }
}

impl<'a> IntoIterator for &'a Effects {
    type Item = &'a Effect;
    type IntoIter = slice::Iter<'a, Effect>;

    fn into_iter(self) -> slice::Iter<'a, Effect> {
        self.iter()
    }
}

impl FromIterator<Effect> for Effects {
    fn from_iter<I: IntoIterator<Item = Effect>>(effects: I) -> Self {
        Self(effects.into_iter().collect())
    }
}

impl Iterator for IntoEffects {
    type Item = Effect;

    fn next(&mut self) -> Option<Effect> {
        self.0.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl Event {
    /// The peer that it is about.
    pub fn subject(&self) -> Option<PeerId> {
        match self {
            Self::Joined(peer, _)
            | Self::Left(peer, _)
            | Self::Status(peer, _)
            | Self::Updated(peer, _) => Some(*peer),
            Self::Opened | Self::Closed => None,
        }
    }

    /// The frame that the other members receive. There is none for the two events at which the room
    /// has no members.
    pub fn into_frame(self) -> Option<Frame> {
        let message = match &self {
            Self::Joined(id, meta) => {
                // The members that receive it joined earlier, so they are polite toward the newcomer.
                let peer = Peer { id: *id, meta, status: Status::Here, polite: true };
                ServerMessage::Joined { peer }
            }
            Self::Left(peer, reason) => ServerMessage::Left { peer: *peer, reason: *reason },
            Self::Status(peer, status) => ServerMessage::Status { peer: *peer, status: *status },
            Self::Updated(peer, meta) => ServerMessage::Updated { peer: *peer, meta },
            Self::Opened | Self::Closed => return None,
        };
        Some(message.encode())
    }
}

/// Why an input was not applied; nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// The room holds as many peers as it may.
    #[error("the room is full")]
    RoomFull,
    /// The receiver is not in the room.
    #[error("no such peer is in the room")]
    NoSuchPeer,
    /// Whose input it is is not in the room (any more).
    #[error("the sender is not in the room")]
    NotAMember,
    /// The sender lacks the permission, or would change what was granted.
    #[error("the session may not do this")]
    NotAllowed,
}

impl ApplyError {
    /// The code by which a client is told.
    pub fn code(self) -> ErrorCode {
        match self {
            Self::RoomFull => ErrorCode::RoomFull,
            Self::NoSuchPeer => ErrorCode::NoSuchPeer,
            Self::NotAMember => ErrorCode::NotJoined,
            Self::NotAllowed => ErrorCode::NotAllowed,
        }
    }
}

impl Room {
    /// An empty room for `capacity` members.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, roster: Roster::default() }
    }

    /// Takes one step.
    ///
    /// # Errors
    ///
    /// The input is refused, and the room is as it was.
    pub fn apply(&mut self, input: Input) -> Result<Effects, ApplyError> {
        match input {
            Input::Signal { from, to, frame } => self.signal(from, to, frame),
            Input::Broadcast { from, frame } => self.broadcast(from, frame),
            Input::Join { member, replaces } => self.join(member, replaces),
            Input::Leave { peer, reason } => self.leave(peer, reason),
            Input::Status { peer, status } => self.status(peer, status),
            Input::Update { peer, meta } => self.update(peer, meta),
            Input::App { to, frame } => self.app(to, frame),
            Input::Close => Ok(self.close()),
        }
    }

    /// Who is in the room.
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// Whose place somebody takes who joins; that of no member where there is another one.
    pub(crate) fn place_for(
        &self,
        replaces: Option<TicketHash>,
    ) -> Result<Option<PeerId>, ApplyError> {
        let replaced = replaces.and_then(|ticket| self.roster.find_by_ticket(ticket));
        let others = self.roster.len() - usize::from(replaced.is_some());
        if others < self.capacity { Ok(replaced) } else { Err(ApplyError::RoomFull) }
    }

    fn join(
        &mut self,
        member: Member,
        replaces: Option<TicketHash>,
    ) -> Result<Effects, ApplyError> {
        let mut effects = match self.place_for(replaces)? {
            Some(old) => self.remove(old, LeaveReason::Replaced, CloseReason::TakenOver)?,
            None if self.roster.is_empty() => Effects::event(Event::Opened),
            None => Effects::default(),
        };
        effects.push(Effect::Event(Event::Joined(member.id, member.meta.clone())));
        self.roster.push(member);
        Ok(effects)
    }

    fn leave(&mut self, peer: PeerId, reason: LeaveReason) -> Result<Effects, ApplyError> {
        let mut effects = self.remove(peer, reason, CloseReason::Left)?;
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

    /// The member's end, as every leave and replacement has it.
    fn remove(
        &mut self,
        peer: PeerId,
        reason: LeaveReason,
        close: CloseReason,
    ) -> Result<Effects, ApplyError> {
        self.roster.remove(peer).ok_or(ApplyError::NotAMember)?;
        Ok(Effects(smallvec![
            Effect::Disconnect(peer, close),
            Effect::Event(Event::Left(peer, reason)),
        ]))
    }
}
