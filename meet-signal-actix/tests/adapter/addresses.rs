//! Which address counts for the limits per address: here, one connection for each.

use std::net::SocketAddr;

use actix_web::web;
use meet_signal_actix::{ClientAddress, Grant, Hub, Limits, SignalService, SignalUpgrade};
use serde_json::json;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    client_async,
    tungstenite::{
        client::IntoClientRequest,
        http::{HeaderName, HeaderValue},
    },
};

use crate::{
    peer::Peer,
    server::{Server, serve, serve_hub},
};

type Headers<'a> = &'a [(&'static str, &'static str)];

#[tokio::test]
async fn headers_are_ignored_by_default() {
    let server = serve_hub(&hub());
    let _ada = join_succeeds(server.address, &[]).await;
    for header in [
        ("X-Forwarded-For", "198.51.100.1"),
        ("Forwarded", "for=198.51.100.1"),
        ("X-Real-IP", "198.51.100.1"),
    ] {
        join_is_refused(server.address, &[header]).await;
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
        for server in [scoped(policy.clone()), handled(policy)] {
            let server = server.address;
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
    let server = scoped(ClientAddress::forwarded_for(1));
    let _ada = join_succeeds(server.address, &[("X-Forwarded-For", "198.51.100.1")]).await;
    join_is_refused(server.address, &[("X-Forwarded-For", "203.0.113.9, 198.51.100.1")]).await;
    let lines = [("X-Forwarded-For", "203.0.113.9"), ("X-Forwarded-For", "198.51.100.1")];
    join_is_refused(server.address, &lines).await;
}

#[tokio::test]
async fn without_an_address_there_are_no_limits_per_address() {
    let server = scoped(ClientAddress::unknown());
    let _ada = join_succeeds(server.address, &[]).await;
    let _bob = join_succeeds(server.address, &[]).await;
}

fn hub() -> Hub {
    Hub::new(Limits::builder().address_connections(1).build().expect("limits"))
}

fn scoped(policy: ClientAddress) -> Server {
    let hub = hub();
    serve(move |app| {
        app.service(SignalService::new(hub.clone()).client_address(policy.clone()));
    })
}

fn handled(policy: ClientAddress) -> Server {
    let hub = hub();
    serve(move |app| {
        let (hub, policy) = (hub.clone(), policy.clone());
        let signal = move |upgrade: SignalUpgrade| {
            let upgrade = upgrade.client_address(policy.clone());
            let upgrade = upgrade.join(&hub, "standup", Grant::new());
            async move { upgrade }
        };
        app.route("/signal/{room}", web::get().to(signal));
    })
}

/// Connects and joins.
async fn join_succeeds(server: SocketAddr, headers: Headers<'_>) -> Peer {
    let mut peer = connect(server, headers).await;
    peer.send(&json!({"type": "join"})).await;
    let message = peer.next().await.expect("a message");
    assert_eq!(message["type"], "welcome", "{headers:?}");
    peer
}

/// Connects, and gets the error for too many connections.
async fn join_is_refused(server: SocketAddr, headers: Headers<'_>) {
    let error = connect(server, headers).await.next().await.expect("a message");
    assert_eq!(error["code"], "rate-limited", "{headers:?}");
}

async fn connect(server: SocketAddr, headers: Headers<'_>) -> Peer {
    let mut request = format!("ws://{server}/signal/standup").into_client_request().expect("a URL");
    for (name, value) in headers {
        let name: HeaderName = name.parse().expect("a name");
        request.headers_mut().append(name, HeaderValue::from_static(value));
    }
    let tcp = TcpStream::connect(server).await.expect("a server listens");
    Peer(client_async(request, tcp).await.expect("an upgrade").0)
}
