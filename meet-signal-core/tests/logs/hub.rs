//! What concerns the whole hub, and what must not be logged at all.

use std::{
    task::{Context, Waker},
    time::Instant,
};

use meet_signal_core::{Grant, Hub, JoinRequest, Limits};
use serde_json::json;
use tracing::Level;

use crate::{capture, connect, ended, id, room};

#[tokio::test(start_paused = true)]
async fn a_drain_begins_and_ends() {
    let (logs, _guard) = capture();
    let hub = Hub::default();
    let (mut client, task) = connect(&hub);
    client.join().await;
    let drain = tokio::spawn({
        let hub = hub.clone();
        async move { hub.drain().await }
    });
    ended(&mut client).await;
    drain.await.unwrap();
    task.await.unwrap();
    let draining = logs.one("draining");
    assert_eq!((draining.level, draining.field("sessions")), (Level::INFO, "1"));
    assert_eq!(logs.one("drained").level, Level::INFO);
    assert_eq!(logs.one("closed").field("reason"), "draining");
    assert_eq!(logs.one("left").field("reason"), "closed");

    let (mut late, _task) = connect(&hub);
    late.send(r#"{"type":"join"}"#);
    ended(&mut late).await;
    let refused = logs.one("refused");
    let fields = ["code", "close", "why"].map(|name| refused.field(name));
    assert_eq!(fields, ["unavailable", "4000", "the server is stopping"]);
}

#[test]
fn queues_that_are_emptied_are_a_warning() {
    let (logs, _guard) = capture();
    let limits = Limits::builder().hub_bytes(1024 * 1024).unacknowledged_bytes(0);
    let hub = Hub::new(limits.build().unwrap());
    let now = Instant::now();
    let join = || {
        let session = hub.join(room(), JoinRequest::default(), &Grant::new(), now).unwrap();
        let cx = &Context::from_waker(Waker::noop());
        let _ = session.poll_drain(cx, usize::MAX, &mut Vec::new());
        session
    };
    let _members: Vec<_> = (0..6).map(|_| join()).collect();
    assert_eq!(logs.of("queues emptied"), []);
    for _ in 0..2 {
        hub.send_all(&room(), &"x".repeat(50 * 1024)).unwrap();
    }
    let line = logs.one("queues emptied");
    assert_eq!(line.level, Level::WARN);
    let count = |name| line.field(name).parse::<usize>().unwrap();
    assert!((1..6).contains(&count("queues")), "{line:?}");
    assert!(count("bytes") >= 100 * 1024, "{line:?}");
}

/// Relaying is as fast with a subscriber as without.
#[tokio::test(start_paused = true)]
async fn frames_are_not_logged() {
    let (logs, _guard) = capture();
    let hub = Hub::new(Limits::builder().rate_per_second(1_000).build().unwrap());
    let (mut ada, _ada) = connect(&hub);
    ada.join().await;
    let (mut bob, _bob) = connect(&hub);
    let welcome = bob.join().await;
    ada.expect("joined").await;
    let before = logs.everything().len();
    for n in 0..20 {
        ada.send(&json!({"type": "signal", "to": id(&welcome), "data": n}).to_string());
        ada.send(r#"{"type":"nonsense"}"#);
        ada.expect("error").await;
        bob.expect("signal").await;
    }
    assert_eq!(logs.everything().len(), before, "{:#?}", logs.everything());
}
