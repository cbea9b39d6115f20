//! Who is let in, and with what.

use std::{
    borrow::Cow,
    future::{Future, ready},
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
};

use serde::{Serialize, Serializer, ser::SerializeSeq};

use crate::{CloseReason, ErrorCode, IceServer, Meta, RoomId, Secret};

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
/// let authorize = |request: AuthRequest| async move {
///     match request.token.as_ref().map(|token| token.expose()) {
///         Some("open sesame") => Ok(Grant::new()),
///         _ => Err(Denied::unauthorized("this room asks for a password")),
///     }
/// };
/// # fn takes<M>(_: impl meet_signal_core::Authorize<M>) {}
/// # takes(authorize);
/// ```
///
/// A type of the application's own boxes its future, and may be shared as `Arc<dyn Authorize>`:
///
/// ```
/// use std::sync::Arc;
///
/// use meet_signal_core::{AuthRequest, Authorize, Decision, Denied, Grant};
///
/// struct Password(String);
///
/// impl Authorize for Password {
///     fn authorize(&self, request: AuthRequest) -> Decision<'_> {
///         Box::pin(async move {
///             match request.token {
///                 Some(token) if token.expose() == self.0 => Ok(Grant::new()),
///                 _ => Err(Denied::unauthorized("this room asks for a password")),
///             }
///         })
///     }
/// }
///
/// let authorize: Arc<dyn Authorize> = Arc::new(Password("open sesame".to_owned()));
/// # fn takes<M>(_: impl meet_signal_core::Authorize<M>) {}
/// # takes(authorize);
/// ```
///
/// The parameter only tells closures from types of one's own; it is never written out.
pub trait Authorize<Marker = ()>: Send + Sync {
    /// Decides. The future is dropped when the client is gone or [`Limits::authorize_timeout`] is
    /// over; nobody has joined then.
    ///
    /// [`Limits::authorize_timeout`]: crate::Limits::authorize_timeout
    fn authorize(&self, request: AuthRequest) -> Decision<'_>;

    /// The same without its type.
    fn shared(self) -> Arc<dyn Authorize>
    where
        Self: Sized + 'static,
        Marker: 'static,
    {
        Arc::new(Erased(self, PhantomData))
    }
}

/// A decision on its way.
pub type Decision<'a> = Pin<Box<dyn Future<Output = Result<Grant, Denied>> + Send + 'a>>;

/// [`Authorize`] for frameworks that stay on one thread, such as actix-web: a closure's future need
/// not be `Send`. Everything that is `Authorize` is this as well.
pub trait LocalAuthorize<Marker = ()> {
    /// Decides: see [`Authorize::authorize`].
    fn authorize_local(&self, request: AuthRequest) -> LocalDecision<'_>;
}

/// A decision on its way that stays on its thread.
pub type LocalDecision<'a> = Pin<Box<dyn Future<Output = Result<Grant, Denied>> + 'a>>;

/// Marks closures that are used as [`Authorize`] or [`LocalAuthorize`].
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct ByClosure;

/// Marks what is [`Authorize`], and so [`LocalAuthorize`].
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct BySend;

struct Erased<A, Marker>(A, PhantomData<fn() -> Marker>);

impl<A: Authorize<M>, M> Authorize for Erased<A, M> {
    fn authorize(&self, request: AuthRequest) -> Decision<'_> {
        self.0.authorize(request)
    }
}

impl<A: Authorize> LocalAuthorize<BySend> for A {
    fn authorize_local(&self, request: AuthRequest) -> LocalDecision<'_> {
        self.authorize(request)
    }
}

impl<F, Fut> LocalAuthorize<ByClosure> for F
where
    F: Fn(AuthRequest) -> Fut,
    Fut: Future<Output = Result<Grant, Denied>> + 'static,
{
    fn authorize_local(&self, request: AuthRequest) -> LocalDecision<'_> {
        Box::pin(self(request))
    }
}

/// What a decision is about.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AuthRequest {
    /// The room.
    pub room: RoomId,
    /// What the client's first message brought for the application.
    pub token: Option<Secret<'static>>,
    /// What the client wants the others to see of it.
    pub meta: Meta,
}

impl Authorize for Grant {
    fn authorize(&self, _: AuthRequest) -> Decision<'_> {
        Box::pin(ready(Ok(self.clone())))
    }
}

impl<A: Authorize<M> + ?Sized, M> Authorize<M> for Arc<A> {
    fn authorize(&self, request: AuthRequest) -> Decision<'_> {
        (**self).authorize(request)
    }
}

impl<F, Fut> Authorize<ByClosure> for F
where
    F: Fn(AuthRequest) -> Fut + Send + Sync,
    Fut: Future<Output = Result<Grant, Denied>> + Send + 'static,
{
    fn authorize(&self, request: AuthRequest) -> Decision<'_> {
        Box::pin(self(request))
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
    /// None at all: sees the roster, and receives broadcasts.
    pub const NONE: Self = Self { signal: false, broadcast: false };

    /// With or without the permission to send to one peer.
    #[must_use]
    pub const fn signal(mut self, signal: bool) -> Self {
        self.signal = signal;
        self
    }

    /// With or without the permission to send to everybody else.
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
