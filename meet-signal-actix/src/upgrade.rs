//! From an HTTP request to a session.

use std::{
    fmt,
    future::{Ready, ready},
    net::IpAddr,
};

use actix_http::ws::{self, HandshakeError};
use actix_web::{
    Error, FromRequest, HttpRequest, HttpResponse,
    dev::Payload,
    error::InternalError,
    http::{StatusCode, header},
    rt, web,
};
use meet_signal_core::{
    ClientAddress, Hub, LocalAuthorize, OriginPolicy, RoomId, driver,
    handshake::{Handshake, SUBPROTOCOL, UpgradeRefused},
};

use crate::{connection::ResetHandle, outgoing::outgoing, socket::ActixSocket};

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
#[must_use = "`join` makes the response"]
pub struct SignalUpgrade {
    request: HttpRequest,
    payload: Payload,
    reset_handle: Option<ResetHandle>,
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
    /// application's that gets the token of the client's first message; see
    /// [`Authorize`](crate::Authorize). A refused request gets the status and the text of
    /// [`UpgradeRefused`].
    pub fn join<A, M>(self, hub: &Hub, room: &str, authorize: A) -> HttpResponse
    where
        A: LocalAuthorize<M> + 'static,
        M: 'static,
    {
        self.try_join(hub, room, authorize).unwrap_or_else(refuse)
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
        let (outgoing, body) = outgoing();
        let address = self.peer_address();
        let frame_bytes = hub.limits().frame_bytes();
        let socket =
            ActixSocket::new(self.payload, outgoing, self.reset_handle, frame_bytes, address);
        rt::spawn(driver::serve_local(hub.clone(), accepted.room, authorize, socket));

        // The session and the stream of actix-ws are dropped: their queues are unbounded.
        let (response, _, _) = actix_ws::handle_with_protocols(
            &self.request,
            no_payload(&self.request),
            &[SUBPROTOCOL],
        )
        .expect("the extractor has verified the handshake");
        Ok(response.set_body(body).map_into_boxed_body())
    }

    fn handshake(&self) -> Handshake {
        // Not `connection_info`, which trusts the forwarding headers of any client.
        let authority = self.request.uri().authority().map(|authority| authority.as_str());
        let handshake = Handshake::new(authority, headers(&self.request));
        handshake.encrypted(self.request.app_config().secure())
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
        match RoomId::from_segment(path.rsplit('/').next().unwrap_or_default()) {
            Ok(room) => self.join(hub, room.as_str(), authorize),
            Err(invalid) => refuse(invalid.into()),
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
        ready(ws::verify_handshake(request.head()).map_err(refuse_handshake).map(|()| Self {
            request: request.clone(),
            payload: payload.take(),
            reset_handle: ResetHandle::of(request),
            origins: OriginPolicy::default(),
            client_address: ClientAddress::default(),
        }))
    }
}

fn refuse(refused: UpgradeRefused) -> HttpResponse {
    let status = StatusCode::from_u16(refused.status()).expect("a status of HTTP");
    HttpResponse::build(status).content_type("text/plain; charset=utf-8").body(refused.to_string())
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
