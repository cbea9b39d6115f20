//! Who may join, and with which grant.

use std::{
    borrow::Cow,
    future::{Future, ready},
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
};

use crate::{
    CloseReason, ErrorCode, IceServer, IceServerProvider, Meta, Permissions, RoomId, Secret,
    ice::Provider,
};

/// Decides whether a peer may join a room. Called once per session, after the first message of its
/// connection and before the room is notified.
///
/// A client that resumes its session with a valid ticket is not authorized again, because the
/// decision is for the whole session. To revoke it, make the session leave; its ticket becomes
/// invalid with it. A client with an unknown or expired ticket is authorized like any other.
///
/// An application that has decided already, in its own handler and with its own extractors, passes
/// a [`Grant`]. One that needs the token of the client's first message passes a closure:
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
/// A type of the application boxes its future, and can be shared as `Arc<dyn Authorize>`:
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
/// The type parameter only distinguishes closures from other types. It is never written explicitly.
pub trait Authorize<Marker = ()>: Send + Sync {
    /// Decides. The future is dropped when the client disconnects or [`Limits::authorize_timeout`]
    /// has passed; the peer has not joined then.
    ///
    /// [`Limits::authorize_timeout`]: crate::Limits::authorize_timeout
    fn authorize(&self, request: AuthRequest) -> Decision<'_>;

    /// Erases the type.
    fn shared(self) -> Arc<dyn Authorize>
    where
        Self: Sized + 'static,
        Marker: 'static,
    {
        Arc::new(Erased(self, PhantomData))
    }
}

/// The future of a decision.
pub type Decision<'a> = Pin<Box<dyn Future<Output = Result<Grant, Denied>> + Send + 'a>>;

/// [`Authorize`] for single-threaded frameworks such as actix-web: the future need not be `Send`.
/// Every type of one's own that is `Authorize`, every closure, and each of them in an [`Arc`] is this, too.
pub trait LocalAuthorize<Marker = ()> {
    /// Decides: see [`Authorize::authorize`].
    fn authorize_local(&self, request: AuthRequest) -> LocalDecision<'_>;
}

/// The future of a decision that is not `Send`.
pub type LocalDecision<'a> = Pin<Box<dyn Future<Output = Result<Grant, Denied>> + 'a>>;

/// The type parameter of closures that are used as [`Authorize`] or [`LocalAuthorize`].
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct ByClosure;

/// The type parameter of types that are [`LocalAuthorize`] because they are [`Authorize`].
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct BySend;

struct Erased<A, Marker>(A, PhantomData<fn() -> Marker>);

impl<A: Authorize<M>, M> Authorize for Erased<A, M> {
    fn authorize(&self, request: AuthRequest) -> Decision<'_> {
        self.0.authorize(request)
    }
}

impl<F: LocalAuthorize<ByClosure> + ?Sized> LocalAuthorize<Arc<ByClosure>> for Arc<F> {
    fn authorize_local(&self, request: AuthRequest) -> LocalDecision<'_> {
        (**self).authorize_local(request)
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

/// A join that the application authorizes.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AuthRequest {
    /// The room.
    pub room: RoomId,
    /// The token in the client's first message.
    pub token: Option<Secret<'static>>,
    /// The `meta` that the client wants the other members to see.
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

/// The permissions, `meta` and ICE servers of a peer that may join.
#[derive(Debug, Clone, Default)]
pub struct Grant {
    pub(crate) permissions: Permissions,
    pub(crate) meta: Option<Meta>,
    pub(crate) ice_servers: Arc<[IceServer]>,
    pub(crate) ice_provider: Option<Provider>,
}

impl Grant {
    /// The default permissions (to signal and to broadcast), the client's own `meta`, and no ICE
    /// servers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets what the peer may do.
    #[must_use]
    pub fn permissions(mut self, permissions: Permissions) -> Self {
        self.permissions = permissions;
        self
    }

    /// Sets the `meta` that the other members see, in place of the client's own: for example, the
    /// name from the application's login. It holds for the whole session: an `update` is refused
    /// with [`ErrorCode::NotAllowed`], so that no member can take the name of another one later.
    #[must_use]
    pub fn meta(mut self, meta: Meta) -> Self {
        self.meta = Some(meta);
        self
    }

    /// Sets the STUN and TURN servers of the peer.
    #[must_use]
    pub fn ice_servers(mut self, servers: impl Into<Arc<[IceServer]>>) -> Self {
        self.ice_servers = servers.into();
        self
    }

    /// Sets what provides further ICE servers of the peer, whose credentials are renewed before they
    /// expire. The peer gets them after those of [`ice_servers`](Self::ice_servers).
    #[must_use]
    pub fn ice_provider(mut self, provider: impl IceServerProvider + 'static) -> Self {
        self.ice_provider = Some(Provider::new(provider));
        self
    }
}

/// Why a peer may not join. The client receives the code and the message, then the connection is
/// closed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Denied {
    pub(crate) code: ErrorCode,
    pub(crate) close: CloseReason,
    pub(crate) message: Cow<'static, str>,
}

impl Denied {
    /// The token is missing, wrong or expired. The client does not retry by itself.
    pub fn unauthorized(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::Unauthorized, CloseReason::Unauthorized, message)
    }

    /// The application does not admit this peer. The client does not retry by itself.
    pub fn refused(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::Denied, CloseReason::Denied, message)
    }

    /// This identity may not join for some time. The client does not retry by itself.
    pub fn banned(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::Banned, CloseReason::Banned, message)
    }

    /// The room admits no new members. The client does not retry by itself.
    pub fn room_locked(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::RoomLocked, CloseReason::RoomFull, message)
    }

    /// This identity is in the room already. The client does not retry by itself.
    pub fn duplicate(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::Duplicate, CloseReason::Duplicate, message)
    }

    /// The application cannot decide now, for example because its database is down. The client
    /// retries.
    pub fn unavailable(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::Unavailable, CloseReason::Unavailable, message)
    }

    fn new(code: ErrorCode, close: CloseReason, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, close, message: message.into() }
    }
}
