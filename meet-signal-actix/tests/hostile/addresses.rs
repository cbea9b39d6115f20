//! The limits of one address, and that they do not affect other addresses.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use meet_signal_actix::{AuthRequest, Denied, Grant, Limits};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::{
    on_both,
    pair::Pair,
    peer::{ATTACKER, Peer},
    scale,
    server::{Decision, Setup},
};

#[tokio::test]
async fn joining_and_dropping_keeps_no_more_sessions_than_an_address_may() {
    let limits = Limits::builder()
        .address_away(32)
        .address_joins_per_minute(1_000_000)
        .sessions(300)
        .build()
        .unwrap();
    on_both(async |adapter| {
        let setup = Setup::new(limits.clone());
        let server = setup.serve(adapter);
        let pair = Pair::join(adapter, server).await;
        let mut most = 0;
        for round in 0..20 * scale() {
            join_all((0..50).map(async |n| {
                let room = format!("dropped-{round}-{}", n / 10);
                let (mut peer, _) = Peer::join(server, ATTACKER, &room).await;
                if n % 2 == 0 {
                    // A frame makes the session last for the whole grace period.
                    peer.settle().await;
                }
                peer.drop_hard();
            }))
            .await;
            most = most.max(setup.hub.sessions());
            if round % 5 == 0 {
                Peer::join(server, 4, "elsewhere").await.0.settle().await;
            }
        }
        println!("{adapter:?}: {most} sessions at the most");
        // The pair, the away sessions, those of the other addresses, and those whose loss is about to be
        // detected.
        until(|| setup.hub.sessions() <= 2 + 32 + 4 * scale()).await;
        pair.held().await;
    })
    .await;
}

#[tokio::test]
async fn away_members_of_one_address_leave_places_for_others() {
    on_both(async |adapter| {
        let setup = Setup::new(Limits::default());
        let server = setup.serve(adapter);
        let pair = Pair::join(adapter, server).await;
        let ghosts = join_all((0..16).map(async |_| {
            let (mut peer, _) = Peer::join(server, ATTACKER, "haunted").await;
            peer.settle().await;
            peer
        }));
        ghosts.await.into_iter().for_each(Peer::drop_hard);
        // Half of the room's places are kept for them.
        let room = "haunted".parse().unwrap();
        until(|| setup.hub.roster(&room).len() <= 8).await;
        Peer::join(server, 4, "haunted").await;
        pair.held().await;
    })
    .await;
}

#[tokio::test]
async fn away_members_of_several_addresses_that_never_sent_are_soon_removed() {
    let limits = Limits::builder().unheard_grace(Duration::from_secs(1)).build().unwrap();
    on_both(async |adapter| {
        let setup = Setup::new(limits.clone());
        let server = setup.serve(adapter);
        let pair = Pair::join(adapter, server).await;
        let ghosts = join_all((0..16).map(|n| Peer::join(server, [ATTACKER, 9][n % 2], "haunted")));
        ghosts.await.into_iter().for_each(|(ghost, _)| ghost.drop_hard());
        // Long before the grace period of 30 s of members that have sent a frame.
        let in_time = timeout(Duration::from_secs(15), async {
            loop {
                let mut peer = Peer::connect(server, 4, "haunted").await;
                match peer.join_with(json!({})).await {
                    Ok(_) => return,
                    Err((error, _)) => assert_eq!(error["code"], "room-full"),
                }
                sleep(Duration::from_millis(100)).await;
            }
        });
        in_time.await.expect("it gets in");
        pair.held().await;
    })
    .await;
}

#[tokio::test]
async fn connections_of_one_address_are_bounded() {
    let limits = Limits::builder().address_connections(40).build().unwrap();
    on_both(async |adapter| {
        let setup = Setup::new(limits.clone());
        let server = setup.serve(adapter);
        let pair = Pair::join(adapter, server).await;
        // Not all of them send `join`.
        let mut open = Vec::new();
        for n in 0..4 {
            open.push(Peer::join(server, ATTACKER, &format!("open-{n}")).await.0);
        }
        while open.len() < 40 {
            let mut silent = Peer::connect(server, ATTACKER, "silent").await;
            // After the reply, it is counted. Otherwise the order of the joins is undefined.
            silent.send(&json!({"type": "leave"})).await;
            assert_eq!(silent.expect("error").await["code"], "not-joined");
            open.push(silent);
        }
        for _ in 0..100 * scale() {
            let mut more = Peer::connect(server, ATTACKER, "elsewhere").await;
            let (error, end) = more.join_with(json!({})).await.unwrap_err();
            assert_eq!((&error["code"], end), (&Value::from("rate-limited"), Some(4003)));
            assert!(error["retryAfterMs"].as_u64() > Some(0), "{error}");
        }
        Peer::join(server, 4, "elsewhere").await.0.settle().await;
        for peer in &mut open[..4] {
            assert_eq!(peer.settle().await, Vec::<Value>::new());
        }
        pair.held().await;
    })
    .await;
}

#[tokio::test]
async fn refused_joins_of_one_address_are_cut_off_without_asking() {
    let limits = Limits::builder().address_refusals_per_minute(5).build().unwrap();
    on_both(async |adapter| {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let setup = Setup::new(limits.clone()).decide(move |request: AuthRequest| -> Decision {
            let is_guess = request.token.is_some();
            count.fetch_add(usize::from(is_guess), Ordering::Relaxed);
            Box::pin(async move {
                if is_guess { Err(Denied::unauthorized("wrong")) } else { Ok(Grant::new()) }
            })
        });
        let server = setup.serve(adapter);
        let pair = Pair::join(adapter, server).await;
        let guess = async |host| {
            let mut peer = Peer::connect(server, host, "door").await;
            let (error, end) = peer.join_with(json!({"token": "a guess"})).await.unwrap_err();
            (error["code"].as_str().map(str::to_owned), end, error["retryAfterMs"].as_u64())
        };
        let mut cut_off = 0;
        for _ in 0..50 * scale() {
            match guess(ATTACKER).await {
                (Some(code), Some(4502), _) => assert_eq!(code, "unauthorized"),
                (code, end, wait) => {
                    assert_eq!((code.as_deref(), end), (Some("rate-limited"), Some(4003)));
                    assert!(wait > Some(0));
                    cut_off += 1;
                }
            }
        }
        let asked_before = asked.load(Ordering::Relaxed);
        assert_eq!(asked_before + cut_off, 50 * scale());
        assert!(asked_before <= 6 * scale(), "{asked_before}");
        assert_eq!(guess(4).await.1, Some(4502));
        assert_eq!(asked.load(Ordering::Relaxed), asked_before + 1, "another one is asked");
        pair.held().await;
    })
    .await;
}

/// Polls a condition for which there is no event.
async fn until(condition: impl Fn() -> bool) {
    let wait = timeout(Duration::from_secs(20), async {
        while !condition() {
            sleep(Duration::from_millis(5)).await;
        }
    });
    wait.await.expect("it comes true");
}
