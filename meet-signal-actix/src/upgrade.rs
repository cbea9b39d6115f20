//! From an HTTP request to a session.

use std::{
    fmt,
    future::{Ready, ready},
    net::IpAddr,
};

use actix_http::ws::{self, HandshakeError};
use actix_web::{
    Error, FromRequest, HttpRequest, HttpResponse, HttpResponseBuilder,
    dev::Payload,
    error::InternalError,
    http::{StatusCode, header},
    rt, web,
};
use meet_signal_core::{
    ClientAddress, Denied, Hub, LocalAuthorize, OriginPolicy, RoomId,
    driver::{Reporter, SessionWatch},
    handshake::{Accepted, Handshake, UpgradeRefused},
};

use crate::{connection::ResetHandle, outgoing::outgoing, socket::SignalSocket};

/// An extractor for the application's own handler: a request to open a session.
///
/// ```
/// use actix_web::{HttpResponse, web};
/// use meet_signal_actix::{Grant, Hub, SignalUpgrade};
///
/// async fn signal(
///     hub: web::Data<Hub>,
///     room: web::Path<String>,
///     // … and the application's own extractors, such as the user of a login.
///     upgrade: SignalUpgrade,
/// ) -> HttpResponse {
///     upgrade.join(&hub, &room, Grant::new())
/// }
/// # actix_web::App::new().route("/rooms/{room}/signal", web::get().to(signal));
/// ```
///
/// A parameter of the route is percent-decoded by [`web::Path`]. `{room}` takes one segment, in which
/// `%2F` is a `/` of the name; `{room:.*}` takes all that follow. What is not UTF-8 is in it as U+FFFD,
/// which no room name may have.
///
/// Where the application's own login may say no, take what that says instead of rejecting the request:
/// a page cannot see the status of a WebSocket's handshake, but it can see a refusal over the WebSocket.
///
/// ```
/// # use actix_web::{Error, HttpResponse, web};
/// # use meet_signal_actix::{Denied, Grant, Hub, SignalUpgrade};
/// # type User = web::Query<()>;
/// async fn signal(
///     user: Result<User, Error>,
///     hub: web::Data<Hub>,
///     room: web::Path<String>,
///     upgrade: SignalUpgrade,
/// ) -> HttpResponse {
///     match user {
///         Ok(_user) => upgrade.join(&hub, &room, Grant::new()),
///         Err(_) => upgrade.refuse(&hub, Denied::unauthorized("log in again")),
///     }
/// }
/// # actix_web::App::new().route("/rooms/{room}/signal", web::get().to(signal));
/// ```
///
/// A `GET` that asks for no WebSocket reaches the handler, too: [`join`](Self::join) answers it with
/// 426, after the checks of the room and of the origin, and [`refuse`](Self::refuse) with the status of
/// the refusal. The bundled client asks like that when its WebSocket did not open.
#[must_use = "`join`, `on_socket` and `refuse` make the response"]
pub struct SignalUpgrade {
    request: HttpRequest,
    /// Whether the request asks for a WebSocket.
    is_upgrade: bool,
    payload: Payload,
    reset_handle: Option<ResetHandle>,
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
    /// # use actix_web::{HttpResponse, rt, web};
    /// # use meet_signal_actix::{Grant, Hub, SignalUpgrade};
    /// async fn signal(
    ///     hub: web::Data<Hub>,
    ///     room: web::Path<String>,
    ///     mut upgrade: SignalUpgrade,
    /// ) -> HttpResponse {
    ///     let session = upgrade.watch();
    ///     rt::spawn(async move {
    ///         if let Some(peer) = session.joined().await {
    ///             println!("the user is the peer {peer}");
    ///         }
    ///         println!("it ended: {:?}", session.ended().await.reason);
    ///     });
    ///     upgrade.join(&hub, &room, Grant::new())
    /// }
    /// # actix_web::App::new().route("/{room}", web::get().to(signal));
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
    /// application's that gets the token of the client's first message; see
    /// [`Authorize`](crate::Authorize). A refused request gets the status and the text of
    /// [`UpgradeRefused`].
    pub fn join<A, M>(self, hub: &Hub, room: &str, authorize: A) -> HttpResponse
    where
        A: LocalAuthorize<M> + 'static,
        M: 'static,
    {
        self.try_join(hub, room, authorize).unwrap_or_else(respond)
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
    ) -> Result<HttpResponse, UpgradeRefused>
    where
        A: LocalAuthorize<M> + 'static,
        M: 'static,
    {
        let accepted = self.handshake().check(room, &self.origins)?;
        Ok(self.serve(hub, accepted, authorize))
    }

