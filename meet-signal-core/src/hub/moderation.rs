//! What the application does with rooms and their members.

use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::value::to_raw_value;
use thiserror::Error;

use super::{Hub, RoomState, SendError, input_error::InputError};
use crate::{
    Identity, Meta, PeerId, Permissions, Reason, RoomId,
    clock::now,
    inbound::MAX_REASON_BYTES,
    outbox::Wakers,
    room::{ApplyError, Input},
};

/// Why the application could not change a room or a member. Nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ModerationError {
    /// The peer is not in the room, or does not wait in its lobby.
    #[error("no such peer is in the room")]
    NoSuchPeer,
    /// The room has no place for the peer in the lobby.
    #[error("the room is full")]
    RoomFull,
    /// The identity of the peer in the lobby is in the room already: see
    /// [`Duplicates::Reject`](crate::Duplicates::Reject).
    #[error("this identity is in the room already")]
    Duplicate,
    /// More peers joined the room than
    /// [`room_joins_per_minute`](crate::Limits::room_joins_per_minute) allows.
    #[error("too many join this room")]
    TooOften {
        /// How long to wait before admitting again.
        retry_after: Duration,
    },
    /// The reason is over 256 bytes.
    #[error("the reason is too long")]
    ReasonTooLong,
    /// The ban is over [`Limits::longest_ban`](crate::Limits::longest_ban).
    #[error("the ban is too long")]
    BanTooLong,
    /// The room has 256 bans.
    #[error("the room has too many bans")]
    TooManyBans,
}

impl Hub {
    /// Sends `data` to all sessions of an identity in a room, as an `app` message. Returns how many
    /// there are.
    ///
    /// # Errors
    ///
    /// A message was not delivered to some of them; see [`SendError`]. The others have received it.
    pub fn send_to_identity(
        &self,
        room: &RoomId,
        identity: &Identity,
        data: &(impl Serialize + ?Sized),
    ) -> Result<usize, SendError> {
        let data = to_raw_value(data).map_err(|_| SendError::NotJson)?;
        let peers = self.with_room(room, |room, _| {
            let members = room.room.roster().iter();
            let same = members.filter(|member| member.identity.as_ref() == Some(identity));
            same.map(|member| member.id).collect::<Vec<_>>()
        });
        let peers = peers.filter(|peers| !peers.is_empty()).ok_or(SendError::NoSuchPeer)?;
        let sent = peers.iter().map(|peer| self.send(room, *peer, &data));
        // Each of them, also after an error.
        let sent: Vec<_> = sent.collect();
        sent.into_iter().collect::<Result<(), _>>()?;
        Ok(peers.len())
    }

    /// Removes a member, or a peer from the lobby, whose connection is closed with
    /// [`CloseReason::Kicked`](crate::CloseReason::Kicked). Its client does not reconnect by itself,
    /// and its ticket is void. The others receive `left` with the reason `kicked`.
    ///
    /// The reason, of at most 256 bytes, is for the person: the page gets the first 123 bytes of it.
    ///
    /// # Errors
    ///
    /// See [`ModerationError`].
    pub fn remove(
        &self,
        room: &RoomId,
        peer: PeerId,
        reason: Option<&str>,
    ) -> Result<(), ModerationError> {
        let reason = checked(reason)?;
        self.moderate(room, Input::Kick { by: None, peer, reason, ban_until: None })
    }

    /// Bans an identity from a room for some time, and [removes](Self::remove) all its sessions there.
    /// Its joins are refused with [`ErrorCode::Banned`](crate::ErrorCode::Banned). The room need not
    /// have members; while it has none, the ban is remembered for at most
    /// [`Limits::empty_room_time`](crate::Limits::empty_room_time).
    ///
    /// # Errors
    ///
    /// See [`ModerationError`].
    pub fn ban(
        &self,
        room: &RoomId,
        identity: impl Into<Identity>,
        duration: Duration,
        reason: Option<&str>,
    ) -> Result<(), ModerationError> {
        if duration > self.limits().longest_ban() {
            return Err(ModerationError::BanTooLong);
        }
        let (identity, reason) = (identity.into(), checked(reason)?);
        self.set_access(room, Input::Ban { identity, reason, until: now() + duration })
    }

