//! The effects of an input.

use std::slice;

use serde_json::value::RawValue;
use smallvec::{SmallVec, smallvec};

use crate::{
    CloseReason, Frame, PeerId, Permissions,
    message::{Knocking, LeaveReason, Meta, Peer, ServerMessage, Status},
};

/// The effects of an [`Input`](super::Input), in order.
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
    /// The room changed: notify its [recipients](Event::recipients).
    Event(Event),
    /// Notify one member of an event that happened earlier.
    Notify(PeerId, Event),
    /// A peer that has waited is a member: send it the welcome. The events before it are not for it.
    Admitted(PeerId),
    /// End the connection, if there is one, of a peer that is no longer a member, or no longer waits.
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
    /// All members that may moderate.
    Moderators,
}

/// A change of the room. Each `Joined` is followed by exactly one `Left` of the same peer, and all of
/// them lie between an `Opened` and the next `Closed`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The first member is about to join.
    Opened,
    /// A peer joined.
    Joined(PeerId, Meta, Permissions),
    /// A member left.
    Left(PeerId, LeaveReason),
    /// A member's socket was lost, or is back.
    Status(PeerId, Status),
    /// A member changed its `meta`.
    Updated(PeerId, Meta),
    /// The application changed a member's `meta`.
    MetaSet(PeerId, Meta),
    /// A member's permissions changed.
    Permissions(PeerId, Permissions),
    /// A peer waits to be admitted, or its `meta` has changed meanwhile.
    Knock(PeerId, Meta),
    /// A peer no longer waits.
    KnockGone(PeerId, KnockEnd),
    /// The room was locked or unlocked.
    Locked(bool),
    /// The lobby was turned on or off.
    Lobby(bool),
    /// The last member has left.
    Closed,
}

/// Why a peer no longer waits to be admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KnockEnd {
    /// It was admitted, and joins.
    Admitted,
    /// A moderator or the application denied it.
    Denied,
    /// It has left, or was removed in another way.
    Left(LeaveReason),
}

impl Effects {
    pub(super) fn push(&mut self, effect: Effect) {
        self.0.push(effect);
    }

    pub(super) fn event(event: Event) -> Self {
        Self(smallvec![Effect::Event(event)])
    }

    pub(super) fn send(to: Recipients, frame: Frame) -> Self {
        Self(smallvec![Effect::Send(to, frame)])
    }

    pub(super) fn extend(&mut self, more: Self) {
        self.0.extend(more);
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
            Self::Joined(peer, ..)
            | Self::Left(peer, _)
            | Self::Status(peer, _)
            | Self::Updated(peer, _)
            | Self::MetaSet(peer, _)
            | Self::Permissions(peer, _)
            | Self::Knock(peer, _)
            | Self::KnockGone(peer, _) => Some(*peer),
            Self::Opened | Self::Locked(_) | Self::Lobby(_) | Self::Closed => None,
        }
    }

    /// The members that are notified: also the one that it is about, unless that one knows already.
    /// `Opened` and `Closed` have none, because the room has no members then.
    pub fn recipients(&self) -> Option<Recipients> {
        match self {
            Self::Joined(peer, ..)
            | Self::Left(peer, _)
            | Self::Status(peer, _)
            | Self::Updated(peer, _) => Some(Recipients::AllBut(*peer)),
            Self::MetaSet(..) | Self::Permissions(..) | Self::Locked(_) | Self::Lobby(_) => {
                Some(Recipients::All)
            }
            Self::Knock(..) | Self::KnockGone(..) => Some(Recipients::Moderators),
            Self::Opened | Self::Closed => None,
        }
    }

    /// The frame for the recipients, if there are any.
    pub fn into_frame(self) -> Option<Frame> {
        self.frame(None)
    }

    /// The frame for one recipient of a `Joined`, with the new peer's first offer to it.
    pub(crate) fn frame(&self, offer: Option<&RawValue>) -> Option<Frame> {
        let message = match self {
            Self::Joined(id, meta, permissions) => {
                // The receivers joined earlier, so they are polite toward the new peer.
                let (status, permissions) = (Status::Here, Some(*permissions));
                let peer = Peer { id: *id, meta, status, polite: true, permissions, offered: None };
                ServerMessage::Joined { peer, offer }
            }
            Self::Left(peer, reason) => ServerMessage::Left { peer: *peer, reason: *reason },
            Self::Status(peer, status) => ServerMessage::Status { peer: *peer, status: *status },
            Self::Updated(peer, meta) | Self::MetaSet(peer, meta) => {
                ServerMessage::Updated { peer: *peer, meta }
            }
            Self::Permissions(peer, permissions) => {
                ServerMessage::Permissions { peer: *peer, permissions: *permissions }
            }
            Self::Knock(id, meta) => ServerMessage::Knock { peer: Knocking { id: *id, meta } },
            Self::KnockGone(peer, _) => ServerMessage::KnockGone { peer: *peer },
            Self::Locked(locked) => ServerMessage::Locked { locked: *locked },
            Self::Lobby(enabled) => ServerMessage::Lobby { enabled: *enabled },
            Self::Opened | Self::Closed => return None,
        };
        Some(message.encode())
    }
}
