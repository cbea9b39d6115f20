//! What the application hears of its rooms.

use std::time::{Duration, Instant, SystemTime};

use crate::{
    ErrorCode, Identity, LeaveReason, MemberInfo, Meta, PeerId, Permissions, Resumed, RoomId,
    Status,
    clock::now,
    room::{Event, Input, KnockEnd, Room},
    roster::Member,
};

/// An event of a room. The events of a room come in the order in which they happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoomEvent {
    /// The room.
    pub room: RoomId,
    /// Its number among the events of the room, without gaps: counted from 1 when the hub creates the
    /// room, and again when it has forgotten it. 0 for a refused join to a room that the hub does not
    /// know.
    pub number: u64,
    /// When it happened.
    pub at: SystemTime,
    /// What happened.
    pub kind: RoomEventKind,
}

/// What happened in a room.
///
/// Between a room's `Opened` and its `Closed`, each `Joined` is followed by exactly one `Left` of the
/// same peer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RoomEventKind {
    /// The first member is about to join.
    Opened,
    /// A peer joined.
    Joined(MemberInfo),
    /// A member lost its connection, and is kept for the grace period.
    Away(PeerId),
    /// A member resumed its session on another connection, also if the older one still seemed to be
    /// open.
    Resumed {
        /// The member, as it is from then on: its data may be newer.
        member: MemberInfo,
        /// Whether frames may have been lost.
        resumed: Resumed,
    },
    /// A member or the application changed the member's `meta`.
    Updated {
        /// The member.
        peer: PeerId,
        /// Its new `meta`.
        meta: Meta,
    },
    /// A member's permissions changed.
    Permissions {
        /// The member.
        peer: PeerId,
        /// What it may do now.
        permissions: Permissions,
    },
    /// A peer waits to be admitted, or its `meta` has changed meanwhile.
    Knock(MemberInfo),
    /// A peer that waited was admitted, and is about to join.
    Admitted(PeerId),
    /// A peer that waited does so no longer.
    KnockGone {
        /// The peer.
        peer: PeerId,
        /// Why it left; `None` if it was denied.
        reason: Option<LeaveReason>,
    },
    /// The room was locked or unlocked.
    Locked(bool),
    /// The room's lobby was turned on or off.
    Lobby(bool),
    /// A `join` was refused, by the application or by the hub. Not for what comes before the application
    /// is asked: a limit of the address, or a [refusal](crate::driver::refuse) before the `join`.
    Refused {
        /// Why.
        code: ErrorCode,
        /// The identity, if the application gave one before the hub refused.
        identity: Option<Identity>,
    },
    /// A member left.
    Left {
        /// The member, as it was.
        member: MemberInfo,
        /// Why.
        reason: LeaveReason,
        /// How long it was a member.
        stay: Duration,
    },
    /// The last member has left.
    Closed,
}

/// A room at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoomSnapshot {
    /// The room.
    pub room: RoomId,
    /// The number of the last event before it.
    pub number: u64,
    /// Whether it admits no new members.
    pub locked: bool,
    /// Whether newcomers wait to be admitted.
    pub lobby: bool,
    /// The peers in its lobby, in the order in which they knocked.
    pub waiting: Vec<MemberInfo>,
    /// Its members, in the order in which they joined.
    pub members: Vec<MemberInfo>,
}

/// The events of a room that are not published yet, and their numbers.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    /// Whether there was ever a reader.
    pub(crate) is_read: bool,
    pub(crate) number: u64,
    pub(crate) pending: Vec<RoomEventKind>,
}

/// What an input needs to be told: its effects do not say who has left.
pub(crate) struct Record {
    before: Vec<Member>,
    joined: Vec<(PeerId, Instant)>,
}

impl Journal {
    /// Begins to record the events of an input, if there is a reader.
    pub(crate) fn record(&self, room: &Room, input: &Input) -> Option<Record> {
        self.is_read.then(|| {
            let before = if input.may_remove() {
                room.roster().iter().cloned().collect()
            } else {
                Vec::new()
            };
            Record { before, joined: Vec::new() }
        })
    }
}

impl Record {
    /// A member that has left had joined at that time.
    pub(crate) fn gone(&mut self, peer: PeerId, joined: Instant) {
        self.joined.push((peer, joined));
    }

    /// What the application is told of an event.
    pub(crate) fn event(&self, room: &Room, event: &Event) -> Option<RoomEventKind> {
        Some(match event {
            Event::Opened => RoomEventKind::Opened,
            Event::Joined(peer, ..) => RoomEventKind::Joined(room.roster().get(*peer)?.into()),
            Event::Left(peer, reason) => {
                let member = self.before.iter().find(|member| member.id == *peer)?.into();
                let joined = self.joined.iter().find(|(gone, _)| gone == peer);
                let stay = joined.map_or(Duration::ZERO, |(_, joined)| now() - *joined);
                RoomEventKind::Left { member, reason: *reason, stay }
            }
            Event::Status(peer, Status::Away) => RoomEventKind::Away(*peer),
            // It has resumed its session, which is an event of its own.
            Event::Status(_, Status::Here) => return None,
            Event::Updated(peer, meta) | Event::MetaSet(peer, meta) => {
                RoomEventKind::Updated { peer: *peer, meta: meta.clone() }
            }
            Event::Permissions(peer, permissions) => {
                RoomEventKind::Permissions { peer: *peer, permissions: *permissions }
            }
            Event::Knock(peer, _) => {
                RoomEventKind::Knock(room.lobby().waiting().get(*peer)?.into())
            }
            Event::KnockGone(peer, KnockEnd::Admitted) => RoomEventKind::Admitted(*peer),
            Event::KnockGone(peer, KnockEnd::Denied) => {
                RoomEventKind::KnockGone { peer: *peer, reason: None }
            }
            Event::KnockGone(peer, KnockEnd::Left(reason)) => {
                RoomEventKind::KnockGone { peer: *peer, reason: Some(*reason) }
            }
            Event::Locked(locked) => RoomEventKind::Locked(*locked),
            Event::Lobby(enabled) => RoomEventKind::Lobby(*enabled),
            Event::Closed => RoomEventKind::Closed,
        })
    }
}

/// An event on its way to the readers.
#[derive(Debug, Clone)]
pub(crate) struct Published {
    pub(crate) event: RoomEvent,
    /// The index of the room's shard, and the number of the event among those of the shard.
    pub(crate) shard: usize,
    pub(crate) number: u64,
}
