//! What a session may do.

use serde::{Serialize, Serializer, ser::SerializeSeq};

/// What a session may do in its room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Permissions {
    /// May send to one peer, which every call needs.
    pub signal: bool,
    /// May send to all other members.
    pub broadcast: bool,
}

impl Permissions {
    /// No permissions: sees the roster, and receives broadcasts.
    pub const NONE: Self = Self { signal: false, broadcast: false };

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

    fn names(self) -> impl Iterator<Item = &'static str> {
        [(self.signal, "signal"), (self.broadcast, "broadcast")]
            .into_iter()
            .filter_map(|(granted, name)| granted.then_some(name))
    }
}

/// To signal and to broadcast.
impl Default for Permissions {
    fn default() -> Self {
        Self { signal: true, broadcast: true }
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
