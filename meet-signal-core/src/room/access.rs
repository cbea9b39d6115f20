//! Who may join a room, beside its capacity.

use std::{collections::BTreeMap, time::Instant};

use super::ApplyError;
use crate::Identity;

/// Whether a room admits new members, directly or from its lobby, and which identities it does not.
/// It outlives the members.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    locked: bool,
    lobby: bool,
    /// What `lobby` is if nobody has changed it.
    usual_lobby: bool,
    bans: BTreeMap<Identity, Instant>,
}

/// What happens when an identity joins a room in which it is already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Duplicates {
    /// Both are members.
    #[default]
    Allow,
    /// The newer one takes the place of the older one, whose connection is closed with
    /// [`CloseReason::Duplicate`](crate::CloseReason::Duplicate).
    Replace,
    /// The newer one is refused with [`ErrorCode::Duplicate`](crate::ErrorCode::Duplicate), also
    /// while the older one is away.
    Reject,
}

impl Access {
    /// Whether the room admits no new members.
    pub fn is_locked(&self) -> bool {
        self.locked
    }

    /// Whether newcomers wait to be admitted.
    pub fn has_lobby(&self) -> bool {
        self.lobby
    }

    /// Whether it is as it was when the room was created and configured.
    pub fn is_usual(&self) -> bool {
        !self.locked && self.lobby == self.usual_lobby && self.bans.is_empty()
    }

    pub(super) fn check(
        &self,
        identity: Option<&Identity>,
        passes_lock: bool,
    ) -> Result<(), ApplyError> {
        if identity.is_some_and(|identity| self.bans.contains_key(identity)) {
            Err(ApplyError::Banned)
        } else if self.locked && !passes_lock {
            Err(ApplyError::RoomLocked)
        } else {
            Ok(())
        }
    }

    /// Whether that is a change.
    pub(super) fn lock(&mut self, locked: bool) -> bool {
        std::mem::replace(&mut self.locked, locked) != locked
    }

    pub(super) fn set_usual_lobby(&mut self, enabled: bool) {
        self.usual_lobby = enabled;
    }

    /// Whether that is a change.
    pub(super) fn set_lobby(&mut self, enabled: bool) -> bool {
        std::mem::replace(&mut self.lobby, enabled) != enabled
    }

    pub(super) fn ban(&mut self, identity: Identity, until: Instant) -> Result<(), ApplyError> {
        if self.bans.len() >= MAX_BANS && !self.bans.contains_key(&identity) {
            return Err(ApplyError::TooManyBans);
        }
        self.bans.insert(identity, until);
        Ok(())
    }

    pub(super) fn unban(&mut self, identity: &Identity) {
        self.bans.remove(identity);
    }

    pub(super) fn expire(&mut self, now: Instant) {
        self.bans.retain(|_, until| *until > now);
    }
}

/// How many identities a room can ban. A moderator must not fill the server's memory.
const MAX_BANS: usize = 256;
