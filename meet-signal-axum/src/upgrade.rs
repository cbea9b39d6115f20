//! From an HTTP request to a session.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use axum::{
    body::Body,
    extract::{
        ConnectInfo, FromRequestParts, WebSocketUpgrade,
        ws::rejection::{ConnectionNotUpgradable, WebSocketUpgradeRejection},
    },
    http::{
        HeaderMap, HeaderValue, Method, StatusCode, Version, header, request::Parts, uri::Scheme,
    },
    response::{IntoResponse, Response},
};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use meet_signal_core::{
    Authorize, ClientAddress, Denied, Hub, Limits, OriginPolicy, driver,
    handshake::{Accepted, Handshake, UpgradeRefused},
};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::socket::AxumSocket;

/// An extractor for the application's own handler: a request to open a session.
///
/// ```
/// use axum::{extract::{Path, State}, response::Response, routing::any};
/// use meet_signal_axum::{Grant, Hub, SignalUpgrade};
///
/// async fn signal(
///     State(hub): State<Hub>,
///     Path(room): Path<String>,
///     // … and the application's own extractors, such as the user of a login.
///     upgrade: SignalUpgrade,
/// ) -> Response {
///     upgrade.join(&hub, &room, Grant::new())
/// }
///
/// let app: axum::Router<Hub> = axum::Router::new().route("/rooms/{room}", any(signal));
/// ```
///
/// A parameter of the route is percent-decoded by [`Path`](axum::extract::Path), which responds with
/// 400 to one that is not UTF-8. `{room}` takes one segment, in which `%2F` is a `/` of the name;
/// `{*room}` takes all that follow.
///
/// Where the application's own login may say no, take what that says instead of rejecting the request:
/// a page cannot see the status of a WebSocket's handshake, but it can see a refusal over the WebSocket.
///
/// ```
/// # use axum::{extract::{Path, State}, http::{StatusCode, request::Parts}, response::Response};
/// # use meet_signal_axum::{Denied, Grant, Hub, SignalUpgrade};
/// # struct User;
/// # impl<S: Sync> axum::extract::FromRequestParts<S> for User {
/// #     type Rejection = StatusCode;
/// #     async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, StatusCode> { Ok(User) }
/// # }
/// async fn signal(
///     user: Result<User, StatusCode>,
///     State(hub): State<Hub>,
///     Path(room): Path<String>,
///     upgrade: SignalUpgrade,
/// ) -> Response {
///     match user {
///         Ok(_user) => upgrade.join(&hub, &room, Grant::new()),
///         Err(_) => upgrade.refuse(&hub, Denied::unauthorized("log in again")),
///     }
/// }
/// # let _: axum::Router<Hub> = axum::Router::new().route("/{room}", axum::routing::any(signal));
/// ```
///
/// A `GET` that asks for no WebSocket reaches the handler, too: [`join`](Self::join) answers it with
/// 426, after the checks of the room and of the origin, and [`refuse`](Self::refuse) with the status of
/// the refusal. The bundled client asks like that when its WebSocket did not open.
///
/// Route it with [`any`](axum::routing::any): a WebSocket arrives with `GET` over HTTP/1.1 and with
/// `CONNECT` over HTTP/2 (RFC 8441), if the application has axum's feature `http2`. Any other method
/// gets 405.
///
/// The client's address is that of [`ConnectInfo<SocketAddr>`](ConnectInfo), if the application is
/// served with `into_make_service_with_connect_info`. Without it the limits per address are off, and
/// the first such connection of a process logs a warning of `tracing` (with the feature `tracing`). Behind a proxy the address is
/// in a header: see [`client_address`](Self::client_address).
#[must_use = "`join` and `refuse` make the response"]
pub struct SignalUpgrade {
    /// `None` for a request that asks for no WebSocket.
    connection: Option<OnUpgrade>,
    version: Version,
    /// The value of `Sec-WebSocket-Accept`. HTTP/2 has none.
    accept: Option<HeaderValue>,
    /// The address of the connection.
    peer: Option<IpAddr>,
    /// For the policy of addresses, which is set later. The values are shared with the request's.
    headers: HeaderMap,
    handshake: Handshake,
    origins: OriginPolicy,
    client_address: ClientAddress,
}

impl SignalUpgrade {
    /// Sets which pages may connect. The default is those of the same host.
    pub fn origins(mut self, policy: OriginPolicy) -> Self {
        self.origins = policy;
        self
    }

    /// Sets which address of the client counts for the limits per address. The default is that of the
    /// connection; behind a proxy, use the one that the proxy forwards.
    pub fn client_address(mut self, policy: ClientAddress) -> Self {
        self.client_address = policy;
        self
    }

