//! Joins for which the application decides slowly, or not at all.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use meet_signal_actix::{AuthRequest, Grant, Limits};
use serde_json::{Value, json};
use tokio::sync::{Notify, watch};

use crate::{
    on_both,
    pair::Pair,
    peer::{ATTACKER, CONTINUE, Peer, TEXT, frame},
    scale,
    server::{Decision, Setup},
};

/// A pending decision.
struct Undecided(watch::Sender<usize>);

impl Drop for Undecided {
    fn drop(&mut self) {
        self.0.send_modify(|undecided| *undecided -= 1);
    }
}

/// Admits the pair at once, and others when `go` is notified; counts the pending decisions.
fn deciding(
    go: &Arc<Notify>,
) -> (impl Fn(AuthRequest) -> Decision + use<>, watch::Receiver<usize>) {
    let (undecided, count) = watch::channel(0);
    let go = Arc::clone(go);
    let decide = move |request: AuthRequest| -> Decision {
        if request.room.to_string() == "pair" {
            return Box::pin(async { Ok(Grant::new()) });
        }
        undecided.send_modify(|undecided| *undecided += 1);
        let (guard, go) = (Undecided(undecided.clone()), Arc::clone(&go));
        Box::pin(async move {
            let _guard = guard;
            go.notified().await;
            Ok(Grant::new())
        })
    };
    (decide, count)
}

#[tokio::test]
async fn decisions_about_clients_that_have_left_are_dropped() {
    on_both(async |adapter| {
        let (decide, mut undecided) = deciding(&Arc::default());
        let setup = Setup::new(Limits::default()).decide(decide);
        let server = setup.serve(adapter);
        let pair = Pair::join(adapter, server).await;
        let clients = 100 * scale();
        let mut peers = join_all((0..clients).map(async |n| {
            let mut peer = Peer::connect(server, ATTACKER, &format!("login-{}", n % 10)).await;
            peer.send(&json!({"type": "join"})).await;
            peer
        }))
        .await;
        undecided.wait_for(|undecided| *undecided == clients).await.unwrap();
        for (n, mut peer) in peers.drain(..).enumerate() {
            match n % 3 {
                0 => peer.drop_hard(),
                1 => drop(peer),
                _ => peer.send(&json!({"type": "leave"})).await,
            }
        }
        undecided.wait_for(|undecided| *undecided == 0).await.unwrap();
        assert_eq!(setup.hub.sessions(), 2, "only the pair has joined");
        pair.held().await;
    })
    .await;
}

#[tokio::test]
async fn a_decision_that_takes_too_long_is_unavailable() {
    let limits = Limits::builder().authorize_timeout(Duration::from_millis(300)).build().unwrap();
    on_both(async |adapter| {
        let (decide, mut undecided) = deciding(&Arc::default());
        let setup = Setup::new(limits.clone()).decide(decide);
        let server = setup.serve(adapter);
        let pair = Pair::join(adapter, server).await;
        let refused = join_all((0..30).map(async |n| {
            let mut peer = Peer::connect(server, ATTACKER, "login").await;
            if n % 2 == 0 {
                // An unfinished message does not extend the timeout.
                peer.send(&json!({"type": "join"})).await;
                peer.send_raw(&frame(TEXT, b"{")).await.unwrap();
                let (errors, end) = peer.expect_end().await;
                return (errors.last().cloned().unwrap_or_default(), end);
            }
            peer.join_with(json!({})).await.unwrap_err()
        }))
        .await;
        for (error, end) in refused {
            assert_eq!((&error["code"], end), (&Value::from("unavailable"), Some(4003)));
        }
        undecided.wait_for(|undecided| *undecided == 0).await.unwrap();
        assert_eq!(setup.hub.sessions(), 2);
        pair.held().await;
    })
    .await;
}

#[tokio::test]
async fn a_client_that_waits_for_a_decision_gets_pings() {
    on_both(async |adapter| {
        let go = Arc::new(Notify::new());
        let (decide, _undecided) = deciding(&go);
        let server = Setup::new(Limits::default()).decide(decide).serve(adapter);
        let pair = Pair::join(adapter, server).await;
        let mut peer = Peer::connect(server, ATTACKER, "login").await;
        peer.send(&json!({"type": "join"})).await;
        assert_eq!(peer.next().await.unwrap(), json!({"type": "ping", "received": 0}));
        go.notify_one();
        assert_eq!(peer.next().await.unwrap()["type"], "welcome");
        assert_eq!(peer.settle().await, Vec::<Value>::new());
        pair.held().await;
    })
    .await;
}

#[tokio::test]
async fn a_flood_of_fragments_ends_a_decision() {
    on_both(async |adapter| {
        let (decide, mut undecided) = deciding(&Arc::default());
        let setup = Setup::new(Limits::default()).decide(decide);
        let server = setup.serve(adapter);
        let pair = Pair::join(adapter, server).await;
        let mut peer = Peer::connect(server, ATTACKER, "login").await;
        peer.send(&json!({"type": "join"})).await;
        undecided.wait_for(|undecided| *undecided == 1).await.unwrap();
        peer.send_raw(&frame(TEXT, b"")).await.unwrap();
        peer.send_raw(&frame(CONTINUE, b"").repeat(2_000)).await.unwrap();
        assert_eq!(peer.expect_end().await.1, Some(4004));
        undecided.wait_for(|undecided| *undecided == 0).await.unwrap();
        assert_eq!(setup.hub.sessions(), 2);
        pair.held().await;
    })
    .await;
}
