//! Messages that are none, and sessions that are come back to again and again.

use meet_signal_actix::Limits;
use serde_json::{Value, json};

use crate::{
    pair::Pair,
    peer::{ATTACKER, Peer},
    server::{BOTH, Setup},
};

#[tokio::test]
async fn bad_messages_with_resumes_in_between_end_the_session() {
    for adapter in BOTH {
        let setup = Setup::new(Limits::default());
        let server = setup.serve(adapter);
        let pair = Pair::join(adapter, server).await;
        for before_join in [false, true] {
            let (mut peer, welcome) = Peer::join(server, ATTACKER, "nonsense").await;
            let (mut answered, mut sent) = (0, 0);
            let end = loop {
                peer.drop_hard();
                peer = Peer::connect(server, ATTACKER, "nonsense").await;
                let resume = json!({"resume": {"ticket": welcome["ticket"], "received": 0}});
                let bad = json!({"type": "join", "resume": {"ticket": 7}});
                if before_join {
                    for _ in 0..10 {
                        peer.send(&bad).await;
                        assert_eq!(peer.expect("error").await["code"], "bad-message");
                    }
                    sent += 10;
                }
                match peer.join_with(resume).await {
                    Ok(welcome) if welcome["resumed"] == "no" => break None,
                    Ok(_) => {}
                    Err((_, end)) => break end,
                }
                if !before_join {
                    for _ in 0..10 {
                        let _ = peer.try_send(&json!({"type": "signal"})).await;
                    }
                    sent += 10;
                    peer.send(&json!({"type": "nothing"})).await;
                    let (errors, end) = answers(&mut peer).await;
                    answered += errors;
                    if let Some(end) = end {
                        break end;
                    }
                }
                assert!(sent < 160, "the session goes on");
            };
            println!("{adapter:?}: {sent} sent, {answered} answered, then {end:?}");
            assert!(answered <= 16, "{answered} answered");
            // A ticket of a session that has ended is a stranger's.
            let mut peer = Peer::connect(server, ATTACKER, "nonsense").await;
            let resume = json!({"resume": {"ticket": welcome["ticket"], "received": 0}});
            let joined = peer.join_with(resume).await.expect("it is let in as another one");
            assert_eq!(joined["resumed"], "no");
        }
        pair.held().await;
    }
}

/// How many bad messages were answered up to the one of an unknown type, or up to the end.
async fn answers(peer: &mut Peer) -> (usize, Option<Option<u16>>) {
    let mut bad = 0;
    loop {
        match peer.next().await {
            Ok(message) if message["code"] == "bad-message" => bad += 1,
            Ok(message) if message["code"] == "unknown-type" => return (bad, None),
            Ok(_) => {}
            Err(end) => return (bad, Some(end)),
        }
    }
}

#[tokio::test]
async fn resumes_without_end_are_refused_and_leave_the_session_alone() {
    for adapter in BOTH {
        let server = Setup::new(Limits::default()).serve(adapter);
        let pair = Pair::join(adapter, server).await;
        let (mut holder, welcome) = Peer::join(server, 4, "resumed").await;
        let resume = json!({"resume": {"ticket": welcome["ticket"], "received": 0}});
        let mut refused = 0;
        for _ in 0..100 {
            let mut peer = Peer::connect(server, ATTACKER, "resumed").await;
            match peer.join_with(resume.clone()).await {
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
    }
}
