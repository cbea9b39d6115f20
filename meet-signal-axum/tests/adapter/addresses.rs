//! Which address counts for the limits per address: here, one connection for each.

use std::net::SocketAddr;

use axum::{
    Router,
    extract::{Path, State},
    response::Response,
    routing,
};
use futures_util::SinkExt;
use meet_signal_axum::{ClientAddress, Grant, Hub, Limits, SignalRouter, SignalUpgrade};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    client_async,
    tungstenite::{
        Message,
        client::IntoClientRequest,
        http::{HeaderName, HeaderValue},
    },
};

use crate::support::{Client, next_message, serve, serve_with_addresses};

type Headers<'a> = &'a [(&'static str, &'static str)];

#[tokio::test]
async fn headers_are_ignored_by_default() {
    let server = serve_with_addresses(SignalRouter::new(hub()).into_router()).await;
    let _ada = join_succeeds(server, &[]).await;
    for header in [
        ("X-Forwarded-For", "198.51.100.1"),
        ("Forwarded", "for=198.51.100.1"),
        ("X-Real-IP", "198.51.100.1"),
    ] {
        join_is_refused(server, &[header]).await;
    }
}

#[tokio::test]
async fn each_forwarded_address_has_its_own_limits() {
    let policies = [
        (ClientAddress::forwarded_for(1), "X-Forwarded-For", ["198.51.100.1", "198.51.100.2"]),
        (ClientAddress::forwarded(1), "Forwarded", ["for=198.51.100.1", "for=198.51.100.2"]),
        (ClientAddress::header("X-Real-IP").unwrap(), "x-real-ip", ["2001:db8::1", "192.0.2.1"]),
    ];
    for (policy, name, [one, other]) in policies {
        let routed = SignalRouter::new(hub()).client_address(policy.clone()).into_router();
        let signal =
            async |State(hub): State<Hub>, _: Path<String>, upgrade: SignalUpgrade| -> Response {
                upgrade.client_address(policy).join(&hub, "standup", Grant::new())
            };
        let handled = Router::new().route("/signal/{room}", routing::any(signal)).with_state(hub());
        for router in [routed, handled] {
            let server = serve_with_addresses(router).await;
            let _ada = join_succeeds(server, &[(name, one)]).await;
            join_is_refused(server, &[(name, one)]).await;
            let _bob = join_succeeds(server, &[(name, other)]).await;
            // Without the header, all have the address of the connection.
            let _cy = join_succeeds(server, &[]).await;
            join_is_refused(server, &[(name, "unknown")]).await;
        }
    }
}

#[tokio::test]
async fn addresses_that_a_client_claims_through_a_proxy_are_ignored() {
    let policy = ClientAddress::forwarded_for(1);
    let router = SignalRouter::new(hub()).client_address(policy).into_router();
    let server = serve_with_addresses(router).await;
    let _ada = join_succeeds(server, &[("X-Forwarded-For", "198.51.100.1")]).await;
    join_is_refused(server, &[("X-Forwarded-For", "203.0.113.9, 198.51.100.1")]).await;
    let lines = [("X-Forwarded-For", "203.0.113.9"), ("X-Forwarded-For", "198.51.100.1")];
    join_is_refused(server, &lines).await;
}

#[tokio::test]
async fn without_an_address_there_are_no_limits_per_address() {
    let unknown = SignalRouter::new(hub()).client_address(ClientAddress::unknown());
    let servers = [
        serve(SignalRouter::new(hub()).into_router()).await,
        serve_with_addresses(unknown.into_router()).await,
    ];
    for server in servers {
        let _ada = join_succeeds(server, &[]).await;
        let _bob = join_succeeds(server, &[]).await;
    }
}

fn hub() -> Hub {
    Hub::new(Limits::builder().address_connections(1).build().expect("limits"))
}

/// Connects and joins.
async fn join_succeeds(server: SocketAddr, headers: Headers<'_>) -> Client {
    let mut client = connect(server, headers).await;
    client.send(Message::text(r#"{"type":"join"}"#)).await.expect("the connection is open");
    assert_eq!(next_message(&mut client).await["type"], "welcome", "{headers:?}");
    client
}

/// Connects, and gets the error for too many connections.
async fn join_is_refused(server: SocketAddr, headers: Headers<'_>) {
    let error = next_message(&mut connect(server, headers).await).await;
    assert_eq!(error["code"], "rate-limited", "{headers:?}");
}

async fn connect(server: SocketAddr, headers: Headers<'_>) -> Client {
    let mut request = format!("ws://{server}/signal/standup").into_client_request().expect("a URL");
    for (name, value) in headers {
        let name: HeaderName = name.parse().expect("a name");
        request.headers_mut().append(name, HeaderValue::from_static(value));
    }
    let stream = TcpStream::connect(server).await.expect("the server listens");
    client_async(request, stream).await.expect("the request is upgraded").0
}
