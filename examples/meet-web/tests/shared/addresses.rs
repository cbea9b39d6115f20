//! Which address counts behind a proxy, by the limit for joins: in a room of 120 a minute, one address
//! has half of them.

use super::{client::Peer, server::Server};

#[tokio::test]
async fn the_address_that_a_trusted_proxy_appended_counts() {
    let server = Server::start(false, &["--trusted-proxies", "1"]);
    use_up_joins(&server, "203.0.113.9, 198.51.100.1").await;
    is_refused(&server, "198.51.100.2, 198.51.100.1").await;
    join(&server, "198.51.100.2").await;
}

#[tokio::test]
async fn without_trusted_proxies_the_address_of_the_connection_counts() {
    let server = Server::start(false, &[]);
    use_up_joins(&server, "198.51.100.1").await;
    is_refused(&server, "198.51.100.2").await;
}

async fn use_up_joins(server: &Server, addresses: &'static str) {
    for _ in 0..60 {
        join(server, addresses).await.leave().await;
    }
}

async fn join(server: &Server, addresses: &'static str) -> Peer {
    let mut peer = Peer::forwarded(server, ROOM, addresses).await;
    peer.join_and_expect("welcome").await;
    peer
}

async fn is_refused(server: &Server, addresses: &'static str) {
    let mut peer = Peer::forwarded(server, ROOM, addresses).await;
    assert_eq!(peer.join_and_expect("error").await["code"], "rate-limited");
}

const ROOM: &str = "standup";