    /// Lifts a ban, if there is one.
    pub fn unban(&self, room: &RoomId, identity: impl Into<Identity>) {
        let unban = Input::Unban { identity: identity.into() };
        self.with_room(room, |room, wakers| room.apply_infallible(unban, wakers));
    }

    /// Locks or unlocks a room. A locked room admits no new members: joins are refused with
    /// [`ErrorCode::RoomLocked`](crate::ErrorCode::RoomLocked). Resumes, and joins that replace a
    /// session, go on. The room need not have members; while it has none, the lock is remembered for
    /// at most [`Limits::empty_room_time`](crate::Limits::empty_room_time).
    pub fn lock(&self, room: &RoomId, locked: bool) {
        let locked = self.set_access(room, Input::Lock { by: None, locked });
        debug_assert!(locked.is_ok(), "the application may lock any room");
    }

    /// Changes what a member may do. All members are told.
    ///
    /// # Errors
    ///
    /// [`ModerationError::NoSuchPeer`].
    pub fn set_permissions(
        &self,
        room: &RoomId,
        peer: PeerId,
        permissions: Permissions,
    ) -> Result<(), ModerationError> {
        self.moderate(room, Input::SetPermissions { by: None, peer, permissions })
    }

    /// Changes a member's `meta`. All members are told, and the member cannot change it any more, as
    /// after [`Grant::meta`](crate::Grant::meta).
    ///
    /// # Errors
    ///
    /// [`ModerationError::NoSuchPeer`].
    pub fn set_meta(&self, room: &RoomId, peer: PeerId, meta: Meta) -> Result<(), ModerationError> {
        let set = self.with_room(room, |room, wakers| room.set_meta(peer, meta, wakers));
        set.unwrap_or(Err(ApplyError::NoSuchPeer.into())).map_err(Into::into)
    }

    pub(super) fn moderate(&self, room: &RoomId, input: Input) -> Result<(), ModerationError> {
        let applied = self.with_room(room, |room, wakers| room.apply(input, wakers));
        applied.unwrap_or(Err(ApplyError::NoSuchPeer.into())).map_err(Into::into)
    }

    /// Applies an input to a room that need not have members.
    pub(super) fn set_access(&self, room: &RoomId, input: Input) -> Result<(), ModerationError> {
        let applied = self.change_access(room, |room, now, wakers| {
            room.apply_infallible(Input::Expire { now }, wakers);
            room.apply(input, wakers)
        });
        applied.map_err(Into::into)
    }

    /// Changes what is remembered of a room, which need not have members.
    pub(super) fn change_access<T>(
        &self,
        room: &RoomId,
        change: impl FnOnce(&mut RoomState, Instant, &mut Wakers) -> T,
    ) -> T {
        let now = now();
        self.with_shard(room, |shard, wakers| {
            let changed = change(shard.get_or_create(room, &self.0.limits, now), now, wakers);
            shard.changes_access(room);
            self.settle(shard, room);
            changed
        })
    }
}

impl From<InputError> for ModerationError {
    fn from(error: InputError) -> Self {
        match error {
            InputError::Apply(ApplyError::TooManyBans) => Self::TooManyBans,
            InputError::Apply(ApplyError::RoomFull) => Self::RoomFull,
            InputError::TooOften { retry_after } => Self::TooOften { retry_after },
            InputError::Apply(ApplyError::Duplicate) => Self::Duplicate,
            _ => Self::NoSuchPeer,
        }
    }
}

pub(super) fn checked(reason: Option<&str>) -> Result<Option<Reason>, ModerationError> {
    match reason {
        Some(reason) if reason.len() > MAX_REASON_BYTES => Err(ModerationError::ReasonTooLong),
        reason => Ok(reason.map(Reason::from)),
    }
}
