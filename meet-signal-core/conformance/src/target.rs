//! The server under test, and how it is set up.

use std::{net::SocketAddr, time::Duration};

use meet_signal_core::{
    AuthRequest, Denied, Grant, Hub, Limits, Permissions,
    message::{IceServer, Meta},
};

/// Where the server under test is.
#[derive(Debug, Clone)]
#[must_use]
pub struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) path: String,
    pub(crate) hub: Option<Hub>,
}

impl Target {
    /// A server at this address, with its rooms at `/signal/{room}`.
    pub fn new(address: SocketAddr) -> Self {
        Self { address, path: "/signal/{room}".to_owned(), hub: None }
    }

    /// Where the rooms are; `{room}` stands for the name.
    ///
    /// # Panics
    ///
    /// The template does not say where the name goes.
    pub fn path(mut self, template: impl Into<String>) -> Self {
        self.path = template.into();
        assert!(self.path.contains("{room}"), "a path without `{{room}}`");
        self
    }

    /// The server's hub, where it is in the same process: for the promises about what an
    /// application does.
    pub fn hub(mut self, hub: Hub) -> Self {
        self.hub = Some(hub);
        self
    }
}

/// The limits that the server's hub has to have.
///
/// | limit | value | because |
/// |---|---|---|
/// | `heartbeat` | 1.5 s | three of them in silence lose a connection: soon, but not for a busy machine's hiccup |
/// | `grace` | 2 s | what is lost is gone soon, but not before it has been seen to be away |
/// | `going_away_grace` | 1 s | whose page goes has left before who was lost a moment earlier |
/// | `join_timeout` | 5 s | a crowd that connects at once has time to join |
/// | `write_timeout` | 3 s | a member that does not read is given up soon, but not before its outbox is full |
/// | `message_timeout` | 3 s | a message that does not end is soon given up |
/// | `room_peers` | 8 | a room is filled with a handful of connections |
/// | `rate_per_second` | 5 | who is over its rate has to wait for long enough to tell |
/// | `resumes_per_minute` | 6 | who comes back too often is found out before one more is allowed |
/// | `rate_burst_bytes` | 16 MiB | who does not read is sent more than kernels' buffers hold |
/// | `room_joins_per_minute` | 6,000 | crowds come and go |
/// | `address_joins_per_minute`, `address_away`, `address_refusals_per_minute` | 1,000,000 | all of the suite's clients have one address |
///
/// All others are the defaults.
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

/// The decisions that the server under test has to leave to the suite: pass this function where an
/// [`Authorize`](meet_signal_core::Authorize) is taken.
///
/// A token that begins with `conformance:` asks for what follows: `unauthorized`, `refused`,
/// `banned`, `room-locked`, `duplicate` and `unavailable` for that [`Denied`], `listener` for no
/// permissions, `guest` for a grant that sets `meta` and ICE servers. Everybody else is let in.
///
/// # Errors
///
/// What the token asks for.
///
/// # Cancel safety
///
/// Cancel safe: it decides at once.
pub async fn authorize(request: AuthRequest) -> Result<Grant, Denied> {
    let asked =
        request.token.as_ref().and_then(|token| token.expose().strip_prefix("conformance:"));
    match asked {
        Some("unauthorized") => Err(Denied::unauthorized("as the token asks for")),
        Some("refused") => Err(Denied::refused("as the token asks for")),
        Some("banned") => Err(Denied::banned("as the token asks for")),
        Some("room-locked") => Err(Denied::room_locked("as the token asks for")),
        Some("duplicate") => Err(Denied::duplicate("as the token asks for")),
        Some("unavailable") => Err(Denied::unavailable("as the token asks for")),
        Some("listener") => Ok(Grant::new().permissions(Permissions::NONE)),
        Some("guest") => {
            let meta = Meta::new(&"a guest").expect("a string is JSON");
            let turn = IceServer::turn("turn:turn.example", "a guest", "a secret");
            Ok(Grant::new().meta(meta).ice_servers([IceServer::stun("stun:stun.example"), turn]))
        }
        _ => Ok(Grant::new()),
    }
}
