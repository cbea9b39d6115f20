//! The close reasons of a connection, and their timing.

use meet_signal_core::{
    AuthRequest, CloseReason, Denied, Grant, Hub, Limits, Secret, Status,
    driver::serve,
    socket::Incoming,
    testing::{ClientEnd, Received, connection},
};
use serde_json::{Value, json};
use tokio::time::{Duration, Instant, advance, sleep};

use crate::{
    BEAT, FINAL_READ, assert_about, closed, connect, connect_with_room_for, observer,
    resume::send_app, room,
};

/// A member whose socket accepts nothing, with a write in progress.
async fn stalled(hub: &Hub) -> (ClientEnd, Value) {
    let (mut client, _task) = connect_with_room_for(1, hub);
    let welcome = client.join().await;
    client.stall();
    send_app(hub, 1);
    sleep(Duration::from_secs(1)).await;
    (client, welcome)
}

#[tokio::test(start_paused = true)]
async fn a_stalled_client_gets_the_hubs_close_reason() {
    // It reads again at any time while the server still waits for it.
    for wait in [0, 5, 11] {
        let wait = Duration::from_secs(wait);
        let hub = Hub::default();
        let (mut client, _) = stalled(&hub).await;
        assert!(hub.close_room(&room()));
        sleep(wait).await;
        assert_eq!(closed(&mut client).await, CloseReason::RoomClosed, "{wait:?}");

        let (mut client, _) = stalled(&hub).await;
        let drained = tokio::spawn({
            let hub = hub.clone();
            async move { hub.drain().await }
        });
        sleep(wait).await;
        let reason = closed(&mut client).await;
        assert!(matches!(reason, CloseReason::Draining { .. }), "{reason:?} after {wait:?}");
        drained.await.unwrap();

        let hub = Hub::default();
        let (mut client, welcome) = stalled(&hub).await;
        let (new, _task) = connect(&hub);
        new.send(&json!({"type": "join", "replaces": welcome["ticket"]}).to_string());
        sleep(wait).await;
        assert_eq!(closed(&mut client).await, CloseReason::TakenOver, "{wait:?}");
    }
}

/// The write has timed out, and the room is closed while the close frame waits as well. That is too
/// late for this connection, but its session ends.
#[tokio::test(start_paused = true)]
async fn a_stalled_client_is_closed_in_the_end() {
    let hub = Hub::default();
    let (client, _) = stalled(&hub).await;
    let start = Instant::now();
    assert!(hub.close_room(&room()));
    while hub.sessions() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
    drop(client);
}

