//! Who is let in, and with what.

use std::{
    borrow::Cow,
    future::{Future, Ready, ready},
    sync::Arc,
};

use serde::{Serialize, Serializer, ser::SerializeSeq};

use crate::{
    CloseReason, ErrorCode, RoomId, Secret,
    message::{IceServer, Meta},
};

/// Decides whether a peer is let into a room. Called once for each session, after its connection's
/// first message and before anybody in the room hears of it.
///
/// A client that comes back on another connection with a valid ticket is not asked about again: the
/// decision was for the session, which never ended. To end it, make it leave; its ticket goes with
/// it. A client whose ticket is not (or no longer) known is a new applicant like any other.
///
/// An application that has decided already, in its own handler and with its own extractors, passes a
/// ready [`Grant`]. One that needs the token of the client's first message passes a closure:
///
/// ```
/// use meet_signal_core::{AuthRequest, Denied, Grant};
///
/// let authorize = |applicant: AuthRequest| async move {
///     match applicant.token.as_ref().map(|token| token.expose()) {
///         Some("open sesame") => Ok(Grant::new()),
///         _ => Err(Denied::unauthorized("this room asks for a password")),
///     }
/// };
/// # fn takes(_: impl meet_signal_core::Authorize) {}
/// # takes(authorize);
/// ```
pub trait Authorize {
    /// The decision, on its way. An adapter of a multi-threaded framework asks for it to be `Send`.
    ///
    /// It is dropped when the server gives the connection up; nobody has joined then.
    type Decision: Future<Output = Result<Grant, Denied>>;

    /// Decides.
    fn authorize(&self, applicant: AuthRequest) -> Self::Decision;
}

/// Who wants to join.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AuthRequest {
    /// The room.
    pub room: RoomId,
    /// What the client's first message brought for the application.
    pub token: Option<Secret<'static>>,
    /// What the client wants the others to be told about it.
    pub meta: Meta,
}

impl Authorize for Grant {
    type Decision = Ready<Result<Self, Denied>>;

    fn authorize(&self, _: AuthRequest) -> Self::Decision {
        ready(Ok(self.clone()))
    }
}

impl<F, Fut> Authorize for F
where
    F: Fn(AuthRequest) -> Fut,
    Fut: Future<Output = Result<Grant, Denied>>,
{
    type Decision = Fut;

    fn authorize(&self, applicant: AuthRequest) -> Fut {
        self(applicant)
    }
}

/// What a peer that is let in may do and is given.
#[derive(Debug, Clone, Default)]
pub struct Grant {
    pub(crate) permissions: Permissions,
    pub(crate) meta: Option<Meta>,
    pub(crate) ice_servers: Arc<[IceServer]>,
}

impl Grant {
    /// All that a participant needs: to signal and to broadcast, with the `meta` of its own choice,
    /// and no ICE servers.
    pub fn new() -> Self {
        Self::default()
    }

    /// What the peer may do.
    #[must_use]
    pub fn permissions(mut self, permissions: Permissions) -> Self {
        self.permissions = permissions;
        self
    }

    /// What the others are told about this peer, whatever it says itself: the name from the
    /// application's own session, say. It holds for the whole session: an `update` is refused with
    /// [`ErrorCode::NotAllowed`], so that nobody takes another one's name later.
    #[must_use]
    pub fn meta(mut self, meta: Meta) -> Self {
        self.meta = Some(meta);
        self
    }

    /// The STUN and TURN servers that the peer is given.
    #[must_use]
    pub fn ice_servers(mut self, servers: impl Into<Arc<[IceServer]>>) -> Self {
        self.ice_servers = servers.into();
        self
    }
}

/// What a session may do in its room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Permissions {
    /// May send to one peer. Without it there is no call.
    pub signal: bool,
    /// May send to everybody else.
    pub broadcast: bool,
}

impl Permissions {
    /// None at all: sees the roster, and hears what is broadcast.
    pub const NONE: Self = Self { signal: false, broadcast: false };

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

// On the wire: the list of the names of what is granted.
impl Serialize for Permissions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut names = serializer.serialize_seq(None)?;
        for name in self.names() {
            names.serialize_element(name)?;
        }
        names.end()
    }
}

/// Why a peer is not let in. The client is told the code and the message, then the connection is
/// closed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Denied {
    pub(crate) code: ErrorCode,
    pub(crate) close: CloseReason,
    pub(crate) message: Cow<'static, str>,
}

impl Denied {
    /// The token is missing, wrong or expired. The client does not come back by itself.
    pub fn unauthorized(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::Unauthorized, CloseReason::Unauthorized, message)
    }

    /// This peer is not wanted here. The client does not come back by itself.
    pub fn refused(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::Denied, CloseReason::Denied, message)
    }

    /// This identity may not join for a while. The client does not come back by itself.
    pub fn banned(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::Banned, CloseReason::Banned, message)
    }

    /// The room admits nobody new. The client does not come back by itself.
    pub fn room_locked(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::RoomLocked, CloseReason::RoomFull, message)
    }

    /// This identity is in the room already. The client does not come back by itself.
    pub fn duplicate(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::Duplicate, CloseReason::Duplicate, message)
    }

    /// It cannot be decided now (the application's database is away, say). The client tries again.
    pub fn unavailable(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::Unavailable, CloseReason::Unavailable, message)
    }

    fn new(code: ErrorCode, close: CloseReason, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, close, message: message.into() }
    }
}
