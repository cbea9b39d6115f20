//! From an HTTP request to a session.

use axum::{
    extract::{FromRequestParts, WebSocketUpgrade, ws::rejection::WebSocketUpgradeRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use meet_signal_core::{
    Authorize, Hub, InvalidRoomId, OriginPolicy, OriginRefused, RoomId, UnknownSubprotocol, driver,
    select_subprotocol,
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
#[derive(Debug)]
#[must_use = "a response is made by `join`"]
pub struct SignalUpgrade {
    websocket: WebSocketUpgrade,
    headers: Handshake,
    origins: OriginPolicy,
}

#[derive(Debug)]
struct Handshake {
    origin: Option<HeaderValue>,
    host: Option<String>,
    subprotocols: Vec<HeaderValue>,
}

/// Why a request is answered without an upgrade. As a response it is a line of text for whoever
/// reads a browser's console.
#[derive(Debug)]
#[non_exhaustive]
pub enum UpgradeRefused {
    /// 400: no room can have this name.
    Room(InvalidRoomId),
    /// 400: the client offers only subprotocols that are not known here.
    Subprotocol(UnknownSubprotocol),
    /// 403: the page's origin may not connect.
    Origin(OriginRefused),
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
        self.try_join(hub, room, authorize).unwrap_or_else(IntoResponse::into_response)
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
        let room: RoomId = room.parse().map_err(UpgradeRefused::Room)?;
        let origin = self.headers.origin();
        self.origins.check(origin, self.headers.host.as_deref()).map_err(UpgradeRefused::Origin)?;
        let subprotocol = self.headers.subprotocol().map_err(UpgradeRefused::Subprotocol)?;

        let limits = hub.limits();
        let websocket = self
            .websocket
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(WRITE_BUFFER)
            .max_message_size(limits.frame_bytes())
            .max_frame_size(limits.frame_bytes())
            .protocols(subprotocol);
        let hub = hub.clone();
        Ok(websocket
            .on_upgrade(move |socket| driver::serve(hub, room, authorize, AxumSocket::new(socket))))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for SignalUpgrade {
    type Rejection = WebSocketUpgradeRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let headers = Handshake::of(parts);
        let websocket = WebSocketUpgrade::from_request_parts(parts, state).await?;
        Ok(Self { websocket, headers, origins: OriginPolicy::default() })
    }
}

impl Handshake {
    fn of(parts: &Parts) -> Self {
        let headers = &parts.headers;
        let host = match parts.uri.authority() {
            Some(authority) => Some(authority.as_str().to_owned()),
            None => text(headers, header::HOST).map(str::to_owned),
        };
        Self {
            origin: headers.get(header::ORIGIN).cloned(),
            host,
            subprotocols: headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().cloned().collect(),
        }
    }

    /// An origin that is not text is one that no list has.
    fn origin(&self) -> Option<&str> {
        self.origin.as_ref().map(|value| value.to_str().unwrap_or("null"))
    }

    fn subprotocol(&self) -> Result<Option<&'static str>, UnknownSubprotocol> {
        select_subprotocol(self.subprotocols.iter().map(|value| value.to_str().unwrap_or("")))
    }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

impl IntoResponse for UpgradeRefused {
    fn into_response(self) -> Response {
        match self {
            Self::Room(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
            Self::Subprotocol(error) => {
                (StatusCode::BAD_REQUEST, error.to_string()).into_response()
            }
            Self::Origin(error) => (StatusCode::FORBIDDEN, error.to_string()).into_response(),
        }
    }
}

/// Zeroed before each read and kept by each connection: with tungstenite's own 128 KiB it is a third
/// of the CPU and most of the memory. A session description still comes in one or two reads.
const READ_BUFFER: usize = 4 * 1024;

/// What may gather before it is written; the driver flushes each batch anyway.
const WRITE_BUFFER: usize = 16 * 1024;
