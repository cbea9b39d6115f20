//! The inputs to a room.

use std::time::Instant;

use crate::{
    Admission, AppData, Duplicates, Frame, Identity, PeerId, Permissions, Reason,
    message::{LeaveReason, Meta, Status},
    roster::{Granted, Member},
    ticket::TicketHash,
};

/// An input to a room.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Input {
    /// A peer joins, or begins to wait in the lobby.
    Join(Newcomer),
    /// A member leaves, or a peer waits no longer.
    Leave {
        /// The member, or the peer in the lobby.
        peer: PeerId,
        /// Why.
        reason: LeaveReason,
    },
    /// The socket of a member, or of a peer in the lobby, was lost, or is back.
    Status {
        /// The member, or the peer in the lobby.
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
    /// The application changes a member's `meta`, which the member cannot change any more.
    SetMeta {
        /// The member.
        peer: PeerId,
        /// Its new `meta`.
        meta: Meta,
    },
    /// A moderator or the application changes a member's permissions.
    SetPermissions {
        /// The moderator; `None` for the application.
        by: Option<PeerId>,
        /// The member.
        peer: PeerId,
        /// Its new permissions.
        permissions: Permissions,
    },
    /// The application decides anew about a member that resumes its session.
    Regrant {
        /// The member.
        peer: PeerId,
        /// What is granted. It applies where it differs from the last grant, so that a resume undoes
        /// nothing that moderators or the application have changed since.
        granted: Granted,
        /// The application's own data about it.
        data: Option<AppData>,
    },
    /// A moderator or the application removes a member, or a peer from the lobby.
    Kick {
        /// The moderator; `None` for the application.
        by: Option<PeerId>,
        /// The member.
        peer: PeerId,
        /// The reason, for people.
        reason: Option<Reason>,
        /// Until when its identity may not join. All sessions with this identity are removed then.
        ban_until: Option<Instant>,
    },
    /// A moderator or the application admits a peer that waits in the lobby.
    Admit {
        /// The moderator; `None` for the application.
        by: Option<PeerId>,
        /// The peer.
        peer: PeerId,
    },
    /// A moderator or the application turns a peer in the lobby away.
    Deny {
        /// The moderator; `None` for the application.
        by: Option<PeerId>,
        /// The peer.
        peer: PeerId,
        /// The reason, for people.
        reason: Option<Reason>,
    },
    /// A moderator or the application turns the lobby on or off. Those who wait in it go on waiting.
    SetLobby {
        /// The moderator; `None` for the application.
        by: Option<PeerId>,
        /// Whether newcomers wait to be admitted.
        enabled: bool,
    },
    /// The application configures the room.
    Configure {
        /// How many members it may have. Those above it stay.
        capacity: usize,
        /// How many peers may wait in its lobby. Those above it stay.
        waiting: usize,
        /// Whether newcomers wait to be admitted, unless somebody changes that; `None` if they do not,
        /// and for no change now.
        lobby: Option<bool>,
    },
    /// The application bans an identity, and removes all sessions with it.
    Ban {
        /// The identity.
        identity: Identity,
        /// The reason, for people.
        reason: Option<Reason>,
        /// Until when it may not join.
        until: Instant,
    },
    /// The application lifts a ban.
    Unban {
        /// The identity.
        identity: Identity,
    },
    /// Bans have expired.
    Expire {
        /// The time: bans until then have no effect any more.
        now: Instant,
    },
    /// A moderator or the application locks or unlocks the room: a locked room admits no new
    /// members.
    Lock {
        /// The moderator; `None` for the application.
        by: Option<PeerId>,
        /// Whether it admits no new members.
        locked: bool,
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

/// A peer that joins.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Newcomer {
    /// The new member. Its id is new.
    pub member: Member,
    /// The ticket of the member that it replaces, or of the peer in the lobby, if any: that one leaves
    /// in the same step, and does not count against the capacity.
    pub replaces: Option<TicketHash>,
    /// What happens to members with the same identity.
    pub duplicates: Duplicates,
    /// Whether it waits in the lobby.
    pub admission: Admission,
    /// What it may do if the room has no members.
    pub opener: Option<Permissions>,
    /// Whether it joins a locked room as well.
    pub passes_lock: bool,
}

impl Newcomer {
    /// A peer that replaces no other one, and waits if the room has a lobby.
    pub fn new(member: Member) -> Self {
        let (duplicates, admission) = (Duplicates::default(), Admission::default());
        Self { member, replaces: None, duplicates, admission, opener: None, passes_lock: false }
    }

    /// Sets the ticket of the member that it replaces.
    #[must_use]
    pub fn replaces(mut self, ticket: Option<TicketHash>) -> Self {
        self.replaces = ticket;
        self
    }

    /// Sets what happens to members with the same identity.
    #[must_use]
    pub fn duplicates(mut self, duplicates: Duplicates) -> Self {
        self.duplicates = duplicates;
        self
    }

    /// Sets whether it waits in the lobby.
    #[must_use]
    pub fn admission(mut self, admission: Admission) -> Self {
        self.admission = admission;
        self
    }

    /// Sets whether it joins a locked room as well.
    #[must_use]
    pub fn passes_lock(mut self, passes: bool) -> Self {
        self.passes_lock = passes;
        self
    }

    /// Sets what it may do if the room has no members.
    #[must_use]
    pub fn opener(mut self, permissions: Option<Permissions>) -> Self {
        self.opener = permissions;
        self
    }
}

impl Input {
    /// Whether members may leave because of it.
    pub(crate) fn may_remove(&self) -> bool {
        matches!(
            self,
            Self::Join(_)
                | Self::Admit { .. }
                | Self::Deny { .. }
                | Self::Leave { .. }
                | Self::Kick { .. }
                | Self::Ban { .. }
                | Self::Close
        )
    }

    /// The member that sends a frame to others.
    pub fn sender(&self) -> Option<PeerId> {
        match self {
            Self::Signal { from, .. } | Self::Broadcast { from, .. } => Some(*from),
            _ => None,
        }
    }
}
