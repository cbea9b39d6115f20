//! Attacks on a lobby, and from it.

use std::{collections::BTreeSet, time::Duration};

use futures_util::future::{join, join_all};
use meet_signal_actix::{Admission, AuthRequest, Grant, Limits, Permissions};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::{
    on_both,
    pair::Pair,
    peer::{ATTACKER, Peer, broadcast},
    scale,
    server::{Decision, Setup},
};

/// In whose room everybody waits but its moderators.
fn setup(limits: Limits) -> Setup {
    Setup::new(limits).decide(|request: AuthRequest| -> Decision {
        let grant = match request.token.as_ref().map(|token| token.expose()) {
            Some("host") => Grant::new().permissions(Permissions::default().moderate(true)),
            Some("lobby") => Grant::new().admission(Admission::ByModerator),
            _ => Grant::new(),
        };
        Box::pin(async { Ok(grant) })
    })
}

async fn host(mut peer: Peer) -> (Peer, Value) {
    let welcome = peer.join_with(json!({"token": "host"})).await.expect("it joins");
    (peer, welcome)
}

/// Knocks, or resumes a wait. The error and the close code, if it is refused.
async fn knock(peer: &mut Peer, mut join: Value) -> Result<Value, (Value, Option<u16>)> {
    (join["type"], join["token"]) = ("join".into(), "lobby".into());
    // The server may have refused the connection already.
    let _ = peer.try_send(&join).await;
    let mut error = Value::Null;
    loop {
        match peer.next().await {
            Ok(message) if message["type"] == "error" => error = message,
            Ok(message) => return Ok(message),
            Err(end) => return Err((error, end)),
        }
    }
}

fn resume(waiting: &Value) -> Value {
    json!({"resume": {"ticket": waiting["ticket"], "received": 0, "waiting": true}})
}

#[tokio::test]
async fn knocks_without_end_leave_a_slow_moderator_its_connection() {
    let meta = "m".repeat(4_000);
    on_both(async |adapter| {
        let setup = setup(Limits::default()).small_buffers();
        let server = setup.serve(adapter);
        let pair = Pair::join(adapter, server).await;
        let (mut slow, _) = host(Peer::connect_small(server, 4, ROOM).await).await;
        let mut refused = 0;
        for n in 0..130 * scale() {
            let mut peer = Peer::connect(server, ATTACKER, ROOM).await;
            match knock(&mut peer, json!({"meta": meta})).await {
                // It leaves, or its connection is lost.
                Ok(_) if n % 2 == 0 => peer.send(&json!({"type": "leave"})).await,
                Ok(_) => peer.drop_hard(),
                Err((error, end)) => {
                    let code = error["code"].as_str();
                    assert!(matches!(code, Some("rate-limited" | "room-full")), "{error}");
                    assert!(matches!(end, Some(4003 | 4503)), "{end:?}");
                    refused += 1;
                }
            }
        }
        assert!(refused >= 100, "{refused}");
        // Others can knock, and the moderator gets all of it.
        let mut other = Peer::connect(server, 5, ROOM).await;
        knock(&mut other, json!({"meta": "another"})).await.expect("there is a place");
        assert_eq!(slow.settle().await, Vec::<Value>::new());
        slow.send(&json!({"type": "admitAll"})).await;
        other.expect("welcome").await;
        pair.held().await;
    })
    .await;
}

