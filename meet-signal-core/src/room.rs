//! The semantics of a room, as a state machine without clock, socket or lock.
//!
//! An [`Input`] results in [`Effects`], to be carried out in their order. If the effects of
//! successive inputs are carried out in the order of the inputs, every member gets the same
//! history. The hub does so under its lock; a property test does so with vectors.

use std::{mem, slice};

use smallvec::{SmallVec, smallvec};
use thiserror::Error;

use crate::{
    CloseReason, ErrorCode, Frame, PeerId,
    message::{LeaveReason, Meta, Peer, ServerMessage, Status},
    roster::{Member, Roster},
    ticket::TicketHash,
};

/// A room and its members.
#[derive(Debug)]
pub struct Room {
    capacity: usize,
    roster: Roster,
}

/// An input to a room.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Input {
    /// A peer joins.
    Join {
        /// The new member. Its id is new.
        member: Member,
        /// The ticket of the member that it replaces, if any: that member leaves in the same step,
        /// and does not count against the capacity.
        replaces: Option<TicketHash>,
    },
    /// A member leaves.
    Leave {
        /// The member.
        peer: PeerId,
        /// Why.
        reason: LeaveReason,
    },
    /// A member's socket was lost, or is back.
    Status {
        /// The member.
        peer: PeerId,
        /// Its new status.
        status: Status,
    },
    /// A member changes its `meta`.
    Update {
        /// The member.
        peer: PeerId,
        /// Its new `meta`.
        meta: Meta,
    },
    /// A member sends a frame to another member.
    Signal {
        /// The sender.
        from: PeerId,
        /// The receiver.
        to: PeerId,
        /// The frame for the receiver.
        frame: Frame,
    },
    /// A member sends a frame to all other members.
    Broadcast {
        /// The sender.
        from: PeerId,
        /// The frame for the others.
        frame: Frame,
    },
    /// The application sends a frame to one member, or to all.
    App {
        /// The receiver; `None` for all members.
        to: Option<PeerId>,
        /// The frame.
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

/// The effects of an [`Input`], in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use = "the effects must be carried out"]
pub struct Effects(SmallVec<[Effect; 1]>);

/// An iterator over owned effects.
#[derive(Debug)]
pub struct IntoEffects(smallvec::IntoIter<[Effect; 1]>);

/// An effect of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub enum Effect {
    /// Send a frame from a member or from the application.
    Send(Recipients, Frame),
    /// The room changed: notify all members but the one that it is about.
    Event(Event),
    /// End the connection, if there is one, of a peer that is no longer a member.
    Disconnect(PeerId, CloseReason),
}

/// The recipients of a frame: members after the input was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Recipients {
    /// One member.
    One(PeerId),
    /// All members but this one.
    AllBut(PeerId),
    /// All members.
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

    /// An iterator over the effects.
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
    /// The peer that the event is about.
    pub fn subject(&self) -> Option<PeerId> {
        match self {
            Self::Joined(peer, _)
            | Self::Left(peer, _)
            | Self::Status(peer, _)
            | Self::Updated(peer, _) => Some(*peer),
            Self::Opened | Self::Closed => None,
        }
    }

    /// The frame for the other members. `Opened` and `Closed` have none, because the room has no
    /// members then.
    pub fn into_frame(self) -> Option<Frame> {
        let message = match &self {
            Self::Joined(id, meta) => {
                // The receivers joined earlier, so they are polite toward the new peer.
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
    /// The member lacks the permission, or would change a `meta` that was granted.
    #[error("the session may not do this")]
    NotAllowed,
}

impl ApplyError {
    /// The error code for the client.
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
    /// An empty room for up to `capacity` members.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, roster: Roster::default() }
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
            Input::Join { member, replaces } => self.join(member, replaces),
            Input::Leave { peer, reason } => self.leave(peer, reason),
            Input::Status { peer, status } => self.status(peer, status),
            Input::Update { peer, meta } => self.update(peer, meta),
            Input::App { to, frame } => self.app(to, frame),
            Input::Close => Ok(self.close()),
        }
    }

    /// The members.
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// Checks the capacity for a join. Returns the member that it replaces, if any.
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

    /// Removes a member, for every kind of leave and for a replacement.
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
