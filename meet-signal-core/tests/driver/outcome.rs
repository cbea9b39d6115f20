//! What `serve` says of a connection and of its session.

use meet_signal_core::{
    CloseReason, Denied, Grant, Hub, Limits, PeerId,
    driver::{EndReason, Outcome, Traffic, serve},
    socket::Incoming,
    testing::{ClientEnd, Received, connection},
};
use serde_json::{Value, json};
use tokio::{
    task::JoinHandle,
    time::{Duration, advance},
};

use crate::{GRACE, connect, id, observer, room};

async fn outcome(task: JoinHandle<Outcome>) -> Outcome {
    task.await.expect("it does not panic")
}

fn peer(welcome: &Value) -> Option<PeerId> {
    id(welcome).as_str().map(|id| id.parse().expect("an id"))
}

/// A client that has joined.
async fn joined(hub: &Hub) -> (ClientEnd, JoinHandle<Outcome>, Value) {
    let (mut client, task) = connect(hub);
    let welcome = client.join().await;
    (client, task, welcome)
}

fn leave_by_ticket(hub: &Hub, welcome: &Value) -> (ClientEnd, JoinHandle<Outcome>) {
    let (client, task) = connect(hub);
    client.send(&json!({"type": "leave", "ticket": welcome["ticket"]}).to_string());
    (client, task)
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_or_whose_room_is_closed_has_that_reason() {
    let hub = Hub::default();
    let (mut client, task, welcome) = joined(&hub).await;
    advance(Duration::from_secs(3)).await;
    client.send(r#"{"type":"leave"}"#);
    assert_eq!(client.next().await, Received::Closed(CloseReason::Left));
    let left = outcome(task).await;
    assert_eq!((left.peer, left.reason), (peer(&welcome), EndReason::Closed(CloseReason::Left)));
    assert!((3..6).contains(&left.duration.as_secs()), "{:?}", left.duration);

    let (_client, task, welcome) = joined(&hub).await;
    hub.close_room(&room());
    let closed = outcome(task).await;
    let reason = EndReason::Closed(CloseReason::RoomClosed);
    assert_eq!((closed.peer, closed.reason), (peer(&welcome), reason));
}

#[tokio::test(start_paused = true)]
async fn without_a_session_there_is_no_peer() {
    let hub = Hub::default();
    let (client, task) = connect(&hub);
    client.cut();
    let gone = outcome(task).await;
    assert_eq!((gone.peer, gone.reason), (None, EndReason::Disconnected));

    let (_client, task) = connect(&hub);
    let silent = outcome(task).await;
    let reason = EndReason::Closed(CloseReason::ProtocolViolation);
    assert_eq!((silent.peer, silent.reason), (None, reason));

    let (server, client) = connection(8);
    let refuse = async |_| Err::<Grant, _>(Denied::unauthorized("no"));
    let task = tokio::spawn(serve(hub, room(), refuse, server));
    client.send(r#"{"type":"join"}"#);
    let refused = outcome(task).await;
    let reason = EndReason::Closed(CloseReason::Unauthorized);
    assert_eq!((refused.peer, refused.reason), (None, reason));
    assert_eq!((refused.sent, refused.received), (Traffic::default(), Traffic::default()));
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_not_resumed_says_why_its_connection_ended() {
    let hub = Hub::default();
    let (client, task, welcome) = joined(&hub).await;
    client.cut();
    let lost = outcome(task).await;
    let reason = EndReason::TimedOut { closed: None };
    assert_eq!((lost.peer, lost.reason), (peer(&welcome), reason));
    assert!(lost.duration >= GRACE, "{:?}", lost.duration);

    let (client, task, _) = joined(&hub).await;
    client.half_open();
    let closed = Some(CloseReason::HeartbeatMissed);
    assert_eq!(outcome(task).await.reason, EndReason::TimedOut { closed });

    // No place is kept.
    let limits = Limits::builder().grace(Duration::ZERO).build().unwrap();
    let (client, task, _) = joined(&Hub::new(limits)).await;
    client.cut();
    let lost = outcome(task).await;
    assert_eq!(lost.reason, EndReason::TimedOut { closed: None });
    assert!(lost.duration < GRACE, "{:?}", lost.duration);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_leaves_by_its_ticket_has_left() {
    let hub = Hub::default();
    let mut other = observer(&hub).await;
    let (_client, task, welcome) = joined(&hub).await;
    let (_farewell, leaving) = leave_by_ticket(&hub, &welcome);
    assert_eq!(outcome(task).await.reason, EndReason::Closed(CloseReason::Left));
    let farewell = outcome(leaving).await;
    let reason = EndReason::Closed(CloseReason::Left);
    assert_eq!((farewell.peer, farewell.reason), (None, reason));
    assert_eq!(other.recv().await["type"], "joined");
    assert_eq!(other.recv().await["type"], "left");

    // While it is away.
    let (client, task, welcome) = joined(&hub).await;
    client.cut();
    assert_eq!(other.recv().await["type"], "joined");
    assert_eq!(other.recv().await["status"], "away");
    let _farewell = leave_by_ticket(&hub, &welcome);
    assert_eq!(outcome(task).await.reason, EndReason::Closed(CloseReason::Left));
}

#[tokio::test(start_paused = true)]
async fn a_session_goes_on_with_the_connection_that_resumed_it() {
    let hub = Hub::default();
    let (_old, old_task, welcome) = joined(&hub).await;
    let (mut new, task) = connect(&hub);
    let resume = json!({"ticket": welcome["ticket"], "received": 0});
    new.send(&json!({"type": "join", "resume": resume}).to_string());
    assert_eq!(new.expect("welcome").await["resumed"], "full");
    let old = outcome(old_task).await;
    let reason = EndReason::Closed(CloseReason::TakenOver);
    assert_eq!((old.peer, old.reason), (peer(&welcome), reason));
    new.send(r#"{"type":"leave"}"#);
    let new = outcome(task).await;
    let reason = EndReason::Closed(CloseReason::Left);
    assert_eq!((new.peer, new.reason), (peer(&welcome), reason));
}

#[tokio::test(start_paused = true)]
async fn messages_and_their_bytes_are_counted_in_each_direction() {
    let hub = Hub::default();
    let (mut client, task, _) = joined(&hub).await;
    // The test's client acknowledges its welcome.
    let acknowledgement = r#"{"type":"ack","received":0}"#;
    let sent = [r#"{"type":"broadcast","data":"é"}"#, "no JSON"];
    sent.iter().for_each(|text| client.send(text));
    client.sender().deliver(Incoming::Control);
    let error = client.expect("error").await.to_string();
    let leave = r#"{"type":"leave"}"#;
    client.send(leave);
    let counted = outcome(task).await;
    let texts = [acknowledgement, sent[0], sent[1], leave];
    let bytes: usize = texts.iter().map(|text| text.len()).sum();
    assert_eq!((counted.received.frames, counted.received.bytes), (4, bytes as u64));
    // The welcome and the error.
    assert_eq!(counted.sent.frames, 2);
    assert!(counted.sent.bytes > error.len() as u64 + 200, "{:?}", counted.sent);
}
