//! The life of a connection, without a network and with paused time: the clock jumps to the next
//! timer when all tasks wait.

mod authorization;
mod cancellation;
mod client;
mod closing;
mod faults;
mod hello;
mod ice_servers;
mod leaving;
mod lobby;
mod moderation;
mod offers;
mod outcome;
mod panics;
mod refusing;
mod regrant;
mod resume;
mod resume_bounds;
mod room_settings;
mod watch;

use std::future::pending;

use meet_signal_core::{
    AuthRequest, CloseReason, Denied, Grant, Hub, Limits, RoomId,
    driver::{Outcome, serve},
    socket::Incoming,
    testing::{ClientEnd, Received, Sender, connection},
};
use serde_json::{Value, json};

use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Duration, Instant, sleep, timeout},
};

const BEAT: Duration = Duration::from_secs(10);
const GRACE: Duration = Duration::from_secs(30);
/// How long the server goes on reading after a deadline.
const FINAL_READ: Duration = Duration::from_millis(500);

/// A client has a little more time the more it was sent.
fn assert_about(elapsed: Duration, expected: Duration) {
    let latest = expected + Duration::from_millis(20);
    assert!((expected..latest).contains(&elapsed), "{elapsed:?} instead of {expected:?}");
}

fn room() -> RoomId {
    "standup".parse().expect("a valid name")
}

fn connect(hub: &Hub) -> (ClientEnd, JoinHandle<Outcome>) {
    connect_with_room_for(64, hub)
}

fn connect_with_room_for(batches: usize, hub: &Hub) -> (ClientEnd, JoinHandle<Outcome>) {
    let (server, client) = connection(batches);
    (client, tokio::spawn(serve(hub.clone(), room(), Grant::new(), server)))
}

/// A member that replies to pings, and receives the messages about other members.
struct Observer {
    to_server: Sender,
    received: mpsc::UnboundedReceiver<Value>,
}

async fn observer(hub: &Hub) -> Observer {
    let (mut client, _) = connect(hub);
    client.join().await;
    let to_server = client.sender();
    let (forward, received) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Received::Flush(frames) = client.next().await {
            for frame in frames {
                match &frame["type"] {
                    kind if kind == "ping" => client.send(r#"{"type":"pong","received":0}"#),
                    _ => drop(forward.send(frame)),
                }
            }
        }
    });
    Observer { to_server, received }
}

impl Observer {
    async fn recv(&mut self) -> Value {
        self.received.recv().await.expect("an observer stays connected")
    }
}

/// The reason that the connection is closed with. Skips all frames before it.
async fn closed(client: &mut ClientEnd) -> CloseReason {
    loop {
        match client.next().await {
            Received::Closed(reason) => return reason,
            Received::Flush(_) => {}
            other => panic!("expected a close frame, got {other:?}"),
        }
    }
}