#[tokio::test]
async fn a_flood_in_the_lobby_ends_its_connection_and_admits_nobody() {
    on_both(async |adapter| {
        let setup = setup(Limits::default());
        let server = setup.serve(adapter);
        let pair = Pair::join(adapter, server).await;
        let (mut ada, _) = host(Peer::connect(server, 4, ROOM).await).await;
        let mut attacker = Peer::connect(server, ATTACKER, ROOM).await;
        let waiting = knock(&mut attacker, json!({})).await.expect("there is a place");
        let knock_of_attacker = ada.expect("knock").await;
        let mut writing = async |message: Value| {
            for _ in 0..2_000 * scale() {
                if attacker.try_send(&message).await.is_err() {
                    break;
                }
            }
            attacker.expect_end().await
        };
        let (errors, end) = writing(broadcast("x".repeat(100))).await;
        assert!(matches!(end, Some(4004) | None), "{end:?}");
        let codes: BTreeSet<_> = errors.iter().map(|it| it["code"].to_string()).collect();
        let expected = [r#""not-joined""#, r#""rate-limited""#].map(str::to_owned).into();
        assert!(codes.is_subset(&expected), "{codes:?}");
        // It keeps its place, and the moderator has heard nothing of the flood.
        let mut again = Peer::connect(server, ATTACKER, ROOM).await;
        let back = knock(&mut again, resume(&waiting)).await.expect("its place is kept");
        assert_eq!(back["ticket"], waiting["ticket"]);
        ada.send(&json!({"type": "deny", "peer": knock_of_attacker["peer"]["id"]})).await;
        assert_eq!(again.expect_end().await.1, Some(4504));
        let next = ada.next().await.expect("it goes on");
        assert_eq!(next["type"], "knockGone");
        assert_eq!(ada.settle().await, Vec::<Value>::new());
        pair.held().await;
    })
    .await;
}

#[tokio::test]
async fn a_storm_of_resumes_of_a_wait_is_cut_off_and_keeps_its_place() {
    on_both(async |adapter| {
        let setup = setup(Limits::default());
        let server = setup.serve(adapter);
        let pair = Pair::join(adapter, server).await;
        let (mut ada, _) = host(Peer::connect(server, 4, ROOM).await).await;
        let mut attacker = Peer::connect(server, ATTACKER, ROOM).await;
        let waiting = knock(&mut attacker, json!({})).await.expect("there is a place");
        let mut refused = 0;
        for _ in 0..100 * scale() {
            let mut newer = Peer::connect(server, ATTACKER, ROOM).await;
            match knock(&mut newer, resume(&waiting)).await {
                Ok(back) => {
                    assert_eq!(back["ticket"], waiting["ticket"]);
                    assert_eq!(attacker.expect_end().await.1, Some(4508));
                    attacker = newer;
                }
                Err((error, end)) => {
                    assert_eq!((&error["code"], end), (&Value::from("rate-limited"), Some(4004)));
                    refused += 1;
                }
            }
        }
        assert!(refused >= 60, "{refused}");
        // The moderator has heard of it once.
        ada.expect("knock").await;
        ada.send(&json!({"type": "admitAll"})).await;
        assert_eq!(ada.next().await.expect("it goes on")["type"], "knockGone");
        attacker.expect("welcome").await;
        pair.held().await;
    })
    .await;
}

/// Two moderators admit the same peers, whose connections are lost again and again meanwhile.
#[tokio::test]
async fn each_peer_is_admitted_once_whatever_its_connections_and_the_moderators_do() {
    on_both(async |adapter| {
        let setup = setup(Limits::default());
        let server = setup.serve(adapter);
        let pair = Pair::join(adapter, server).await;
        for round in 0..3 * scale() {
            let room = format!("admitted-{round}");
            let room = room.as_str();
            let (mut ada, _) = host(Peer::connect(server, 4, room).await).await;
            let (mut bob, _) = host(Peer::connect(server, 5, room).await).await;
            ada.expect("joined").await;
            let peers = join_all((0..6).map(async |n| {
                let mut peer = Peer::connect(server, 11 + n, room).await;
                let waiting = knock(&mut peer, json!({})).await.expect("there is a place");
                (peer, waiting, 11 + n)
            }));
            let peers = peers.await;
            let mut ids = BTreeSet::new();
            while ids.len() < peers.len() {
                let id = &ada.expect("knock").await["peer"]["id"];
                ids.insert(id.as_str().expect("an id").to_owned());
            }
            let welcomes = join_all(peers.into_iter().map(async |(mut peer, waiting, host)| {
                for loss in 0.. {
                    if loss % 2 == 0 {
                        peer.drop_hard();
                    }
                    peer = Peer::connect(server, host, room).await;
                    match knock(&mut peer, resume(&waiting)).await.expect("its place is kept") {
                        reply if reply["type"] == "welcome" => return (peer, reply),
                        reply => assert_eq!(reply["ticket"], waiting["ticket"]),
                    }
                    if loss == 8 {
                        let welcome = peer.expect("welcome").await;
                        return (peer, welcome);
                    }
                }
                unreachable!("it was admitted")
            }));
            let admit = async |host: &mut Peer| {
                for id in &ids {
                    host.send(&json!({"type": "admit", "peer": id})).await;
                }
                host.settle().await
            };
            let (welcomes, (late, too)) =
                join(welcomes, join(admit(&mut ada), admit(&mut bob))).await;
            let late: Vec<_> = late.into_iter().chain(too).collect();
            assert_eq!(late.len(), ids.len(), "{late:?}");
            assert!(late.iter().all(|error| error["code"] == "no-such-peer"), "{late:?}");
            let found: BTreeSet<_> = welcomes
                .iter()
                .map(|(_, it)| it["self"]["id"].as_str().expect("an id").to_owned())
                .collect();
            assert_eq!(found, ids);
            let room = room.parse().unwrap();
            assert_eq!((setup.hub.roster(&room).len(), setup.hub.waiting(&room).len()), (8, 0));
            // Each can reach all others.
            for (mut peer, _) in welcomes {
                assert_eq!(peer.settle().await, Vec::<Value>::new());
            }
        }
        pair.held().await;
    })
    .await;
}

#[tokio::test]
async fn lobbies_without_a_room_are_forgotten_with_their_last_peer() {
    let limits = Limits::builder()
        .unheard_grace(Duration::from_millis(500))
        .address_joins_per_minute(1_000_000)
        .build()
        .unwrap();
    on_both(async |adapter| {
        let setup = setup(limits.clone());
        let server = setup.serve(adapter);
        let pair = Pair::join(adapter, server).await;
        for round in 0..4 * scale() {
            join_all((0..50).map(async |n| {
                let mut peer = Peer::connect(server, ATTACKER, &format!("{round}-{n}")).await;
                let meta = json!({"meta": "m".repeat(4_000)});
                knock(&mut peer, meta).await.expect("there is a place");
                peer.drop_hard();
            }))
            .await;
        }
        // The pair's room: one without members is no room to the application.
        assert_eq!(setup.hub.rooms().len(), 1);
        let gone = timeout(Duration::from_secs(20), async {
            while setup.hub.sessions() > 2 {
                sleep(Duration::from_millis(20)).await;
            }
        });
        gone.await.expect("their places are free");
        pair.held().await;
    })
    .await;
}

const ROOM: &str = "attacked";
