//! Invalid messages, and sessions that are resumed again and again.

use meet_signal_actix::Limits;
use serde_json::{Value, json};

use crate::{
    on_both,
    pair::Pair,
    peer::{ATTACKER, FIN, Peer, TEXT, frame},
    server::Setup,
};

#[tokio::test]
async fn bad_messages_with_resumes_in_between_end_the_session() {
    on_both(async |adapter| {
        let setup = Setup::new(Limits::default());
        let server = setup.serve(adapter);
        let pair = Pair::join(adapter, server).await;
        for before_join in [false, true] {
            let (mut peer, welcome) = Peer::join(server, ATTACKER, ROOM).await;
            let ticket = &welcome["ticket"];
            let (mut answered, mut sent, mut received) = (0, 0, 0);
            loop {
                peer.drop_hard();
                let nonsense = json!({"type": "signal"});
                peer = Peer::connect(server, ATTACKER, ROOM).await;
                peer.received = received;
                if before_join {
                    for _ in 0..10 {
                        peer.send(&nonsense).await;
                        assert_eq!(peer.expect("error").await["code"], "bad-message");
                    }
                    sent += 10;
                    // Errors before the resume do not count for the session.
                    peer.received = received;
                }
                let resume = json!({"resume": {"ticket": ticket, "received": received}});
                let back = peer.join_with(resume).await.expect("it joins, perhaps as another peer");
                if back["resumed"] == "no" {
                    break;
                }
                assert_eq!(back["resumed"], "full");
                for _ in 0..10 {
                    let _ = peer.try_send(&nonsense).await;
                }
                sent += 10;
                let _ = peer.try_send(&json!({"type": "nothing"})).await;
                answered += answers(&mut peer).await;
                received = peer.received;
                assert!(sent < 160, "the session goes on");
            }
            println!("{adapter:?}: {sent} sent, {answered} answered in the session");
            assert!(answered <= 16, "{answered} answered");
        }
        pair.held().await;
    })
    .await;
}

/// Messages that are exempt from the rate, and messages that get an error.
#[tokio::test]
async fn messages_far_over_the_rate_end_their_connection_and_not_the_session() {
    on_both(async |adapter| {
        let server = Setup::new(Limits::default()).serve(adapter);
        let pair = Pair::join(adapter, server).await;
        for kind in ["ack", "pong", "nothing", "join", "lock"] {
            let (mut peer, welcome) = Peer::join(server, ATTACKER, ROOM).await;
            let text = json!({"type": kind, "received": 0, "locked": true}).to_string();
            let flood = frame(FIN | TEXT, text.as_bytes()).repeat(2_000);
            peer.send_raw(&flood).await.expect("the system takes it");
            assert_eq!(peer.expect_end().await.1, Some(4004), "{kind}");
            let ticket = &welcome["ticket"];
            let (_, back) = Peer::resume(server, ATTACKER, ROOM, ticket, peer.received).await;
            assert_eq!(back.expect("it is kept")["resumed"], "full");
        }
        pair.held().await;
    })
    .await;
}

/// How many bad messages got an error before the one of an unknown type, or before the end.
async fn answers(peer: &mut Peer) -> usize {
    let mut bad = 0;
    loop {
        match peer.next().await {
            Ok(message) if message["code"] == "bad-message" => bad += 1,
            Ok(message) if message["code"] == "unknown-type" => return bad,
            Ok(_) => {}
            Err(end) => {
                assert_eq!(end, Some(4501));
                return bad;
            }
        }
    }
}

#[tokio::test]
async fn resumes_without_end_are_refused_and_leave_the_session_alone() {
    on_both(async |adapter| {
        let server = Setup::new(Limits::default()).serve(adapter);
        let pair = Pair::join(adapter, server).await;
        let (mut holder, welcome) = Peer::join(server, 4, ROOM).await;
        let mut refused = 0;
        for _ in 0..100 {
            let (peer, back) = Peer::resume(server, ATTACKER, ROOM, &welcome["ticket"], 0).await;
            match back {
                Ok(back) => {
                    assert_eq!(back["resumed"], "full");
                    assert_eq!(holder.expect_end().await.1, Some(4508));
                    holder = peer;
                }
                Err((error, end)) => {
                    assert_eq!((&error["code"], end), (&Value::from("rate-limited"), Some(4004)));
                    refused += 1;
                }
            }
        }
        assert!(refused >= 60, "{refused}");
        assert_eq!(holder.settle().await, Vec::<Value>::new());
        pair.held().await;
    })
    .await;
}

const ROOM: &str = "nonsense";
