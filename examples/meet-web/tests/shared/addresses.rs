//! Which address counts behind a proxy, tested with the limit of joins: a room allows 120 a minute, and
//! one address half of them.

use serde_json::json;

use super::{client::Peer, server::Server};

#[tokio::test]
async fn the_address_that_a_trusted_proxy_appended_counts() {
    let server = Server::start(false, &["--trusted-proxies", "1"]);
    let _stays = keep_room(&server).await;
    assert!(uses_up_joins(&server, "203.0.113.9, 198.51.100.1", MANY).await);
    assert!(uses_up_joins(&server, "198.51.100.2, 198.51.100.1", FEW).await);
    assert!(!uses_up_joins(&server, "198.51.100.2", 1).await);
}

#[tokio::test]
async fn without_trusted_proxies_the_address_of_the_connection_counts() {
    let server = Server::start(false, &[]);
    let _stays = keep_room(&server).await;
    assert!(uses_up_joins(&server, "198.51.100.1", MANY).await);
    assert!(uses_up_joins(&server, "198.51.100.2", FEW).await);
}

/// Keeps the room: an empty room is removed, with its count of joins.
async fn keep_room(server: &Server) -> Peer {
    let mut peer = Peer::forwarded(server, ROOM, "198.51.100.9").await;
    peer.send(&json!({"type": "join"})).await;
    peer.expect("welcome").await;
    peer
}

/// Whether one of so many joins is refused. Stops at the first refused one.
async fn uses_up_joins(server: &Server, addresses: &'static str, tries: usize) -> bool {
    for _ in 0..tries {
        let mut peer = Peer::forwarded(server, ROOM, addresses).await;
        peer.send(&json!({"type": "join"})).await;
        let reply = peer.next().await;
        if reply["type"] == "error" {
            assert_eq!(reply["code"], "rate-limited");
            return true;
        }
        peer.leave().await;
    }
    false
}

const ROOM: &str = "standup";

/// One is added each second.
const MANY: usize = 110;
/// A new address may join 60 times.
const FEW: usize = 30;
