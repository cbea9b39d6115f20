//! Which connection of a session something comes from.

use crate::PeerId;

/// A session's connections, numbered in the order in which they had it. Only the newest one acts
/// for the session: what comes from an older one, however late, does nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Generation(u64);

impl Generation {
    pub(crate) fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// A member, as one of its connections.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Connection {
    pub(crate) peer: PeerId,
    pub(crate) generation: Generation,
}

impl Connection {
    /// The one with which a session begins.
    pub(crate) fn first(peer: PeerId) -> Self {
        Self { peer, generation: Generation::default() }
    }
}
