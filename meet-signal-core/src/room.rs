//! The semantics of a room, as a state machine that knows no clock, no socket and no lock.
//!
//! An [`Input`] goes in, [`Effects`] come out: who is to be told what, in this order. Whoever
//! carries them out in the order in which inputs were applied gives every member the same history.
//! The hub does so under its lock; a property test does so with vectors.

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

/// What is to be done because of an [`Input`], in this order.
pub type Effects = SmallVec<[Effect; 1]>;

/// One thing to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub enum Effect {
    /// Tells members something.
    Send(Recipients, Event),
    /// This peer is no member any more: its connection, if it has one, ends.
    Disconnect(PeerId, CloseReason),
}

/// Who is told. Members only, as of after the input.
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

/// What members are told.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Somebody joined.
    Joined(PeerId, Meta),
    /// Somebody left.
    Left(PeerId, LeaveReason),
    /// Somebody's socket was lost, or is back.
    Status(PeerId, Status),
    /// Somebody tells something new about itself.
    Updated(PeerId, Meta),
    /// A frame that a member or the application sent.
    Relayed(Frame),
}

impl Event {
    /// The frame that tells it.
    pub fn into_frame(self) -> Frame {
        match self {
            Self::Joined(id, meta) => {
                // Whoever hears of a newcomer was in the room first, and so is polite toward it.
                let peer = Peer { id, meta: &meta, status: Status::Here, polite: true };
                ServerMessage::Joined { peer }.encode()
            }
            Self::Left(peer, reason) => ServerMessage::Left { peer, reason }.encode(),
            Self::Status(peer, status) => ServerMessage::Status { peer, status }.encode(),
            Self::Updated(peer, meta) => ServerMessage::Updated { peer, meta: &meta }.encode(),
            Self::Relayed(frame) => frame,
        }
    }
}

/// The room does not do what the input asks for; nothing has changed.
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
    #[must_use = "the members are owed what the effects say"]
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
            None => Effects::new(),
        };
        let joined = Event::Joined(member.id, member.meta.clone());
        effects.push(Effect::Send(Recipients::AllBut(member.id), joined));
        self.roster.push(member);
        Ok(effects)
    }

    fn leave(&mut self, peer: PeerId, reason: LeaveReason) -> Result<Effects, ApplyError> {
        self.remove(peer, reason, CloseReason::Left)
    }

    fn status(&mut self, peer: PeerId, status: Status) -> Result<Effects, ApplyError> {
        let member = self.roster.get_mut(peer).ok_or(ApplyError::NotAMember)?;
        if member.status == status {
            return Ok(Effects::new());
        }
        member.status = status;
        Ok(tell(Recipients::AllBut(peer), Event::Status(peer, status)))
    }

    fn update(&mut self, peer: PeerId, meta: Meta) -> Result<Effects, ApplyError> {
        let member = self.roster.get_mut(peer).ok_or(ApplyError::NotAMember)?;
        if member.meta_is_granted {
            return Err(ApplyError::NotAllowed);
        }
        member.meta = meta.clone();
        Ok(tell(Recipients::AllBut(peer), Event::Updated(peer, meta)))
    }

    fn signal(&self, from: PeerId, to: PeerId, frame: Frame) -> Result<Effects, ApplyError> {
        let sender = self.roster.get(from).ok_or(ApplyError::NotAMember)?;
        if !sender.permissions.signal {
            return Err(ApplyError::NotAllowed);
        }
        if to == from || !self.roster.contains(to) {
            return Err(ApplyError::NoSuchPeer);
        }
        Ok(tell(Recipients::One(to), Event::Relayed(frame)))
    }

    fn broadcast(&self, from: PeerId, frame: Frame) -> Result<Effects, ApplyError> {
        let sender = self.roster.get(from).ok_or(ApplyError::NotAMember)?;
        if !sender.permissions.broadcast {
            return Err(ApplyError::NotAllowed);
        }
        Ok(tell(Recipients::AllBut(from), Event::Relayed(frame)))
    }

    fn app(&self, to: Option<PeerId>, frame: Frame) -> Result<Effects, ApplyError> {
        let audience = match to {
            Some(peer) if !self.roster.contains(peer) => return Err(ApplyError::NoSuchPeer),
            Some(peer) => Recipients::One(peer),
            None => Recipients::All,
        };
        Ok(tell(audience, Event::Relayed(frame)))
    }

    fn close(&mut self) -> Effects {
        let roster = std::mem::take(&mut self.roster);
        roster.iter().map(|member| Effect::Disconnect(member.id, CloseReason::RoomClosed)).collect()
    }

    fn remove(
        &mut self,
        peer: PeerId,
        reason: LeaveReason,
        close: CloseReason,
    ) -> Result<Effects, ApplyError> {
        self.roster.remove(peer).ok_or(ApplyError::NotAMember)?;
        let mut effects = tell(Recipients::AllBut(peer), Event::Left(peer, reason));
        effects.insert(0, Effect::Disconnect(peer, close));
        Ok(effects)
    }
}

fn tell(audience: Recipients, event: Event) -> Effects {
    smallvec![Effect::Send(audience, event)]
}
