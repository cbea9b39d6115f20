//! Sessions that the hub ends while a write to the client stalls.

use std::time::Duration;

use meet_signal_actix::{Limits, RoomId};
use serde_json::{Value, json};

use crate::{
    on_both,
    pair::Pair,
    peer::{Peer, broadcast},
    server::{Adapter, Setup},
};

fn limits() -> Limits {
    Limits::builder().write_timeout(Duration::from_secs(5)).build().expect("in range")
}

/// A member that does not read, so that a write to it stalls; and its welcome.
async fn stuck(server: std::net::SocketAddr) -> (Peer, Value, Peer) {
    let mut stuck = Peer::connect_small(server, 4, ROOM).await;
    let welcome = stuck.join_with(json!({})).await.expect("it joins");
    let (mut talker, _) = Peer::join(server, 5, ROOM).await;
    // Until its outbox is full.
    loop {
        talker.send(&broadcast("x".repeat(48 * 1024))).await;
        let errors = talker.settle().await;
        if errors.iter().any(|error| error["code"] == "peer-unreachable") {
            return (stuck, welcome, talker);
        }
    }
}

async fn served(adapter: Adapter) -> (Setup, std::net::SocketAddr) {
    let setup = Setup::new(limits()).small_buffers();
    let server = setup.serve(adapter);
    (setup, server)
}

#[tokio::test]
async fn a_stalled_client_gets_the_code_of_its_closed_room() {
    on_both(async |adapter| {
        let (setup, server) = served(adapter).await;
        let pair = Pair::join(adapter, server).await;
        let (mut stuck, _, _talker) = stuck(server).await;
        assert!(setup.hub.close_room(&ROOM.parse::<RoomId>().unwrap()));
        assert_eq!(stuck.expect_end().await.1, Some(4507));
        pair.held().await;
    })
    .await;
}

#[tokio::test]
async fn a_stalled_client_gets_the_code_of_its_draining_server() {
    on_both(async |adapter| {
        let (setup, server) = served(adapter).await;
        let (mut stuck, _, _talker) = stuck(server).await;
        let drained = tokio::spawn(async move { setup.hub.drain().await });
        assert_eq!(stuck.expect_end().await.1, Some(4000));
        drop((stuck, _talker));
        drained.await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_stalled_client_gets_the_code_of_its_replacement() {
    on_both(async |adapter| {
        let (_setup, server) = served(adapter).await;
        let pair = Pair::join(adapter, server).await;
        let (mut stuck, welcome, _talker) = stuck(server).await;
        let mut newer = Peer::connect(server, 4, ROOM).await;
        let joined = newer.join_with(json!({"replaces": welcome["ticket"]})).await;
        assert_eq!(joined.expect("it joins")["resumed"], "no");
        assert_eq!(stuck.expect_end().await.1, Some(4508));
        assert_eq!(newer.settle().await, Vec::<Value>::new());
        pair.held().await;
    })
    .await;
}

#[tokio::test]
async fn a_stalled_client_gets_the_code_of_a_takeover() {
    on_both(async |adapter| {
        let (_setup, server) = served(adapter).await;
        let pair = Pair::join(adapter, server).await;
        let (mut stuck, welcome, _talker) = stuck(server).await;
        let (mut newer, back) = Peer::resume(server, 4, ROOM, &welcome["ticket"], 0).await;
        back.expect("it joins");
        assert_eq!(stuck.expect_end().await.1, Some(4508));
        assert_eq!(newer.settle().await, Vec::<Value>::new());
        pair.held().await;
    })
    .await;
}

const ROOM: &str = "attacked";
