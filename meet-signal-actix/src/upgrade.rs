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
    ClientAddress, Hub, LocalAuthorize, OriginPolicy, driver,
    handshake::{Handshake, SUBPROTOCOL, UpgradeRefused},
};

use crate::{connection::Lifeline, outgoing::outgoing, socket::ActixSocket};

/// An extractor for the application's own handler: a request that wants to become a session.
///
/// ```
/// use actix_web::{HttpResponse, web};
/// use meet_signal_actix::{Grant, Hub, SignalUpgrade};
///
/// async fn signal(
///     hub: web::Data<Hub>,
///     room: web::Path<String>,
///     // … and the application's own extractors: whoever is logged in, say.
///     upgrade: SignalUpgrade,
/// ) -> HttpResponse {
///     upgrade.join(&hub, &room, Grant::new())
/// }
/// # actix_web::App::new().route("/rooms/{room}/signal", web::get().to(signal));
/// ```
#[must_use = "a response is made by `join`"]
pub struct SignalUpgrade {
    request: HttpRequest,
    payload: Payload,
    lifeline: Option<Lifeline>,
    origins: OriginPolicy,
    client_address: ClientAddress,
}

impl SignalUpgrade {
    /// Which pages may connect. By default those of the same host.
    pub fn origins(mut self, policy: OriginPolicy) -> Self {
        self.origins = policy;
        self
    }

    /// Which address of the client counts for the limits per address. By default that of the
    /// connection; behind a proxy, the one that the proxy passes on.
    pub fn client_address(mut self, policy: ClientAddress) -> Self {
        self.client_address = policy;
        self
    }

    /// Upgrades the connection, and serves it until its session has ended.
    ///
    /// `authorize` is a ready [`Grant`](meet_signal_core::Grant), or a closure or a type of the
    /// application's that gets the token of the client's first message; see
    /// [`Authorize`](crate::Authorize). A request that is refused is answered with
    /// [`UpgradeRefused`].
    pub fn join<A, M>(self, hub: &Hub, room: &str, authorize: A) -> HttpResponse
    where
        A: LocalAuthorize<M> + 'static,
        M: 'static,
    {
        self.try_join(hub, room, authorize).unwrap_or_else(|refused| {
            let status = StatusCode::from_u16(refused.status()).expect("a status of HTTP");
            HttpResponse::build(status)
                .content_type("text/plain; charset=utf-8")
                .body(refused.to_string())
        })
    }

    /// Like [`join`](Self::join), for an application with error pages of its own.
    ///
    /// # Errors
    ///
    /// The request is not to be upgraded.
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
        let socket = ActixSocket::new(self.payload, outgoing, self.lifeline, frame_bytes, address);
        rt::spawn(driver::serve_local(hub.clone(), accepted.room, authorize, socket));

        // What actix-ws would send and receive with is dropped: it would be without a bound.
        let (response, _, _) = actix_ws::handle_with_protocols(
            &self.request,
            no_payload(&self.request),
            &[SUBPROTOCOL],
        )
        .expect("the extractor has verified the handshake");
        Ok(response.set_body(body).map_into_boxed_body())
    }

    fn handshake(&self) -> Handshake {
        // Not `connection_info`, which believes what a client says of forwarding.
        let authority = self.request.uri().authority().map(|authority| authority.as_str());
        let handshake = Handshake::new(authority, headers(&self.request));
        handshake.encrypted(self.request.app_config().secure())
    }

    /// The address that counts.
    fn peer_address(&self) -> Option<IpAddr> {
        // Not `connection_info`, which believes what a client says of forwarding.
        let connection = self.request.peer_addr().map(|address| address.ip());
        self.client_address.resolve(connection, headers(&self.request))
    }

    /// A parameter of the matched route.
    pub(crate) fn parameter(&self, name: &str) -> String {
        parameter(&self.request, name).to_owned()
    }
}

/// Those of one name in their order.
fn headers(request: &HttpRequest) -> impl Iterator<Item = (&str, &[u8])> {
    request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()))
}

/// A parameter of the matched route. A scope around it may have one of the same name, and comes
/// before it.
pub(crate) fn parameter<'r>(request: &'r HttpRequest, name: &str) -> &'r str {
    let parameters = request.match_info().iter().filter(|(known, _)| *known == name);
    parameters.last().map_or("", |(_, value)| value)
}

/// The payload is read by the socket.
fn no_payload(request: &HttpRequest) -> web::Payload {
    let taken = web::Payload::from_request(request, &mut Payload::None);
    taken.into_inner().expect("taking a payload never fails")
}

impl FromRequest for SignalUpgrade {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        ready(ws::verify_handshake(request.head()).map_err(refuse).map(|()| Self {
            request: request.clone(),
            payload: payload.take(),
            lifeline: Lifeline::of(request),
            origins: OriginPolicy::default(),
            client_address: ClientAddress::default(),
        }))
    }
}

/// Another version is no handshake of version 13, like everything else that is none.
fn refuse(error: HandshakeError) -> Error {
    if error != HandshakeError::UnsupportedVersion {
        return error.into();
    }
    // RFC 6455, section 4.4: it says which version there is.
    let answer = HttpResponse::BadRequest()
        .insert_header((header::SEC_WEBSOCKET_VERSION, "13"))
        .content_type("text/plain; charset=utf-8")
        .body(error.to_string());
    InternalError::from_response(error, answer).into()
}

impl fmt::Debug for SignalUpgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignalUpgrade")
            .field("origins", &self.origins)
            .field("client_address", &self.client_address)
            .finish_non_exhaustive()
    }
}
