//! Connections that the application has denied before their first message.

use meet_signal_core::{
    CloseReason, Denied, Hub, Limits, LimitsBuilder,
    driver::{EndReason, Outcome, Traffic, refuse},
    socket::Incoming,
    testing::{ClientEnd, Received, connection},
};
use serde_json::{Value, json};
use tokio::{
    task::JoinHandle,
    time::{Duration, Instant},
};

use crate::{closed, connect, observer};

fn logged_out() -> Denied {
    Denied::unauthorized("log in again")
}

fn refused(hub: &Hub, denied: Denied) -> (ClientEnd, JoinHandle<Outcome>) {
    let (server, client) = connection(8);
    (client, tokio::spawn(refuse(hub.clone(), denied, server)))
}

fn refused_from(hub: &Hub, address: &str) -> (ClientEnd, JoinHandle<Outcome>) {
    let (server, client) = connection(8);
    let server = server.from_address(address.parse().expect("an address"));
    (client, tokio::spawn(refuse(hub.clone(), logged_out(), server)))
}

fn hub(limits: impl FnOnce(LimitsBuilder) -> LimitsBuilder) -> Hub {
    Hub::new(limits(Limits::builder()).build().expect("valid limits"))
}

#[tokio::test(start_paused = true)]
async fn a_denied_connection_gets_the_error_and_the_close_at_once() {
    let hub = Hub::default();
    for (denied, code, reason) in [
        (logged_out(), "unauthorized", CloseReason::Unauthorized),
        (Denied::refused("log in again"), "denied", CloseReason::Denied),
        (Denied::banned("log in again"), "banned", CloseReason::Banned),
        (Denied::room_locked("log in again"), "room-locked", CloseReason::RoomFull),
        (Denied::duplicate("log in again"), "duplicate", CloseReason::Duplicate),
        (Denied::unavailable("log in again"), "unavailable", CloseReason::Unavailable),
    ] {
        let start = Instant::now();
        let (mut client, task) = refused(&hub, denied);
        let error = json!({"type": "error", "code": code, "message": "log in again"});
        assert_eq!(client.next().await, Received::Flush(vec![error]));
        assert_eq!(client.next().await, Received::Closed(reason.clone()));
        let outcome = task.await.unwrap();
        assert_eq!((outcome.peer, outcome.reason), (None, EndReason::Closed(reason)));
        assert_eq!((outcome.sent, outcome.received), (Traffic::default(), Traffic::default()));
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
    assert_eq!(hub.sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_the_client_sends_changes_nothing() {
    let hub = Hub::default();
    let mut other = observer(&hub).await;
    let (mut member, _task) = connect(&hub);
    let welcome = member.join().await;
    other.recv().await;
    let ticket = &welcome["ticket"];
    for message in [
        json!({"type": "join"}),
        json!({"type": "join", "replaces": ticket}),
        json!({"type": "join", "resume": {"ticket": ticket, "received": 0}}),
        json!({"type": "leave", "ticket": ticket}),
        json!("no object"),
    ] {
        let (mut client, task) = refused(&hub, logged_out());
        client.send(&message.to_string());
        assert_eq!(client.expect("error").await["code"], "unauthorized", "{message}");
        assert_eq!(client.next().await, Received::Closed(CloseReason::Unauthorized), "{message}");
        task.await.unwrap();
    }
    let (mut client, _) = refused(&hub, logged_out());
    client.sender().deliver(Incoming::ProtocolError(CloseReason::Binary));
    assert_eq!(closed(&mut client).await, CloseReason::Unauthorized);
    // The member was neither replaced, resumed nor away.
    member.send(r#"{"type":"broadcast","data":1}"#);
    assert_eq!(other.recv().await["data"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_reads_does_not_hold_the_task() {
    let (server, mut client) = connection(1);
    client.stall();
    let start = Instant::now();
    let outcome = refuse(Hub::default(), logged_out(), server).await;
    assert_eq!(outcome.reason, EndReason::Closed(CloseReason::TooSlow));
    // The write timeout of 10 s, and the time to reply to a close frame.
    assert!(start.elapsed() < Duration::from_secs(13), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_reply_to_the_close_does_not_hold_the_task() {
    let (server, client) = connection(8);
    client.half_open();
    let start = Instant::now();
    let outcome = refuse(Hub::default(), logged_out(), server).await;
    assert_eq!(outcome.reason, EndReason::Closed(CloseReason::Unauthorized));
    assert_eq!(start.elapsed(), Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_gone_ends_the_task() {
    let (client, task) = refused(&Hub::default(), logged_out());
    client.cut();
    assert_eq!(task.await.unwrap().reason, EndReason::Disconnected);
}

#[tokio::test(start_paused = true)]
async fn refused_connections_count_for_their_address_while_they_are_open() {
    const ADDRESS: &str = "192.0.2.1";
    let hub = hub(|limits| limits.address_connections(1));
    let (server, mut slow) = connection(1);
    slow.stall();
    let server = server.from_address(ADDRESS.parse().unwrap());
    let holding = tokio::spawn(refuse(hub.clone(), logged_out(), server));
    tokio::task::yield_now().await;

    let (mut client, task) = refused_from(&hub, ADDRESS);
    let error = client.expect("error").await;
    assert_eq!(error["code"], "rate-limited");
    assert!(error["retryAfterMs"].as_u64() >= Some(5000), "{error}");
    assert_eq!(client.next().await, Received::Closed(CloseReason::Unavailable));
    assert_eq!(task.await.unwrap().reason, EndReason::Closed(CloseReason::Unavailable));
    let (mut other, _) = refused_from(&hub, "192.0.2.2");
    assert_eq!(other.expect("error").await["code"], "unauthorized");

    holding.await.unwrap();
    let (mut client, _) = refused_from(&hub, ADDRESS);
    assert_eq!(client.expect("error").await["code"], "unauthorized");
}

/// A client that guesses logins does not learn more than one that guesses tokens.
#[tokio::test(start_paused = true)]
async fn refusals_and_attempts_to_join_count_for_their_address() {
    const ADDRESS: &str = "192.0.2.1";
    let code = async |hub: &Hub, address: &str| -> Value {
        let (mut client, task) = refused_from(hub, address);
        let error = client.expect("error").await;
        closed(&mut client).await;
        task.await.unwrap();
        error["code"].clone()
    };
    for hub in [
        hub(|limits| limits.address_refusals_per_minute(2)),
        hub(|limits| limits.address_joins_per_minute(2)),
    ] {
        for _ in 0..2 {
            assert_eq!(code(&hub, ADDRESS).await, "unauthorized");
        }
        assert_eq!(code(&hub, ADDRESS).await, "rate-limited");
        assert_eq!(code(&hub, "192.0.2.2").await, "unauthorized");
    }
    // A server that cannot decide has not refused anyone.
    let hub = hub(|limits| limits.address_refusals_per_minute(1));
    for _ in 0..3 {
        let (server, mut client) = connection(8);
        let server = server.from_address(ADDRESS.parse().unwrap());
        let _task = tokio::spawn(refuse(hub.clone(), Denied::unavailable("later"), server));
        assert_eq!(client.expect("error").await["code"], "unavailable");
    }
}
