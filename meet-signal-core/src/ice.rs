//! Where a session gets its STUN and TURN servers from.

#[cfg(feature = "turn")]
mod turn;

use std::{
    error::Error,
    fmt,
    future::Future,
    ops::Deref,
    pin::Pin,
    sync::Arc,
    time::{Duration, SystemTime},
};

#[cfg(feature = "turn")]
pub use turn::{InvalidTurnCredentials, TurnCredentials};

use crate::{IceServer, PeerId, RoomId};

/// Provides the ICE servers of sessions: see [`Grant::ice_provider`]. `TurnCredentials` (feature
/// `turn`) is one for a TURN server that shares a secret with this one; an application implements
/// it for a TURN service that has an HTTP API.
///
/// The driver asks when a session has joined and each time that it was resumed, before the
/// `welcome`; and again after half of [`IceServers::valid_for`]. A newer set replaces the older one
/// in the client, without an interruption of its calls.
///
/// A provider cannot end a session. An error, a panic, or no answer within
/// [`Limits::ice_servers_timeout`] leaves the session with the servers that it has: those of
/// [`Grant::ice_servers`], and those of an older set until they expire. A `welcome` waits no longer
/// than that; an answer that is late by up to 30 s is sent to the client when it comes. After a
/// failure the provider is asked again, with exponential backoff from one second to one minute.
///
/// ```
/// use std::time::Duration;
///
/// use meet_signal_core::{
///     Grant, IceServer, IceServerProvider, IceServerRequest, IceServers, ProvideIceServers,
/// };
///
/// struct Service;
///
/// impl IceServerProvider for Service {
///     fn provide(&self, request: IceServerRequest) -> ProvideIceServers<'_> {
///         Box::pin(async move {
///             // Here it would ask the service for credentials, with its own HTTP client.
///             let name = format!("session-of-{}", request.peer);
///             let turn = IceServer::turn("turn:turn.example.com:3478", name, "a credential");
///             Ok(IceServers::new([turn]).valid_for(Duration::from_secs(3600)))
///         })
///     }
/// }
///
/// let grant = Grant::new().ice_provider(Service);
/// ```
///
/// [`Grant::ice_provider`]: crate::Grant::ice_provider
/// [`Grant::ice_servers`]: crate::Grant::ice_servers
/// [`Limits::ice_servers_timeout`]: crate::Limits::ice_servers_timeout
pub trait IceServerProvider: Send + Sync {
    /// Provides a set of servers for one session.
    ///
    /// # Errors
    ///
    /// There is none at the moment. It is asked again later.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped when the connection of the session ends.
    fn provide(&self, request: IceServerRequest) -> ProvideIceServers<'_>;
}

/// The future of [`IceServerProvider::provide`].
pub type ProvideIceServers<'a> =
    Pin<Box<dyn Future<Output = Result<IceServers, Box<dyn Error + Send + Sync>>> + Send + 'a>>;

/// A session that needs ICE servers.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct IceServerRequest {
    /// The room.
    pub room: RoomId,
    /// The member.
    pub peer: PeerId,
    /// The time.
    pub now: SystemTime,
}

/// ICE servers, and how long their credentials are valid.
#[derive(Debug, Clone)]
pub struct IceServers {
    pub(crate) servers: Arc<[IceServer]>,
    pub(crate) valid_for: Option<Duration>,
}

impl IceServers {
    /// Servers whose credentials do not expire.
    pub fn new(servers: impl Into<Arc<[IceServer]>>) -> Self {
        Self { servers: servers.into(), valid_for: None }
    }

    /// Sets how long the credentials are valid from now on. The provider is asked again after half
    /// of it, and not more often than once a second.
    #[must_use]
    pub fn valid_for(mut self, lifetime: Duration) -> Self {
        self.valid_for = Some(lifetime);
        self
    }

    /// The servers.
    pub fn servers(&self) -> &[IceServer] {
        &self.servers
    }
}

impl<P: IceServerProvider + ?Sized> IceServerProvider for Arc<P> {
    fn provide(&self, request: IceServerRequest) -> ProvideIceServers<'_> {
        (**self).provide(request)
    }
}

/// A provider that a session has.
#[derive(Clone)]
pub(crate) struct Provider(Arc<dyn IceServerProvider>);

impl Provider {
    pub(crate) fn new(provider: impl IceServerProvider + 'static) -> Self {
        Self(Arc::new(provider))
    }
}

impl Deref for Provider {
    type Target = dyn IceServerProvider;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

// It may hold a secret.
impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Provider(..)")
    }
}
