//! Authorization: connections whose application has not decided yet, or decides too late.

use std::future::pending;

use meet_signal_core::{
    AuthRequest, CloseReason, Denied, Grant, Hub, Limits,
    driver::{Outcome, serve},
    socket::Incoming,
    testing::{ClientEnd, Received, connection},
};
use serde_json::json;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::{Duration, Instant, sleep, timeout},
};

use crate::{assert_about, closed, observer, room};

type Decision = oneshot::Sender<Result<Grant, Denied>>;

/// A connection whose authorization the test decides, with the sender of each decision.
fn connect(hub: &Hub) -> (ClientEnd, mpsc::UnboundedReceiver<Decision>, JoinHandle<Outcome>) {
    let (server, client) = connection(8);
    let (requests, decisions) = mpsc::unbounded_channel();
    let authorize = move |_: AuthRequest| {
        let (decide, decided) = oneshot::channel();
        requests.send(decide).expect("the test decides");
        async move { decided.await.expect("the test decides") }
    };
    client.send(r#"{"type":"join"}"#);
    (client, decisions, tokio::spawn(serve(hub.clone(), room(), authorize, server)))
}

#[tokio::test(start_paused = true)]
async fn a_client_is_pinged_while_the_application_decides() {
    let hub = Hub::default();
    let (mut client, mut decisions, _task) = connect(&hub);
    let start = Instant::now();
    let decision = decisions.recv().await.unwrap();
    for n in 1..=4 {
        assert_eq!(client.expect("ping").await, json!({"type": "ping", "received": 0}));
        assert_eq!(start.elapsed(), Duration::from_secs(3) * n);
        client.send(r#"{"type":"pong","received":0}"#);
    }
    decision.send(Ok(Grant::new())).unwrap();
    let welcome = client.expect("welcome").await;
    assert_eq!(welcome["received"], 0);
    client.send(r#"{"type":"leave"}"#);
    assert_eq!(closed(&mut client).await, CloseReason::Left);
}

#[tokio::test(start_paused = true)]
async fn a_decision_that_does_not_come_in_time_is_unavailable() {
    let hub =
        Hub::new(Limits::builder().authorize_timeout(Duration::from_secs(7)).build().unwrap());
    let (mut client, mut decisions, task) = connect(&hub);
    let start = Instant::now();
    let mut decision = decisions.recv().await.unwrap();
    client.expect("ping").await;
    client.expect("ping").await;
    assert_eq!(client.expect("error").await["code"], "unavailable");
    assert_about(start.elapsed(), Duration::from_secs(7));
    decision.closed().await;
    assert_eq!(closed(&mut client).await, CloseReason::Unavailable);
    task.await.unwrap();
    assert_eq!(hub.sessions(), 0);
}

/// A regression: four attempts of one impatient client were four members until the end of the grace
/// period.
#[tokio::test(start_paused = true)]
async fn a_lost_connection_withdraws_its_join() {
    let hub = Hub::default();
    let mut other = observer(&hub).await;
    for _ in 0..4 {
        let (client, mut decisions, task) = connect(&hub);
        let mut decision = decisions.recv().await.unwrap();
        sleep(Duration::from_secs(1)).await;
        drop(client);
        decision.closed().await;
        task.await.unwrap();
    }
    // Decided at the moment at which the client disconnects.
    let (client, mut decisions, task) = connect(&hub);
    decisions.recv().await.unwrap().send(Ok(Grant::new())).unwrap();
    drop(client);
    task.await.unwrap();
    timeout(Duration::from_secs(60), other.recv()).await.expect_err("nobody joined");
    assert_eq!(hub.sessions(), 1);
}

#[tokio::test(start_paused = true)]
async fn leaving_withdraws_the_join() {
    let hub = Hub::default();
    let (mut client, mut decisions, task) = connect(&hub);
    let mut decision = decisions.recv().await.unwrap();
    client.send(r#"{"type":"leave"}"#);
    decision.closed().await;
    assert_eq!(client.next().await, Received::Closed(CloseReason::Left));
    task.await.unwrap();
    assert_eq!(hub.sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn messages_during_the_authorization_are_handled_after_the_welcome() {
    let hub = Hub::default();
    let mut other = observer(&hub).await;
    let (mut client, mut decisions, _task) = connect(&hub);
    let decision = decisions.recv().await.unwrap();
    for n in 1..=3 {
        client.send(&json!({"type": "broadcast", "data": n}).to_string());
    }
    client.send("no JSON");
    client.expect("ping").await;
    decision.send(Ok(Grant::new())).unwrap();
    let welcome = client.expect("welcome").await;
    assert_eq!(client.expect("error").await["code"], "bad-message");
    assert_eq!(other.recv().await["peer"]["id"], welcome["self"]["id"]);
    for n in 1..=3 {
        assert_eq!(other.recv().await["data"], n);
    }
}

#[tokio::test(start_paused = true)]
async fn input_during_the_authorization_is_bounded() {
    let limits = Limits::builder().rate_per_second(1).rate_burst(8);
    let hub = Hub::new(limits.build().unwrap());
    for incoming in [
        || Incoming::Control,
        || Incoming::Partial { fragments: 1, bytes: 0 },
        || Incoming::Text(r#"{"type":"ack","received":0}"#.to_owned()),
    ] {
        let (mut client, mut decisions, task) = connect(&hub);
        let mut decision = decisions.recv().await.unwrap();
        (0..16).for_each(|_| client.sender().deliver(incoming()));
        assert_eq!(closed(&mut client).await, CloseReason::Flood);
        decision.closed().await;
        task.await.unwrap();
    }
    // A protocol error ends the connection as usual.
    let (mut client, _decisions, _task) = connect(&hub);
    client.sender().deliver(Incoming::ProtocolError(CloseReason::NotUtf8));
    assert_eq!(closed(&mut client).await, CloseReason::NotUtf8);
}

/// The driver holds no more bytes than one frame may have. Further messages, and the end of the
/// connection behind them, stay unread in the socket, so the timeout ends it.
#[tokio::test(start_paused = true)]
async fn more_than_a_frame_of_messages_is_not_held() {
    let limits = Limits::builder().frame_bytes(4096).authorize_timeout(Duration::from_secs(5));
    let hub = Hub::new(limits.build().unwrap());
    let (mut client, mut decisions, task) = connect(&hub);
    let decision = decisions.recv().await.unwrap();
    // Each counts for at least a kilobyte.
    (0..4).for_each(|_| client.send(r#"{"type":"broadcast","data":0}"#));
    client.send(r#"{"type":"leave"}"#);
    client.expect("ping").await;
    assert!(!decision.is_closed());
    assert_eq!(client.expect("error").await["code"], "unavailable");
    assert_eq!(closed(&mut client).await, CloseReason::Unavailable);
    task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_during_the_authorization_is_too_slow() {
    let hub = Hub::default();
    let (server, mut client) = connection(1);
    client.stall();
    client.send(r#"{"type":"join"}"#);
    let authorize = |_: AuthRequest| pending::<Result<Grant, Denied>>();
    let task = tokio::spawn(serve(hub.clone(), room(), authorize, server));
    sleep(Duration::from_secs(20)).await;
    task.await.unwrap();
    assert_eq!(hub.sessions(), 0);
}