    /// Upgrades the connection, and serves it until its session has ended.
    ///
    /// `authorize` is a ready [`Grant`](meet_signal_core::Grant), or a closure or a type of the
    /// application's that gets the token of the client's first message; see [`Authorize`]. A refused
    /// request gets the status and the text of [`UpgradeRefused`].
    pub fn join<A, M>(self, hub: &Hub, room: &str, authorize: A) -> Response
    where
        A: Authorize<M> + 'static,
        M: 'static,
    {
        let version = self.version;
        self.try_join(hub, room, authorize).unwrap_or_else(|refused| respond(refused, version))
    }

    /// Like [`join`](Self::join), for an application with its own error pages.
    ///
    /// # Errors
    ///
    /// The request is refused.
    pub fn try_join<A, M>(
        self,
        hub: &Hub,
        room: &str,
        authorize: A,
    ) -> Result<Response, UpgradeRefused>
    where
        A: Authorize<M> + 'static,
        M: 'static,
    {
        let accepted = self.handshake.check(room, &self.origins)?;
        self.serve(hub, accepted, authorize)
    }

    fn serve<A, M>(
        self,
        hub: &Hub,
        accepted: Accepted,
        authorize: A,
    ) -> Result<Response, UpgradeRefused>
    where
        A: Authorize<M> + 'static,
        M: 'static,
    {
        let (hub, room) = (hub.clone(), accepted.room);
        self.upgrade(hub.limits().clone(), accepted.subprotocol, async move |socket| {
            driver::serve(hub, room, authorize, socket).await;
        })
    }

    /// Upgrades the connection, and refuses it there: the page learns the code and the message of
    /// `denied`. A session that the client had is not resumed.
    ///
    /// Pages of origins that may not connect learn nothing, and get 403. A request that asks for no
    /// WebSocket gets [`Denied::status`], with the message as text.
    pub fn refuse(self, hub: &Hub, denied: Denied) -> Response {
        let version = self.version;
        self.try_refuse(hub, denied).unwrap_or_else(|refused| respond(refused, version))
    }

    /// Like [`refuse`](Self::refuse), for an application with its own error pages.
    ///
    /// # Errors
    ///
    /// The request is refused for another reason: its origin or its subprotocol.
    pub fn try_refuse(self, hub: &Hub, denied: Denied) -> Result<Response, UpgradeRefused> {
        let subprotocol = match self.handshake.check_page(&self.origins) {
            Ok(subprotocol) => subprotocol,
            Err(UpgradeRefused::NotWebSocket) => {
                return Ok(text(denied.status(), denied.message().to_owned()));
            }
            Err(refused) => return Err(refused),
        };
        let hub = hub.clone();
        self.upgrade(hub.limits().clone(), subprotocol, async move |socket| {
            driver::refuse(hub, denied, socket).await;
        })
    }

    /// Runs `serve` with the upgraded connection.
    fn upgrade<F>(
        self,
        limits: Limits,
        subprotocol: Option<&'static str>,
        serve: impl FnOnce(AxumSocket<TokioIo<Upgraded>>) -> F + Send + 'static,
    ) -> Result<Response, UpgradeRefused>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let peer = self.peer_address();
        let Self { connection, accept, .. } = self;
        let connection = connection.ok_or(UpgradeRefused::NotWebSocket)?;
        tokio::spawn(async move {
            // It fails if the connection has ended before the response was sent.
            if let Ok(upgraded) = connection.await {
                serve(AxumSocket::new(TokioIo::new(upgraded), &limits, peer).await).await;
            }
        });
        Ok(switch_protocols(accept, subprotocol))
    }

    /// Like [`join`](Self::join), for a segment of the URL that is not decoded.
    pub(crate) fn join_segment<A, M>(self, hub: &Hub, segment: &str, authorize: A) -> Response
    where
        A: Authorize<M> + 'static,
        M: 'static,
    {
        let version = self.version;
        let accepted = self.handshake.check_segment(segment, &self.origins);
        let served = accepted.and_then(|accepted| self.serve(hub, accepted, authorize));
        served.unwrap_or_else(|refused| respond(refused, version))
    }

    /// The address for the limits per address.
    fn peer_address(&self) -> Option<IpAddr> {
        let headers = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        let address = self.client_address.resolve(self.peer, headers);
        #[cfg(feature = "tracing")]
        if address.is_none() && !self.client_address.is_unknown() {
            warn_of_unknown_addresses();
        }
        address
    }
}

/// The response to a request that is not upgraded.
fn respond(refused: UpgradeRefused, version: Version) -> Response {
    let mut response = text(refused.status(), refused.to_string());
    // HTTP/2 has no such headers (RFC 9113, section 8.2.2).
    if refused == UpgradeRefused::NotWebSocket && version <= Version::HTTP_11 {
        response.headers_mut().extend([
            (header::CONNECTION, HeaderValue::from_static("upgrade")),
            (header::UPGRADE, HeaderValue::from_static("websocket")),
        ]);
    }
    response
}

fn text(status: u16, text: String) -> Response {
    (StatusCode::from_u16(status).expect("a status of HTTP"), text).into_response()
}

