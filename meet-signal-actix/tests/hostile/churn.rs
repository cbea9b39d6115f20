//! Endless joins, leaves and updates.

use meet_signal_actix::Limits;
use serde_json::{Value, json};

use crate::{
    on_both,
    pair::Pair,
    peer::{ATTACKER, Peer},
    scale,
    server::Setup,
};

#[tokio::test]
async fn a_reload_gets_into_a_full_hub_and_a_stranger_does_not() {
    let limits = Limits::builder().sessions(4).build().unwrap();
    on_both(async |adapter| {
        let setup = Setup::new(limits.clone());
        let server = setup.serve(adapter);
        let pair = Pair::join(adapter, server).await;
        let _other = Peer::join(server, ATTACKER, "full").await;
        let (mut page, mut welcome) = Peer::join(server, 4, "full").await;
        for _ in 0..10 {
            let mut stranger = Peer::connect(server, ATTACKER, "elsewhere").await;
            let bogus = json!({"replaces": "no ticket"});
            let (error, end) = stranger.join_with(bogus).await.unwrap_err();
            assert_eq!((&error["code"], end), (&Value::from("unavailable"), Some(4003)));

            let mut reloaded = Peer::connect(server, 4, "full").await;
            let join = json!({"replaces": welcome["ticket"]});
            welcome = reloaded.join_with(join).await.expect("it joins");
            assert_eq!(page.expect_end().await.1, Some(4508));
            page = reloaded;
        }
        assert_eq!(setup.hub.sessions(), 4);
        pair.held().await;
    })
    .await;
}

#[tokio::test]
async fn joins_and_leaves_of_one_address_leave_a_slow_reader_its_connection() {
    let meta = "m".repeat(4_000);
    on_both(async |adapter| {
        let server = Setup::new(Limits::default()).small_buffers().serve(adapter);
        let pair = Pair::join(adapter, server).await;
        let mut slow = Peer::connect_small(server, 4, ROOM).await;
        slow.join_with(json!({})).await.expect("it joins");
        let mut refused = 0;
        for _ in 0..130 * scale() {
            let mut peer = Peer::connect(server, ATTACKER, ROOM).await;
            match peer.join_with(json!({"meta": meta})).await {
                Ok(_) => peer.send(&json!({"type": "leave"})).await,
                Err((error, end)) => {
                    assert_eq!((&error["code"], end), (&Value::from("rate-limited"), Some(4003)));
                    assert!(error["retryAfterMs"].as_u64() > Some(0), "{error}");
                    refused += 1;
                }
            }
        }
        assert!(refused >= 100, "{refused}");
        // Others can join, and the member that has not read gets all messages.
        Peer::join(server, 5, ROOM).await;
        assert_eq!(slow.settle().await, Vec::<Value>::new());
        pair.held().await;
    })
    .await;
}

#[tokio::test]
async fn reloads_without_end_leave_a_slow_reader_its_connection() {
    let meta = "m".repeat(4_000);
    on_both(async |adapter| {
        let server = Setup::new(Limits::default()).small_buffers().serve(adapter);
        let pair = Pair::join(adapter, server).await;
        let mut slow = Peer::connect_small(server, 4, ROOM).await;
        slow.join_with(json!({})).await.expect("it joins");
        let (mut page, mut welcome) = Peer::join(server, ATTACKER, ROOM).await;
        let mut refused = 0;
        for _ in 0..130 * scale() {
            let mut reloaded = Peer::connect(server, ATTACKER, ROOM).await;
            let join = json!({"replaces": welcome["ticket"], "meta": meta});
            match reloaded.join_with(join).await {
                Ok(newer) => (page, welcome) = (reloaded, newer),
                Err((error, end)) => {
                    assert_eq!((&error["code"], end), (&Value::from("rate-limited"), Some(4003)));
                    refused += 1;
                }
            }
        }
        assert!(refused >= 100, "{refused}");
        // A refused reload does not end the previous session.
        assert_eq!(page.settle().await, Vec::<Value>::new());
        assert_eq!(slow.settle().await, Vec::<Value>::new());
        pair.held().await;
    })
    .await;
}

#[tokio::test]
async fn updates_of_all_sessions_of_one_address_leave_a_slow_reader_its_connection() {
    on_both(async |adapter| {
        let server = Setup::new(Limits::default()).small_buffers().serve(adapter);
        let pair = Pair::join(adapter, server).await;
        let mut slow = Peer::connect_small(server, 4, ROOM).await;
        slow.join_with(json!({})).await.expect("it joins");
        let mut refused = 0;
        for _ in 0..6 {
            let (mut attacker, _) = Peer::join(server, ATTACKER, ROOM).await;
            for n in 0..60 {
                attacker.send(&json!({"type": "update", "meta": "m".repeat(4_000 + n)})).await;
            }
            let errors = attacker.settle().await;
            refused += errors.iter().filter(|error| error["code"] == "rate-limited").count();
        }
        assert!(refused > 0, "the attacker gets an error");
        assert_eq!(slow.settle().await, Vec::<Value>::new());
        pair.held().await;
    })
    .await;
}

const ROOM: &str = "attacked";
