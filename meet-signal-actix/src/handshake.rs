//! What is decided before a connection is upgraded.

use actix_web::{
    HttpRequest, ResponseError,
    http::{
        StatusCode,
        header::{self, HeaderName},
    },
};
use meet_signal_core::{
    InvalidRoomId, OriginPolicy, OriginRefused, RoomId, UnknownSubprotocol, select_subprotocol,
};
use thiserror::Error;

/// Why a request is answered without an upgrade. As a response it is a line of text for whoever
/// reads a browser's console.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum UpgradeRefused {
    /// 400: no room can have this name.
    #[error(transparent)]
    Room(InvalidRoomId),
    /// 400: the client offers only subprotocols that are not known here.
    #[error(transparent)]
    Subprotocol(UnknownSubprotocol),
    /// 403: the page's origin may not connect.
    #[error(transparent)]
    Origin(OriginRefused),
}

impl ResponseError for UpgradeRefused {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Room(_) | Self::Subprotocol(_) => StatusCode::BAD_REQUEST,
            Self::Origin(_) => StatusCode::FORBIDDEN,
        }
    }
}

/// The room, and the subprotocol to answer with.
pub(crate) fn check(
    request: &HttpRequest,
    room: &str,
    origins: &OriginPolicy,
) -> Result<(RoomId, Option<&'static str>), UpgradeRefused> {
    let room = room.parse().map_err(UpgradeRefused::Room)?;
    // An origin that is not text is one that no list has.
    let origin = texts(request, header::ORIGIN).next().map(|origin| origin.unwrap_or("null"));
    // Not `connection_info`, which believes what a client says of forwarding.
    let host = match request.uri().authority() {
        Some(authority) => Some(authority.as_str()),
        None => texts(request, header::HOST).next().flatten(),
    };
    origins.check(origin, host).map_err(UpgradeRefused::Origin)?;
    let offered = texts(request, header::SEC_WEBSOCKET_PROTOCOL).map(Option::unwrap_or_default);
    let subprotocol = select_subprotocol(offered).map_err(UpgradeRefused::Subprotocol)?;
    Ok((room, subprotocol))
}

fn texts(request: &HttpRequest, name: HeaderName) -> impl Iterator<Item = Option<&str>> {
    request.headers().get_all(name).map(|value| value.to_str().ok())
}
