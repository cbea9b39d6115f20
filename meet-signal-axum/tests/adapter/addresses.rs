//! Which address counts for the limits per address: one connection for each, here.

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

use crate::support::{Client, serve, serve_with_addresses, told};

type Headers<'a> = &'a [(&'static str, &'static str)];

#[tokio::test]
async fn a_header_is_not_believed_by_default() {
    let server = serve_with_addresses(SignalRouter::new(hub()).into_router()).await;
    let _ada = let_in(server, &[]).await;
    for header in [
        ("X-Forwarded-For", "198.51.100.1"),
        ("Forwarded", "for=198.51.100.1"),
        ("X-Real-IP", "198.51.100.1"),
    ] {
        is_refused(server, &[header]).await;
    }
}

#[tokio::test]
async fn each_address_that_the_proxy_passes_on_has_its_own_limits() {
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
            let _ada = let_in(server, &[(name, one)]).await;
            is_refused(server, &[(name, one)]).await;
            let _bob = let_in(server, &[(name, other)]).await;
            // Without the header it is that of the connection, for all of them.
            let _cy = let_in(server, &[]).await;
            is_refused(server, &[(name, "unknown")]).await;
        }
    }
}

#[tokio::test]
async fn what_a_client_says_of_itself_through_a_proxy_is_not_believed() {
    let policy = ClientAddress::forwarded_for(1);
    let router = SignalRouter::new(hub()).client_address(policy).into_router();
    let server = serve_with_addresses(router).await;
    let _ada = let_in(server, &[("X-Forwarded-For", "198.51.100.1")]).await;
    is_refused(server, &[("X-Forwarded-For", "203.0.113.9, 198.51.100.1")]).await;
    let lines = [("X-Forwarded-For", "203.0.113.9"), ("X-Forwarded-For", "198.51.100.1")];
    is_refused(server, &lines).await;
}

#[tokio::test]
async fn without_an_address_there_are_no_limits_per_address() {
    let unknown = SignalRouter::new(hub()).client_address(ClientAddress::unknown());
    let servers = [
        serve(SignalRouter::new(hub()).into_router()).await,
        serve_with_addresses(unknown.into_router()).await,
    ];
    for server in servers {
        let _ada = let_in(server, &[]).await;
        let _bob = let_in(server, &[]).await;
    }
}

fn hub() -> Hub {
    Hub::new(Limits::builder().address_connections(1).build().expect("limits"))
}

/// Connects, and is let in.
async fn let_in(server: SocketAddr, headers: Headers<'_>) -> Client {
    let mut client = connect(server, headers).await;
    client.send(Message::text(r#"{"type":"join"}"#)).await.expect("the connection is open");
    assert_eq!(told(&mut client).await["type"], "welcome", "{headers:?}");
    client
}

/// Connects, and is told that there are too many connections.
async fn is_refused(server: SocketAddr, headers: Headers<'_>) {
    let error = told(&mut connect(server, headers).await).await;
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