/// A process that was suspended finds its timers expired and its sockets full.
#[tokio::test(start_paused = true)]
async fn a_suspended_server_loses_no_client_that_kept_sending() {
    for pause in [Duration::from_secs(31), Duration::from_secs(40), Duration::from_secs(3600)] {
        let hub = Hub::default();
        let mut clients = Vec::new();
        for _ in 0..16 {
            let (mut client, task) = connect(&hub);
            client.join().await;
            clients.push((client, task));
        }
        sleep(BEAT / 2).await;
        for (client, _) in &clients {
            client.send(r#"{"type":"pong","received":0}"#);
        }
        advance(pause).await;
        sleep(FINAL_READ * 2).await;
        let away = hub.roster(&room()).iter().filter(|it| it.status == Status::Away).count();
        assert_eq!(away, 0, "after {pause:?}");
    }
}

/// Data that arrives during the final read prevents the loss.
#[tokio::test(start_paused = true)]
async fn data_that_arrives_during_the_final_read_counts() {
    let hub = Hub::default();
    let (mut client, _task) = connect(&hub);
    client.join().await;
    sleep(BEAT * 3 + FINAL_READ / 2).await;
    client.send(r#"{"type":"pong","received":0}"#);
    sleep(BEAT).await;
    assert_eq!(hub.roster(&room())[0].status, Status::Here);
    // It was pinged twice before, and is pinged again.
    client.expect("ping").await;
    client.expect("ping").await;
    client.expect("ping").await;
}

#[tokio::test(start_paused = true)]
async fn an_incomplete_message_ends_the_connection_whatever_comes_between() {
    let hub = Hub::default();
    let mut other = observer(&hub).await;
    let (mut client, _task) = connect(&hub);
    client.join().await;
    other.recv().await;
    let start = Instant::now();
    let part = || Incoming::Partial { fragments: 1, bytes: 100 };
    client.sender().deliver(part());
    let talker = client.sender();
    tokio::spawn(async move {
        loop {
            sleep(Duration::from_millis(300)).await;
            talker.deliver(Incoming::Control);
            talker.deliver(part());
        }
    });
    assert_eq!(closed(&mut client).await, CloseReason::TooSlow);
    assert_about(start.elapsed(), Duration::from_secs(10) + FINAL_READ);
    assert_eq!(other.recv().await["status"], "away");
}

#[tokio::test(start_paused = true)]
async fn a_message_that_ends_in_time_begins_the_time_of_the_next() {
    let hub = Hub::default();
    let (mut client, _task) = connect(&hub);
    client.join().await;
    for n in 1..=3 {
        client.sender().deliver(Incoming::Partial { fragments: 2, bytes: 10 });
        sleep(Duration::from_secs(9)).await;
        client.send(r#"{"type":"nonsense"}"#);
        let error = client.expect("error").await;
        assert_eq!(error["code"], "unknown-type", "{n}");
    }
}

#[tokio::test(start_paused = true)]
async fn fragments_and_their_bytes_count_as_they_arrive() {
    let limits = || Limits::builder().rate_per_second(1).rate_bytes_per_second(1000);
    let cut = async |limits: Limits, part: fn() -> Incoming<String>, after: usize| {
        let hub = Hub::new(limits);
        let (mut client, _task) = connect(&hub);
        client.join().await;
        (0..after).for_each(|_| client.sender().deliver(part()));
        client.send(r#"{"type":"leave"}"#);
        closed(&mut client).await
    };
    // Of the burst and the overflow bucket, two frames are the join and its acknowledgement, one is
    // the `leave`.
    let frames = || limits().rate_burst(20).build().unwrap();
    let four = || Incoming::Partial { fragments: 4, bytes: 0 };
    assert_eq!(cut(frames(), four, 8).await, CloseReason::Left);
    assert_eq!(cut(frames(), four, 10).await, CloseReason::Flood);
    let bytes =
        || limits().frame_bytes(1024).meta_bytes(1024).rate_burst_bytes(2048).build().unwrap();
    let thousand = || Incoming::Partial { fragments: 1, bytes: 1000 };
    assert_eq!(cut(bytes(), thousand, 3).await, CloseReason::Left);
    assert_eq!(cut(bytes(), thousand, 5).await, CloseReason::Flood);
}

/// The bytes of fragments are not counted again with the message.
#[tokio::test(start_paused = true)]
async fn a_messages_bytes_count_once() {
    let limits = Limits::builder().frame_bytes(1024).meta_bytes(1024);
    let limits = limits.rate_bytes_per_second(1).rate_burst_bytes(1200).build().unwrap();
    let hub = Hub::new(limits);
    let (mut client, _task) = connect(&hub);
    client.join().await;
    let message = json!({"type": "broadcast", "data": "x".repeat(900)}).to_string();
    client.sender().deliver(Incoming::Partial { fragments: 2, bytes: 800 });
    client.send(&message);
    // The rest of the burst is not enough for another message.
    client.send(&message);
    let error = client.expect("error").await;
    assert_eq!(error["code"], "rate-limited");
    let wait = error["retryAfterMs"].as_u64().unwrap();
    assert!((600_000..900_000).contains(&wait), "{wait}");
}

#[tokio::test(start_paused = true)]
async fn connections_of_one_address_are_bounded_while_they_are_open() {
    let hub = Hub::new(Limits::builder().address_connections(2).build().unwrap());
    let connect = |address: &str| {
        let (server, client) = connection(8);
        let server = server.from_address(address.parse().unwrap());
        tokio::spawn(serve(hub.clone(), room(), Grant::new(), server));
        client
    };
    let mut first = connect("192.0.2.1");
    first.join().await;
    let second = connect("192.0.2.1");
    sleep(Duration::from_millis(1)).await;
    let mut third = connect("192.0.2.1");
    let error = third.expect("error").await;
    assert_eq!((&error["code"], &error["retryAfterMs"]), (&json!("rate-limited"), &json!(5001)));
    assert_eq!(closed(&mut third).await, CloseReason::Unavailable);
    connect("192.0.2.2").join().await;
    drop(second);
    sleep(Duration::from_millis(1)).await;
    connect("192.0.2.1").join().await;
    // A session without a connection does not count.
    drop(first);
    sleep(Duration::from_millis(1)).await;
    connect("192.0.2.1").join().await;
}

#[tokio::test(start_paused = true)]
async fn joins_of_an_address_that_is_refused_often_are_not_authorized() {
    let limits = Limits::builder().address_refusals_per_minute(2).address_joins_per_minute(4);
    let hub = Hub::new(limits.build().unwrap());
    let join = async |address: &str, token: &str| {
        let (server, mut client) = connection(8);
        let server = server.from_address(address.parse().unwrap());
        let authorize = |request: AuthRequest| async move {
            match request.token.as_ref().map(Secret::expose) {
                Some("right") => Ok(Grant::new()),
                Some("busy") => Err(Denied::unavailable("busy")),
                _ => Err(Denied::unauthorized("wrong")),
            }
        };
        tokio::spawn(serve(hub.clone(), room(), authorize, server));
        client.send(&json!({"type": "join", "token": token}).to_string());
        let Received::Flush(frames) = client.next().await else { panic!("an answer") };
        let code = frames[0]["code"].as_str().unwrap_or("welcome").to_owned();
        if code != "welcome" {
            let expected = match code.as_str() {
                "unauthorized" => CloseReason::Unauthorized,
                _ => CloseReason::Unavailable,
            };
            assert_eq!(closed(&mut client).await, expected);
        }
        code
    };
    assert_eq!(join("192.0.2.1", "wrong").await, "unauthorized");
    assert_eq!(
        join("192.0.2.1", "busy").await,
        "unavailable",
        "it does not count against the address"
    );
    assert_eq!(join("192.0.2.1", "wrong").await, "unauthorized");
    assert_eq!(join("192.0.2.1", "right").await, "rate-limited");
    assert_eq!(join("192.0.2.2", "right").await, "welcome");
    // Two of its joins are available again as well.
    advance(Duration::from_secs(30)).await;
    assert_eq!(join("192.0.2.1", "right").await, "welcome");
    assert_eq!(join("192.0.2.1", "right").await, "welcome");
    assert_eq!(join("192.0.2.1", "right").await, "welcome");
    assert_eq!(join("192.0.2.1", "right").await, "rate-limited");
}
