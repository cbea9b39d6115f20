//! The server under test, and its configuration.

use std::{
    future::ready,
    net::SocketAddr,
    time::{Duration, UNIX_EPOCH},
};

use meet_signal_core::{
    Admission, AuthRequest, Denied, Duplicates, Grant, Hub, IceServer, IceServerProvider,
    IceServerRequest, IceServers, Limits, Meta, Permissions, ProvideIceServers,
};

/// The address of the server under test.
#[derive(Debug, Clone)]
#[must_use]
pub struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) path: String,
    pub(crate) hub: Option<Hub>,
}

impl Target {
    /// A server at this address, with rooms at `/signal/{room}`.
    pub fn new(address: SocketAddr) -> Self {
        Self { address, path: "/signal/{room}".to_owned(), hub: None }
    }

    /// Sets the path of the rooms. `{room}` stands for the name.
    ///
    /// # Panics
    ///
    /// The template does not contain `{room}`.
    pub fn path(mut self, template: impl Into<String>) -> Self {
        self.path = template.into();
        assert!(self.path.contains("{room}"), "a path without `{{room}}`");
        self
    }

    /// Sets the server's hub, which must be in the same process. It enables the requirements that
    /// concern what an application does.
    pub fn hub(mut self, hub: Hub) -> Self {
        self.hub = Some(hub);
        self
    }
}

/// The limits that the server's hub must have.
///
/// | limit | value | reason |
/// |---|---|---|
/// | `heartbeat` | 1.5 s | three missed heartbeats close a connection: soon, but a busy machine may pause for a second |
/// | `grace` | 2 s | a lost member leaves soon, but the observers see it `away` first |
/// | `going_away_grace` | 1 s | a page that goes away leaves before a member that was lost a moment earlier |
/// | `join_timeout` | 5 s | many clients that connect at once have time to join |
/// | `write_timeout` | 3 s | a member that does not read loses its connection soon, but after its outbox is full |
/// | `message_timeout` | 3 s | an incomplete message closes its connection soon |
/// | `room_peers` | 8 | a few connections fill a room |
/// | `lobby_peers` | 14 | a few connections fill a lobby, also half of it, and more of them than a room with three members has places for |
/// | `rate_per_second` | 5 | `retryAfterMs` is long enough to test that waiting helps |
/// | `resumes_per_minute` | 6 | the limit is exceeded before a further resume is allowed |
/// | `rate_burst_bytes` | 16 MiB | a test sends more than the kernel's buffers hold |
/// | `room_joins_per_minute` | 6,000 | tests join and leave often |
/// | `address_joins_per_minute`, `address_away`, `address_refusals_per_minute` | 1,000,000 | all clients of the suite have one address |
///
/// The other limits have their defaults.
///
/// # Panics
///
/// Never: these limits are within their ranges.
pub fn limits() -> Limits {
    Limits::builder()
        .heartbeat(Duration::from_millis(1500))
        .grace(Duration::from_secs(2))
        .going_away_grace(Duration::from_secs(1))
        .join_timeout(Duration::from_secs(5))
        .write_timeout(Duration::from_secs(3))
        .message_timeout(Duration::from_secs(3))
        .room_peers(8)
        .lobby_peers(14)
        .rate_per_second(5)
        .resumes_per_minute(6)
        .rate_burst_bytes(16 * 1024 * 1024)
        .room_joins_per_minute(6_000)
        .address_joins_per_minute(1_000_000)
        .address_away(1_000_000)
        .address_refusals_per_minute(1_000_000)
        .build()
        .expect("the limits are within their ranges")
}

/// The [`Authorize`](meet_signal_core::Authorize) that the server must use.
///
/// A token with the prefix `conformance:` selects the decision: `unauthorized`, `refused`,
/// `banned`, `room-locked`, `duplicate` and `unavailable` select that [`Denied`], `listener` a grant
/// without permissions, `panic` a panic, `guest` a grant with `meta` and ICE servers, `renewed` a
/// grant with ICE servers that expire, `host` one with the permission to
/// moderate, `direct` one that does not wait in a lobby. `user:N` gives the identity N, which `once:N`
/// rejects and `newest:N` replaces where it is in the room already. All other joins get the default [`Grant`].
///
/// # Errors
///
/// The [`Denied`] that the token selects.
///
/// # Panics
///
/// The token selects it.
///
/// # Cancel safety
///
/// Cancel safe: it never waits.
pub async fn authorize(request: AuthRequest) -> Result<Grant, Denied> {
    let decision =
        request.token.as_ref().and_then(|token| token.expose().strip_prefix("conformance:"));
    match decision {
        Some("unauthorized") => Err(Denied::unauthorized("selected by the token")),
        Some("refused") => Err(Denied::refused("selected by the token")),
        Some("banned") => Err(Denied::banned("selected by the token")),
        Some("room-locked") => Err(Denied::room_locked("selected by the token")),
        Some("duplicate") => Err(Denied::duplicate("selected by the token")),
        Some("unavailable") => Err(Denied::unavailable("selected by the token")),
        Some("panic") => panic!("selected by the token"),
        Some("listener") => Ok(Grant::new().permissions(Permissions::NONE)),
        Some("guest") => {
            let meta = Meta::new(&"a guest").expect("a string is JSON");
            let turn = IceServer::turn("turn:turn.example", "a guest", "a secret");
            Ok(Grant::new().meta(meta).ice_servers([IceServer::stun("stun:stun.example"), turn]))
        }
        Some("renewed") => Ok(Grant::new().ice_provider(Renewed)),
        Some("host") => {
            let permissions = Permissions::default().moderate(true);
            Ok(Grant::new().identity("host").permissions(permissions))
        }
        Some("direct") => Ok(Grant::new().admission(Admission::Direct)),
        Some(decision) => Ok(match decision.split_once(':') {
            Some(("user", name)) => Grant::new().identity(name),
            Some(("once", name)) => Grant::new().identity(name).duplicates(Duplicates::Reject),
            Some(("newest", name)) => Grant::new().identity(name).duplicates(Duplicates::Replace),
            _ => Grant::new(),
        }),
        None => Ok(Grant::new()),
    }
}

/// Provides other credentials each time, which are renewed after a second.
struct Renewed;

impl IceServerProvider for Renewed {
    fn provide(&self, request: IceServerRequest) -> ProvideIceServers<'_> {
        let since = request.now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let name = since.as_nanos().to_string();
        let servers = [IceServer::turn("turn:turn.example", name, "a secret")];
        Box::pin(ready(Ok(IceServers::new(servers).valid_for(Duration::from_secs(2)))))
    }
}
