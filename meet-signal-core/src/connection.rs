//! The generations of a session's connections.

use crate::PeerId;

/// The number of a connection in its session. Only the newest connection acts for the session:
/// input from an older one has no effect, however late it is.
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