fn id(welcome: &Value) -> &Value {
    &welcome["self"]["id"]
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_join_is_closed() {
    let (mut client, task) = connect(&Hub::default());
    let start = Instant::now();
    client.sender().deliver(Incoming::Control);
    client.send(r#"{"type":"leave"}"#);
    assert_eq!(client.expect("error").await["code"], "not-joined");
    assert_eq!(client.next().await, Received::Closed(CloseReason::ProtocolViolation));
    assert_eq!(
        start.elapsed(),
        Duration::from_secs(10),
        "talking does not extend the time to join"
    );
    task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_quiet_connection_is_pinged_and_lives() {
    let (mut client, _task) = connect(&Hub::default());
    client.join().await;
    let start = Instant::now();
    for beat in 1..=20 {
        assert_eq!(client.expect("ping").await, json!({"type": "ping", "received": 0}));
        assert_eq!(start.elapsed(), BEAT * beat);
        client.send(r#"{"type":"pong","received":0}"#);
    }
}

/// A regression: only silence caused a ping, so a client in a busy room kept all frames that it had
/// sent, until it had no more space.
#[tokio::test(start_paused = true)]
async fn frames_are_acknowledged_without_a_silence() {
    let hub = Hub::new(Limits::builder().rate_burst(1000).build().expect("valid limits"));
    let (mut client, _task) = connect(&hub);
    // The `join` counts towards the 256, but is not sequenced.
    client.join().await;
    let start = Instant::now();
    for many in 1..=3 {
        for _ in 0..256 {
            client.send(r#"{"type":"broadcast","data":1}"#);
        }
        let ping = json!({"type": "ping", "received": 256 * many - 1});
        assert_eq!(client.expect("ping").await, ping);
    }
    let long = json!({"type": "broadcast", "data": "x".repeat(60 * 1024)}).to_string();
    for _ in 0..3 {
        client.send(&long);
    }
    let ping = json!({"type": "ping", "received": 256 * 3 + 3});
    assert_eq!(client.expect("ping").await, ping);
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn three_silent_heartbeats_lose_the_socket_and_then_the_session() {
    let hub = Hub::default();
    let mut other = observer(&hub).await;
    let (mut client, task) = connect(&hub);
    let welcome = client.join().await;
    let start = Instant::now();
    other.recv().await;

    client.expect("ping").await;
    client.expect("ping").await;
    assert_eq!(client.next().await, Received::Closed(CloseReason::HeartbeatMissed));
    assert_about(start.elapsed(), BEAT * 3 + FINAL_READ);
    let status = json!({"type": "status", "peer": id(&welcome), "status": "away"});
    assert_eq!(other.recv().await, status);
    let left = json!({"type": "left", "peer": id(&welcome), "reason": "timeout"});
    assert_eq!(other.recv().await, left);
    assert_about(start.elapsed(), BEAT * 3 + FINAL_READ + GRACE);
    task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_lost_socket_leaves_when_the_grace_is_over() {
    let hub = Hub::default();
    let mut other = observer(&hub).await;
    let (mut client, task) = connect(&hub);
    let welcome = client.join().await;
    other.recv().await;
    let start = Instant::now();
    drop(client);
    assert_eq!(other.recv().await["status"], "away");
    assert_eq!(start.elapsed(), Duration::ZERO);
    let left = json!({"type": "left", "peer": id(&welcome), "reason": "timeout"});
    assert_eq!(other.recv().await, left);
    assert_eq!(start.elapsed(), GRACE);
    task.await.unwrap();
    assert_eq!(hub.sessions(), 1);
}

#[tokio::test(start_paused = true)]
async fn leaving_takes_effect_before_the_client_has_answered_the_close() {
    let hub = Hub::default();
    let mut other = observer(&hub).await;
    let (mut client, task) = connect(&hub);
    client.join().await;
    other.recv().await;
    let start = Instant::now();
    client.send(r#"{"type":"leave"}"#);
    assert_eq!(other.recv().await["reason"], "left");
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(client.next().await, Received::Closed(CloseReason::Left));
    task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_violation_takes_effect_before_the_client_has_answered_the_close() {
    let hub = Hub::default();
    let mut other = observer(&hub).await;
    let (mut client, task) = connect(&hub);
    client.join().await;
    other.recv().await;
    let start = Instant::now();
    client.sender().deliver(Incoming::ProtocolError(CloseReason::Binary));
    assert_eq!(other.recv().await["reason"], "closed");
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(client.next().await, Received::Closed(CloseReason::Binary));
    task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_too_slow_and_affects_no_other() {
    let limits = Limits::builder().outbox_frames(18).build().unwrap();
    let hub = Hub::new(limits);
    let mut fast = observer(&hub).await;
    let (mut stalled, task) = connect_with_room_for(1, &hub);
    let welcome = stalled.join().await;
    let mut talker = observer(&hub).await;
    fast.recv().await;
    fast.recv().await;

    // One batch is in the socket, one is being written, and the sender's share is three of the 18
    // frames.
    for n in 0..8 {
        talker.to_server.send(&json!({"type": "broadcast", "data": n, "ref": n}).to_string());
        assert_eq!(fast.recv().await["data"], n);
    }
    let signal = json!({"type": "signal", "to": id(&welcome), "data": 1, "ref": 8});
    talker.to_server.send(&signal.to_string());
    for n in 4..=8 {
        let error = talker.recv().await;
        assert_eq!((&error["code"], &error["ref"]), (&json!("peer-unreachable"), &json!(n)));
    }
    fast.to_server.send(r#"{"type":"broadcast","data":"fast"}"#);
    assert_eq!(talker.recv().await["data"], "fast");

    // Its write times out. When the client reads again, it gets the close reason at the end.
    sleep(Duration::from_secs(11)).await;
    let end = loop {
        match stalled.next().await {
            Received::Flush(_) => {}
            end => break end,
        }
    };
    assert_eq!(end, Received::Closed(CloseReason::TooSlow));
    assert!(!task.is_finished(), "it may resume");

    // It gets the frames that were queued, and those of the others.
    let (mut stalled, _task) = connect(&hub);
    assert_eq!(resume::resume(&mut stalled, &welcome, 0).await["resumed"], "full");
    let mut data = Vec::new();
    while data.len() < 5 {
        let Received::Flush(frames) = stalled.next().await else { panic!("it goes on") };
        let frames = frames.iter().filter(|frame| frame["type"] == "broadcast");
        data.extend(frames.map(|frame| frame["data"].clone()));
    }
    assert_eq!(data, [json!(0), json!(1), json!(2), json!(3), json!("fast")]);
}

/// A client that pings without reading causes a queued pong for each ping, which the outbox's
/// bounds do not include.
#[tokio::test(start_paused = true)]
async fn a_flood_of_pings_ends_the_connection() {
    let limits = Limits::builder().rate_per_second(1).rate_burst(4).build().unwrap();
    let hub = Hub::new(limits);
    let ping = |client: &ClientEnd, times| {
        (0..times).for_each(|_| client.sender().deliver(Incoming::Control));
    };
    // The burst and the overflow bucket are eight frames, of which two are the `join` and its
    // acknowledgement.
    let (mut member, _task) = connect(&hub);
    member.join().await;
    ping(&member, 5);
    member.send(r#"{"type":"leave"}"#);
    assert_eq!(member.next().await, Received::Closed(CloseReason::Left));

    let (mut member, _task) = connect(&hub);
    member.join().await;
    ping(&member, 7);
    assert_eq!(member.next().await, Received::Closed(CloseReason::Flood));

    let (mut stranger, _task) = connect(&hub);
    ping(&stranger, 9);
    assert_eq!(stranger.next().await, Received::Closed(CloseReason::Flood));
}

#[tokio::test(start_paused = true)]
async fn a_burst_is_one_flush() {
    let hub = Hub::default();
    let (mut reader, _task) = connect_with_room_for(1, &hub);
    reader.join().await;
    for n in 0..5 {
        let data = serde_json::value::to_raw_value(&n).unwrap();
        hub.send_all(&room(), &data).unwrap();
    }
    let Received::Flush(frames) = reader.next().await else { panic!("a flush") };
    assert_eq!(frames.len(), 5);
    assert!(frames.iter().enumerate().all(|(n, frame)| frame["data"] == n));
}

#[tokio::test(start_paused = true)]
async fn dropping_the_task_leaves_at_once() {
    let hub = Hub::default();
    let mut other = observer(&hub).await;
    let (mut client, task) = connect(&hub);
    client.join().await;
    other.recv().await;
    task.abort();
    assert_eq!(other.recv().await["reason"], "closed");
    assert_eq!(hub.sessions(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_client_has_not_joined_while_the_application_decides() {
    let hub = Hub::default();
    let mut other = observer(&hub).await;
    let (server, client) = connection(8);
    let authorize = |_: AuthRequest| pending::<Result<Grant, Denied>>();
    let task = tokio::spawn(serve(hub.clone(), room(), authorize, server));
    client.send(r#"{"type":"join"}"#);
    timeout(Duration::from_secs(1), other.recv()).await.unwrap_err();
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    assert_eq!(hub.roster(&room()).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn draining_closes_every_connection_and_waits_for_the_sessions() {
    let hub = Hub::default();
    let (mut a, task) = connect(&hub);
    a.join().await;
    let drained = tokio::spawn({
        let hub = hub.clone();
        async move { hub.drain().await }
    });
    let Received::Closed(reason) = a.next().await else { panic!("closed") };
    assert_eq!(reason.code(), 4000);
    assert!(reason.text().starts_with("retry-after-ms="));
    task.await.unwrap();
    drained.await.unwrap();

    let (mut late, _task) = connect(&hub);
    late.send(r#"{"type":"join"}"#);
    assert_eq!(late.expect("error").await["code"], "unavailable");
    assert!(matches!(late.next().await, Received::Closed(reason) if reason.code() == 4000));
}

#[tokio::test(start_paused = true)]
async fn draining_does_not_wait_for_clients_that_do_not_answer() {
    let hub = Hub::default();
    let (mut silent, _task) = connect(&hub);
    silent.join().await;
    let start = Instant::now();
    hub.drain().await;
    assert_eq!(start.elapsed(), Duration::from_secs(2));
    assert_eq!(hub.sessions(), 0);
    assert!(matches!(silent.next().await, Received::Closed(_)));
}
