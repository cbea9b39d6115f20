//! From an HTTP request to a session.

use std::fmt;

use axum::{
    extract::{FromRequestParts, WebSocketUpgrade, ws::rejection::WebSocketUpgradeRejection},
    http::{StatusCode, request::Parts},
    response::{IntoResponse, Response},
};
use meet_signal_core::{
    Authorize, Hub, OriginPolicy, driver,
    handshake::{Handshake, UpgradeRefused},
};

use crate::socket::AxumSocket;

/// An extractor for the application's own handler: a request that wants to become a session.
///
/// ```
/// use axum::{extract::{Path, State}, response::Response};
/// use meet_signal_axum::{Grant, Hub, SignalUpgrade};
///
/// async fn signal(
///     State(hub): State<Hub>,
///     Path(room): Path<String>,
///     // … and the application's own extractors: whoever is logged in, say.
///     upgrade: SignalUpgrade,
/// ) -> Response {
///     upgrade.join(&hub, &room, Grant::new())
/// }
/// ```
#[must_use = "a response is made by `join`"]
pub struct SignalUpgrade {
    websocket: WebSocketUpgrade,
    handshake: Handshake,
    origins: OriginPolicy,
}

impl SignalUpgrade {
    /// Which pages may connect. By default those of the same host.
    pub fn origins(mut self, policy: OriginPolicy) -> Self {
        self.origins = policy;
        self
    }

    /// Upgrades the connection, and serves it until its session has ended.
    ///
    /// `authorize` is a ready [`Grant`](meet_signal_core::Grant), or a closure that gets the token
    /// of the client's first message; see [`Authorize`]. A request that is refused is answered with
    /// [`UpgradeRefused`].
    pub fn join<A>(self, hub: &Hub, room: &str, authorize: A) -> Response
    where
        A: Authorize<Decision: Send> + Send + 'static,
    {
        self.try_join(hub, room, authorize).unwrap_or_else(|refused| {
            let status = StatusCode::from_u16(refused.status()).expect("a status of HTTP");
            (status, refused.to_string()).into_response()
        })
    }

    /// Like [`join`](Self::join), for an application with error pages of its own.
    ///
    /// # Errors
    ///
    /// The request is not to be upgraded.
    pub fn try_join<A>(
        self,
        hub: &Hub,
        room: &str,
        authorize: A,
    ) -> Result<Response, UpgradeRefused>
    where
        A: Authorize<Decision: Send> + Send + 'static,
    {
        let accepted = self.handshake.check(room, &self.origins)?;
        let limits = hub.limits();
        let websocket = self
            .websocket
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(WRITE_BUFFER)
            .max_message_size(limits.frame_bytes())
            .max_frame_size(limits.frame_bytes())
            .protocols(accepted.subprotocol);
        let hub = hub.clone();
        Ok(websocket.on_upgrade(move |socket| {
            driver::serve(hub, accepted.room, authorize, AxumSocket::new(socket))
        }))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for SignalUpgrade {
    type Rejection = WebSocketUpgradeRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let authority = parts.uri.authority().map(|authority| authority.as_str());
        let headers = parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        let handshake = Handshake::new(authority, headers);
        let websocket = WebSocketUpgrade::from_request_parts(parts, state).await?;
        Ok(Self { websocket, handshake, origins: OriginPolicy::default() })
    }
}

// Without what the request said: some clients put a token among the subprotocols.
impl fmt::Debug for SignalUpgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignalUpgrade").field("origins", &self.origins).finish_non_exhaustive()
    }
}

/// Zeroed before each read and kept by each connection: with tungstenite's own 128 KiB it is a third
/// of the CPU and most of the memory. A candidate comes in one read, a session description in one
/// to three.
const READ_BUFFER: usize = 3 * 1024;

/// What may gather before it is written; the driver flushes each batch anyway.
const WRITE_BUFFER: usize = 16 * 1024;
