//! What a session may do.

use std::borrow::Cow;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, Unexpected},
    ser::SerializeSeq,
};

/// What a session may do in its room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Permissions {
    /// May send to one peer, which every call needs.
    pub signal: bool,
    /// May send to all other members.
    pub broadcast: bool,
    /// May remove and ban members, lock the room, and change permissions.
    pub moderate: bool,
}

impl Permissions {
    /// No permissions: sees the roster, and receives broadcasts.
    pub const NONE: Self = Self { signal: false, broadcast: false, moderate: false };

    /// Sets whether the session may send to one peer.
    #[must_use]
    pub const fn signal(mut self, signal: bool) -> Self {
        self.signal = signal;
        self
    }

    /// Sets whether the session may send to all other members.
    #[must_use]
    pub const fn broadcast(mut self, broadcast: bool) -> Self {
        self.broadcast = broadcast;
        self
    }

    /// Sets whether the session may remove and ban members, lock the room, and change permissions.
    #[must_use]
    pub const fn moderate(mut self, moderate: bool) -> Self {
        self.moderate = moderate;
        self
    }

    fn names(self) -> impl Iterator<Item = &'static str> {
        [(self.signal, "signal"), (self.broadcast, "broadcast"), (self.moderate, "moderate")]
            .into_iter()
            .filter_map(|(granted, name)| granted.then_some(name))
    }
}

/// To signal and to broadcast.
impl Default for Permissions {
    fn default() -> Self {
        Self { signal: true, broadcast: true, moderate: false }
    }
}

// On the wire: a list of the names of the granted permissions.
impl Serialize for Permissions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut names = serializer.serialize_seq(None)?;
        for name in self.names() {
            names.serialize_element(name)?;
        }
        names.end()
    }
}

// A name comes at most once, and an unknown one is an error.
impl<'de> Deserialize<'de> for Permissions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Vec::<Cow<'de, str>>::deserialize(deserializer)?;
        names.iter().try_fold(Self::NONE, |granted, name| match &**name {
            "signal" if !granted.signal => Ok(granted.signal(true)),
            "broadcast" if !granted.broadcast => Ok(granted.broadcast(true)),
            "moderate" if !granted.moderate => Ok(granted.moderate(true)),
            other => Err(de::Error::invalid_value(Unexpected::Str(other), &"a permission")),
        })
    }
}