/// The response that upgrades the connection: RFC 6455, section 4.2.2, or RFC 8441, section 5.
fn switch_protocols(accept: Option<HeaderValue>, subprotocol: Option<&'static str>) -> Response {
    let mut response = Response::new(Body::empty());
    if let Some(accept) = accept {
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        response.headers_mut().extend([
            (header::CONNECTION, HeaderValue::from_static("upgrade")),
            (header::UPGRADE, HeaderValue::from_static("websocket")),
            (header::SEC_WEBSOCKET_ACCEPT, accept),
        ]);
    }
    if let Some(subprotocol) = subprotocol {
        let subprotocol = HeaderValue::from_static(subprotocol);
        response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, subprotocol);
    }
    response
}

impl<S: Send + Sync> FromRequestParts<S> for SignalUpgrade {
    type Rejection = WebSocketUpgradeRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let authority = parts.uri.authority().map(|authority| authority.as_str());
        let headers = parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        // Only HTTP/2 requests have the scheme.
        let encrypted = parts.uri.scheme() == Some(&Scheme::HTTPS);
        let is_upgrade = !is_ordinary_get(parts);
        let handshake = Handshake::new(authority, headers).encrypted(encrypted).upgrade(is_upgrade);
        let peer = connection_address(parts, state).await;
        let mut connection = None;
        if is_upgrade {
            connection = parts.extensions.get::<OnUpgrade>().cloned();
            // axum's WebSocket does not report fragments, so this uses only its check of the request.
            let _ = WebSocketUpgrade::from_request_parts(parts, state).await?;
            connection.as_ref().ok_or_else(ConnectionNotUpgradable::default)?;
        }
        Ok(Self {
            connection,
            version: parts.version,
            accept: accept(parts),
            peer,
            headers: parts.headers.clone(),
            handshake,
            origins: OriginPolicy::default(),
            client_address: ClientAddress::default(),
        })
    }
}

// Without the request's headers: some clients put a token into the list of subprotocols.
impl fmt::Debug for SignalUpgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignalUpgrade")
            .field("origins", &self.origins)
            .field("client_address", &self.client_address)
            .finish_non_exhaustive()
    }
}

/// Whether this is a `GET` that asks for no WebSocket.
fn is_ordinary_get(parts: &Parts) -> bool {
    let asks = |value: &HeaderValue| {
        value.to_str().is_ok_and(|value| value.to_ascii_lowercase().contains("websocket"))
    };
    parts.method == Method::GET && !parts.headers.get_all(header::UPGRADE).iter().any(asks)
}

async fn connection_address<S: Send + Sync>(parts: &mut Parts, state: &S) -> Option<IpAddr> {
    let info = ConnectInfo::<SocketAddr>::from_request_parts(parts, state).await;
    info.ok().map(|ConnectInfo(address)| address.ip())
}

/// Once: the cause is how the application is served, which is the same for all connections.
#[cfg(feature = "tracing")]
fn warn_of_unknown_addresses() {
    static WARNED: std::sync::Once = std::sync::Once::new();
    WARNED.call_once(|| {
        tracing::warn!(
            target: "meet_signal",
            "the limits per address are off: a client's address is not known. Serve the application \
             with into_make_service_with_connect_info::<SocketAddr>(), or choose a ClientAddress"
        );
    });
}

/// The value of `Sec-WebSocket-Accept` for a handshake over HTTP/1.1.
fn accept(parts: &Parts) -> Option<HeaderValue> {
    let key = parts.headers.get(header::SEC_WEBSOCKET_KEY)?;
    (parts.version <= Version::HTTP_11).then(|| {
        let accept = derive_accept_key(key.as_bytes());
        HeaderValue::try_from(accept).expect("base64 is a header's value")
    })
}

#[cfg(test)]
mod tests {
    use axum::{extract::connect_info::MockConnectInfo, http::Request};

    use super::*;

    #[tokio::test]
    async fn the_connections_address_is_that_of_the_connection_info() {
        for address in ["192.0.2.1:4711", "[2001:db8::1]:4711"] {
            let address: SocketAddr = address.parse().unwrap();
            let mut parts = Request::new(()).into_parts().0;
            assert_eq!(connection_address(&mut parts, &()).await, None);
            parts.extensions.insert(MockConnectInfo(address));
            assert_eq!(connection_address(&mut parts, &()).await, Some(address.ip()));
            parts.extensions.insert(ConnectInfo(address));
            assert_eq!(connection_address(&mut parts, &()).await, Some(address.ip()));
        }
    }

    /// The example of RFC 6455, section 1.3.
    #[test]
    fn the_key_is_accepted_as_in_the_rfc_and_only_over_http_1() {
        let request = Request::get("/").header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        let mut parts = request.body(()).unwrap().into_parts().0;
        assert_eq!(accept(&parts).unwrap(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        parts.version = Version::HTTP_2;
        assert_eq!(accept(&parts), None);
    }
}