    fn serve<A, M>(self, hub: &Hub, accepted: Accepted, authorize: A) -> HttpResponse
    where
        A: LocalAuthorize<M> + 'static,
        M: 'static,
    {
        let (socket, reporter, response) = self.upgrade(hub, accepted.subprotocol);
        rt::spawn(reporter.serve_local(hub.clone(), accepted.room, authorize, socket));
        response
    }

    /// Upgrades the connection, and refuses it there: the page learns the code and the message of
    /// `denied`. A session that the client had is not resumed.
    ///
    /// Pages of origins that may not connect learn nothing, and get 403. A request that asks for no
    /// WebSocket gets [`Denied::status`], with the message as text.
    pub fn refuse(self, hub: &Hub, denied: Denied) -> HttpResponse {
        self.try_refuse(hub, denied).unwrap_or_else(respond)
    }

    /// Like [`refuse`](Self::refuse), for an application with its own error pages.
    ///
    /// # Errors
    ///
    /// The request is refused for another reason: its origin or its subprotocol.
    pub fn try_refuse(self, hub: &Hub, denied: Denied) -> Result<HttpResponse, UpgradeRefused> {
        let subprotocol = match self.handshake().check_page(&self.origins) {
            Ok(subprotocol) => subprotocol,
            Err(UpgradeRefused::NotWebSocket) => {
                return Ok(text(denied.status()).body(denied.message().to_owned()));
            }
            Err(refused) => return Err(refused),
        };
        let (socket, reporter, response) = self.upgrade(hub, subprotocol);
        rt::spawn(reporter.refuse(hub.clone(), denied, socket));
        Ok(response)
    }

    /// Upgrades the connection, and hands it out: `serve` gets the room's name and the connection as a
    /// [`Socket`](crate::Socket), and its future runs to its end in a task of its own. It serves
    /// the connection with [`driver::serve_local`](crate::driver::serve_local), within a `Socket` of its own, or with what the
    /// application does before and after. Dropping the socket ends the connection.
    ///
    /// The request is checked as by [`join`](Self::join), with the same refusals. A
    /// [`watch`](Self::watch) of this request reports nothing but its end,
    /// [`EndReason::Aborted`](crate::driver::EndReason::Aborted): `driver::Reporter` has one for `serve`.
    ///
    /// ```
    /// # use actix_web::{HttpResponse, web};
    /// # use meet_signal_actix::{Grant, Hub, SignalUpgrade};
    /// use meet_signal_actix::driver;
    ///
    /// async fn signal(
    ///     hub: web::Data<Hub>,
    ///     room: web::Path<String>,
    ///     upgrade: SignalUpgrade,
    /// ) -> HttpResponse {
    ///     let hub = Hub::clone(&hub);
    ///     upgrade.on_socket(&hub.clone(), &room, async move |room, socket| {
    ///         let outcome = driver::serve_local(hub, room, Grant::new(), socket).await;
    ///         println!("{} messages were received", outcome.received.frames);
    ///     })
    /// }
    /// # actix_web::App::new().route("/{room}", web::get().to(signal));
    /// ```
    pub fn on_socket<F, Fut>(self, hub: &Hub, room: &str, serve: F) -> HttpResponse
    where
        F: FnOnce(RoomId, SignalSocket) -> Fut + 'static,
        Fut: Future + 'static,
    {
        self.try_on_socket(hub, room, serve).unwrap_or_else(respond)
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
    ) -> Result<HttpResponse, UpgradeRefused>
    where
        F: FnOnce(RoomId, SignalSocket) -> Fut + 'static,
        Fut: Future + 'static,
    {
        let accepted = self.handshake().check(room, &self.origins)?;
        let (socket, reporter, response) = self.upgrade(hub, accepted.subprotocol);
        rt::spawn(async move {
            serve(accepted.room, socket).await;
            // A watch is told then.
            drop(reporter);
        });
        Ok(response)
    }

