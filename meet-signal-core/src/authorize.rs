//! Who may join, and with which grant.

use std::{
    future::{Future, ready},
    marker::PhantomData,
    net::IpAddr,
    pin::Pin,
    sync::Arc,
};

use crate::{Denied, Grant, Identity, Meta, RoomId, Secret};

/// Decides whether a peer may join a room. Called once per session, after the first message of its
/// connection and before the room is notified.
///
/// A client that resumes its session with a valid ticket is not authorized again, unless
/// [`authorizes_resume`](Self::authorizes_resume) says so: the decision is for the whole session. To
/// revoke it, [remove](crate::Hub::remove) the member; its ticket becomes invalid with it. A client
/// with an unknown or expired ticket is authorized like any other.
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
    /// # Panics
    ///
    /// A panic, here or in the future, refuses that join alone, as [`Denied::unavailable`] does: the
    /// client retries. It does not get the text of the panic; the panic hook reports that to the
    /// application, as always. No other connection is affected. An application that is compiled with
    /// `panic = "abort"` has no such protection: a panic ends its process.
    ///
    /// [`Limits::authorize_timeout`]: crate::Limits::authorize_timeout
    fn authorize(&self, request: AuthRequest) -> Decision<'_>;

    /// Whether a client that resumes a session is authorized again. By default, it is not.
    ///
    /// If it is, the newer grant applies to the session: its data; and its permissions, `meta` and ICE
    /// servers where they differ from the last grant, so that a resume undoes nothing that moderators
    /// or the [`Hub`](crate::Hub) have changed since. A grant with another
    /// [`identity`](Grant::identity) than the session's is refused with
    /// [`ErrorCode::Unauthorized`](crate::ErrorCode::Unauthorized), and so is one without an identity for a session that has one. Neither that nor a [`Denied`]
    /// affects the session.
    ///
    /// A [`Grant`] that the application's handler has ready is always checked.
    ///
    /// # Panics
    ///
    /// A panic refuses the join or the resume of that connection, as one in
    /// [`authorize`](Self::authorize) does. The session that the client wanted to resume goes on.
    fn authorizes_resume(&self) -> bool {
        false
    }

    /// What the client is granted in any case, if that is known before its first message: as
    /// [`authorize`](Self::authorize) will decide, or less. By default, nothing is.
    ///
    /// Its ICE servers are sent at once, in a `hello`, so that the client gathers its candidates before
    /// it joins.
    ///
    /// # Panics
    ///
    /// After a panic, nothing is.
    fn granted(&self) -> Option<&Grant> {
        None
    }

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

    /// Whether a client that resumes a session is authorized again: see
    /// [`Authorize::authorizes_resume`].
    fn authorizes_resume_local(&self) -> bool {
        false
    }

    /// What the client is granted in any case: see [`Authorize::granted`].
    fn granted_local(&self) -> Option<&Grant> {
        None
    }
}

/// Authorizes resumes as well as joins: see [`Authorize::authorizes_resume`]. The client sends its
/// token with a resume, too.
///
/// ```
/// use meet_signal_core::{AuthRequest, Grant, WithResumes};
///
/// # async fn user_of(_: AuthRequest) -> Result<String, meet_signal_core::Denied> { Ok("7".into()) }
/// let authorize = WithResumes(|request: AuthRequest| async {
///     let user = user_of(request).await?;
///     Ok(Grant::new().identity(user))
/// });
/// # fn takes<M>(_: impl meet_signal_core::Authorize<M>) {}
/// # takes(authorize);
/// ```
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "a wrapper is constructed by its users")]
pub struct WithResumes<A>(pub A);

/// The type parameter of [`WithResumes`] as [`Authorize`] or [`LocalAuthorize`].
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct ByWithResumes<M>(PhantomData<fn() -> M>);

impl<A: Authorize<M>, M> Authorize<ByWithResumes<M>> for WithResumes<A> {
    fn authorize(&self, request: AuthRequest) -> Decision<'_> {
        self.0.authorize(request)
    }

    fn authorizes_resume(&self) -> bool {
        true
    }

    fn granted(&self) -> Option<&Grant> {
        self.0.granted()
    }
}

impl<A: LocalAuthorize<M>, M> LocalAuthorize<ByWithResumes<M>> for WithResumes<A> {
    fn authorize_local(&self, request: AuthRequest) -> LocalDecision<'_> {
        self.0.authorize_local(request)
    }

    fn authorizes_resume_local(&self) -> bool {
        true
    }

    fn granted_local(&self) -> Option<&Grant> {
        self.0.granted_local()
    }
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

    fn authorizes_resume(&self) -> bool {
        self.0.authorizes_resume()
    }

    fn granted(&self) -> Option<&Grant> {
        self.0.granted()
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

    fn authorizes_resume_local(&self) -> bool {
        self.authorizes_resume()
    }

    fn granted_local(&self) -> Option<&Grant> {
        self.granted()
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
    /// The address of the client, if the adapter knows it.
    pub address: Option<IpAddr>,
    /// The session that the client resumes or replaces: it has the ticket of it.
    pub previous: Option<PreviousSession>,
}

/// A session that an earlier connection of a client started.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PreviousSession {
    /// Its identity, if the application gave it one.
    pub identity: Option<Identity>,
    /// Whether the client continues it, instead of joining with a new session in its place.
    pub resumes: bool,
}

impl Authorize for Grant {
    fn authorize(&self, _: AuthRequest) -> Decision<'_> {
        Box::pin(ready(Ok(self.clone())))
    }

    fn authorizes_resume(&self) -> bool {
        true
    }

    fn granted(&self) -> Option<&Grant> {
        Some(self)
    }
}

impl<A: Authorize<M> + ?Sized, M> Authorize<M> for Arc<A> {
    fn authorize(&self, request: AuthRequest) -> Decision<'_> {
        (**self).authorize(request)
    }

    fn authorizes_resume(&self) -> bool {
        (**self).authorizes_resume()
    }

    fn granted(&self) -> Option<&Grant> {
        (**self).granted()
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
