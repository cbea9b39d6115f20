//! Which address counts behind a proxy, by the limit for joins: in a room that takes 120 a minute, one
//! address has half of them.

use serde_json::json;

use super::{client::Peer, server::Server};

#[tokio::test]
async fn the_address_that_a_trusted_proxy_appended_counts() {
    let server = Server::start(false, &["--trusted-proxies", "1"]);
    let _stays = stays(&server).await;
    assert!(uses_up_joins(&server, "203.0.113.9, 198.51.100.1", MANY).await);
    assert!(uses_up_joins(&server, "198.51.100.2, 198.51.100.1", FEW).await);
    assert!(!uses_up_joins(&server, "198.51.100.2", 1).await);
}

#[tokio::test]
async fn without_trusted_proxies_the_address_of_the_connection_counts() {
    let server = Server::start(false, &[]);
    let _stays = stays(&server).await;
    assert!(uses_up_joins(&server, "198.51.100.1", MANY).await);
    assert!(uses_up_joins(&server, "198.51.100.2", FEW).await);
}

/// A room that is empty is forgotten, and with it who has joined.
async fn stays(server: &Server) -> Peer {
    let mut peer = Peer::forwarded(server, ROOM, "198.51.100.9").await;
    peer.send(&json!({"type": "join"})).await;
    peer.expect("welcome").await;
    peer
}

/// Whether one of so many joins is refused. After it no more are tried.
async fn uses_up_joins(server: &Server, addresses: &'static str, tries: usize) -> bool {
    for _ in 0..tries {
        let mut peer = Peer::forwarded(server, ROOM, addresses).await;
        peer.send(&json!({"type": "join"})).await;
        let answer = peer.next().await;
        if answer["type"] == "error" {
            assert_eq!(answer["code"], "rate-limited");
            return true;
        }
        peer.leave().await;
    }
    false
}

const ROOM: &str = "standup";

/// One comes back each second.
const MANY: usize = 110;
/// An address that has not joined before has 60.
const FEW: usize = 30;