    /// The connection of a request that was checked, and the response that upgrades it.
    fn upgrade(
        self,
        hub: &Hub,
        subprotocol: Option<&'static str>,
    ) -> (SignalSocket, Reporter, HttpResponse) {
        let (outgoing, body) = outgoing();
        let address = self.peer_address();
        let frame_bytes = hub.limits().frame_bytes();
        let socket = SignalSocket::new(
            self.payload,
            outgoing,
            self.reset_handle,
            frame_bytes,
            address,
            subprotocol,
        );
        // The session and the stream of actix-ws are dropped: their queues are unbounded.
        let (response, _, _) = actix_ws::handle_with_protocols(
            &self.request,
            no_payload(&self.request),
            subprotocol.as_slice(),
        )
        .expect("the extractor has verified the handshake");
        (socket, self.reporter, response.set_body(body).map_into_boxed_body())
    }

    fn handshake(&self) -> Handshake {
        // Not `connection_info`, which trusts the forwarding headers of any client.
        let authority = self.request.uri().authority().map(|authority| authority.as_str());
        let handshake = Handshake::new(authority, headers(&self.request));
        handshake.hello().encrypted(self.request.app_config().secure()).upgrade(self.is_upgrade)
    }

    /// The address for the limits per address.
    fn peer_address(&self) -> Option<IpAddr> {
        // Not `connection_info`, which trusts the forwarding headers of any client.
        let connection = self.request.peer_addr().map(|address| address.ip());
        self.client_address.resolve(connection, headers(&self.request))
    }

    /// Like [`join`](Self::join), for the last segment of the matched path, which is not decoded.
    ///
    /// actix decodes a path before it matches it, but for `%2F`, `%25` and `%2B`, and replaces what is
    /// not UTF-8: a parameter can be decoded neither once nor without loss.
    pub(crate) fn join_last_segment<A, M>(self, hub: &Hub, authorize: A) -> HttpResponse
    where
        A: LocalAuthorize<M> + 'static,
        M: 'static,
    {
        let path = self.request.match_info().get_ref().uri().path();
        let segment = path.rsplit('/').next().unwrap_or_default();
        match self.handshake().check_segment(segment, &self.origins) {
            Ok(accepted) => self.serve(hub, accepted, authorize),
            Err(refused) => respond(refused),
        }
    }
}

/// The request's headers. Those of one name are in their order.
fn headers(request: &HttpRequest) -> impl Iterator<Item = (&str, &[u8])> {
    request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()))
}

/// A parameter of the matched route: the last one, since a scope around it may have one of the same
/// name, which comes first.
pub(crate) fn parameter<'r>(request: &'r HttpRequest, name: &str) -> &'r str {
    let parameters = request.match_info().iter().filter(|(known, _)| *known == name);
    parameters.last().map_or("", |(_, value)| value)
}

/// An empty payload, since the socket reads the real one.
fn no_payload(request: &HttpRequest) -> web::Payload {
    let taken = web::Payload::from_request(request, &mut Payload::None);
    taken.into_inner().expect("taking a payload never fails")
}

impl FromRequest for SignalUpgrade {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let is_upgrade = match ws::verify_handshake(request.head()) {
            Ok(()) => true,
            Err(HandshakeError::NoWebsocketUpgrade) => false,
            Err(error) => return ready(Err(refuse_handshake(error))),
        };
        ready(Ok(Self {
            request: request.clone(),
            is_upgrade,
            payload: payload.take(),
            reset_handle: if is_upgrade { ResetHandle::of(request) } else { None },
            origins: OriginPolicy::default(),
            client_address: ClientAddress::default(),
            reporter: Reporter::new(),
        }))
    }
}

/// The response to a request that is not upgraded.
fn respond(refused: UpgradeRefused) -> HttpResponse {
    let mut response = text(refused.status());
    if refused == UpgradeRefused::NotWebSocket {
        response.upgrade("websocket");
    }
    response.body(refused.to_string())
}

fn text(status: u16) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(StatusCode::from_u16(status).expect("a status of HTTP"));
    response.content_type("text/plain; charset=utf-8");
    response
}

/// Responds with 400 also to another version of the protocol.
fn refuse_handshake(error: HandshakeError) -> Error {
    if error != HandshakeError::UnsupportedVersion {
        return error.into();
    }
    // RFC 6455, section 4.4: the response names the supported version.
    let response = HttpResponse::BadRequest()
        .insert_header((header::SEC_WEBSOCKET_VERSION, "13"))
        .content_type("text/plain; charset=utf-8")
        .body(error.to_string());
    InternalError::from_response(error, response).into()
}

impl fmt::Debug for SignalUpgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignalUpgrade")
            .field("origins", &self.origins)
            .field("client_address", &self.client_address)
            .finish_non_exhaustive()
    }
}
