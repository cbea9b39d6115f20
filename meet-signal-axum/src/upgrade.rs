//! From an HTTP request to a session.

mod extract;

use std::{fmt, net::IpAddr};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, Version, header},
    response::{IntoResponse, Response},
};
use hyper::upgrade::OnUpgrade;
use meet_signal_core::{
    Authorize, ClientAddress, Denied, Hub, Limits, OriginPolicy, RoomId,
    driver::{Reporter, SessionWatch},
    handshake::{Accepted, Handshake, UpgradeRefused},
};

use crate::socket::SignalSocket;

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
/// The client's address is that of [`ConnectInfo<SocketAddr>`](axum::extract::ConnectInfo), if the application is
/// served with `into_make_service_with_connect_info`. Without it the limits per address are off, and
/// the first such connection of a process logs a warning of `tracing` (with the feature `tracing`). Behind a proxy the address is
/// in a header: see [`client_address`](Self::client_address).
#[must_use = "`join`, `on_socket` and `refuse` make the response"]
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
    reporter: Reporter,
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

    /// Follows the connection: who it becomes in its room, and how its session ends. Call it before
    /// [`join`](Self::join) or [`refuse`](Self::refuse), and wait in a task of your own: the connection
    /// begins after the handler has returned the response, so a handler that waits would wait forever.
    ///
    /// ```
    /// # use axum::{extract::{Path, State}, response::Response};
    /// # use meet_signal_axum::{Grant, Hub, SignalUpgrade};
    /// async fn signal(
    ///     State(hub): State<Hub>,
    ///     Path(room): Path<String>,
    ///     mut upgrade: SignalUpgrade,
    /// ) -> Response {
    ///     let session = upgrade.watch();
    ///     tokio::spawn(async move {
    ///         if let Some(peer) = session.joined().await {
    ///             println!("the user is the peer {peer}");
    ///         }
    ///         println!("it ended: {:?}", session.ended().await.reason);
    ///     });
    ///     upgrade.join(&hub, &room, Grant::new())
    /// }
    /// # let _: axum::Router<Hub> = axum::Router::new().route("/{room}", axum::routing::any(signal));
    /// ```
    ///
    /// A watch only reads: the session goes on when it is dropped. If the request is not upgraded, or the
    /// upgrade is dropped, it reports [`EndReason::Aborted`](crate::driver::EndReason::Aborted).
    pub fn watch(&mut self) -> SessionWatch {
        self.reporter.watch()
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
        self.upgrade(
            hub.limits().clone(),
            accepted.subprotocol,
            async move |socket, reporter: Reporter| {
                reporter.serve(hub, room, authorize, socket).await;
            },
        )
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
        self.upgrade(hub.limits().clone(), subprotocol, async move |socket, reporter: Reporter| {
            reporter.refuse(hub, denied, socket).await;
        })
    }

    /// Upgrades the connection, and hands it out: `serve` gets the room's name and the connection as a
    /// [`Socket`](crate::Socket), and its future runs to its end in a task of its own. It serves
    /// the connection with [`driver::serve`](crate::driver::serve), within a `Socket` of its own, or with what the
    /// application does before and after. Dropping the socket ends the connection.
    ///
    /// The request is checked as by [`join`](Self::join), with the same refusals. A
    /// [`watch`](Self::watch) of this request reports nothing but its end,
    /// [`EndReason::Aborted`](crate::driver::EndReason::Aborted): `driver::Reporter` has one for `serve`.
    ///
    /// ```
    /// # use axum::{extract::{Path, State}, response::Response};
    /// # use meet_signal_axum::{Grant, Hub, SignalUpgrade};
    /// use meet_signal_axum::driver;
    ///
    /// async fn signal(
    ///     State(hub): State<Hub>,
    ///     Path(room): Path<String>,
    ///     upgrade: SignalUpgrade,
    /// ) -> Response {
    ///     upgrade.on_socket(&hub.clone(), &room, async move |room, socket| {
    ///         let outcome = driver::serve(hub, room, Grant::new(), socket).await;
    ///         println!("{} messages were received", outcome.received.frames);
    ///     })
    /// }
    /// # let _: axum::Router<Hub> = axum::Router::new().route("/{room}", axum::routing::any(signal));
    /// ```
    pub fn on_socket<F, Fut>(self, hub: &Hub, room: &str, serve: F) -> Response
    where
        F: FnOnce(RoomId, SignalSocket) -> Fut + Send + 'static,
        Fut: Future + Send,
    {
        let version = self.version;
        self.try_on_socket(hub, room, serve).unwrap_or_else(|refused| respond(refused, version))
    }

    /// Like [`on_socket`](Self::on_socket), for an application with its own error pages.
    ///
    /// # Errors
    ///
    /// The request is refused.
    pub fn try_on_socket<F, Fut>(
        self,
        hub: &Hub,
        room: &str,
        serve: F,
    ) -> Result<Response, UpgradeRefused>
    where
        F: FnOnce(RoomId, SignalSocket) -> Fut + Send + 'static,
        Fut: Future + Send,
    {
        let accepted = self.handshake.check(room, &self.origins)?;
        let room = accepted.room;
        self.upgrade(hub.limits().clone(), accepted.subprotocol, async move |socket, _| {
            serve(room, socket).await;
        })
    }

    /// Runs `serve` with the upgraded connection.
    fn upgrade<F>(
        self,
        limits: Limits,
        subprotocol: Option<&'static str>,
        serve: impl FnOnce(SignalSocket, Reporter) -> F + Send + 'static,
    ) -> Result<Response, UpgradeRefused>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let peer = self.peer_address();
        let Self { connection, accept, reporter, .. } = self;
        let connection = connection.ok_or(UpgradeRefused::NotWebSocket)?;
        tokio::spawn(async move {
            // It fails if the connection has ended before the response was sent.
            if let Ok(upgraded) = connection.await {
                let socket = SignalSocket::new(upgraded, &limits, peer, subprotocol).await;
                serve(socket, reporter).await;
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

// Without the request's headers: some clients put a token into the list of subprotocols.
impl fmt::Debug for SignalUpgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignalUpgrade")
            .field("origins", &self.origins)
            .field("client_address", &self.client_address)
            .finish_non_exhaustive()
    }
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
