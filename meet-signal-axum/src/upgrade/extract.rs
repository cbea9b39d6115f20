//! The extractor: what an upgrade needs of the request.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::{
        ConnectInfo, FromRequestParts, WebSocketUpgrade,
        ws::rejection::{ConnectionNotUpgradable, WebSocketUpgradeRejection},
    },
    http::{HeaderValue, Method, Version, header, request::Parts, uri::Scheme},
};
use hyper::upgrade::OnUpgrade;
use meet_signal_core::{ClientAddress, OriginPolicy, driver::Reporter, handshake::Handshake};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::SignalUpgrade;

impl<S: Send + Sync> FromRequestParts<S> for SignalUpgrade {
    type Rejection = WebSocketUpgradeRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let authority = parts.uri.authority().map(|authority| authority.as_str());
        let headers = parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        // Only HTTP/2 requests have the scheme.
        let encrypted = parts.uri.scheme() == Some(&Scheme::HTTPS);
        let is_upgrade = !is_ordinary_get(parts);
        let handshake = Handshake::new(authority, headers).hello();
        let handshake = handshake.encrypted(encrypted).upgrade(is_upgrade);
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
            reporter: Reporter::new(),
        })
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
