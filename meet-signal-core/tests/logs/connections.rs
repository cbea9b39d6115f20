//! Connections that are refused, and those that the server closes.

use std::time::Duration;

use meet_signal_core::{
    AuthRequest, CloseReason, Denied, Grant, Hub, IceServerProvider, IceServerRequest, Limits,
    OriginPolicy, ProvideIceServers,
    driver::refuse,
    handshake::Handshake,
    socket::Incoming,
    testing::{ClientEnd, connection},
};
use tokio::time::sleep;
use tracing::Level;

use crate::{
    capture,
    capture::{Line, Logs},
    connect, connect_as, connect_from, ended, room,
};

/// Its level, code, close code, who refused, and why.
fn refusal(line: &Line) -> (Level, &str, &str, &str, &str) {
    let [code, close, by, why] = ["code", "close", "by", "why"].map(|name| line.field(name));
    (line.level, code, close, by, why)
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_the_application_has_its_code_and_not_its_text() {
    let (logs, _guard) = capture();
    let deny = async |_: AuthRequest| Err(Denied::banned("Ada was banned by Bob"));
    let (mut client, task) = connect_as(&Hub::default(), deny);
    client.send(r#"{"type":"join"}"#);
    ended(&mut client).await;
    task.await.unwrap();
    assert_eq!(logs.one("authorized").field("result"), "denied");
    let refused = logs.one("refused");
    assert_eq!(refusal(&refused), (Level::INFO, "banned", "4505", "application", ""));
    assert_ne!(refused.span("room"), "");
    assert_eq!(refused.span("peer"), "");
    assert_eq!(logs.one("closed").field("reason"), "banned");
    assert_eq!([logs.of("joined"), logs.of("left")], [[], []]);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_before_the_first_message_is_logged() {
    let (logs, _guard) = capture();
    let (server, mut client) = connection(8);
    let refused = refuse(Hub::default(), Denied::unauthorized("log in, Ada"), server);
    let task = tokio::spawn(refused);
    ended(&mut client).await;
    task.await.unwrap();
    let refused = logs.one("refused");
    assert_eq!(refusal(&refused), (Level::INFO, "unauthorized", "4502", "application", ""));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_the_server_says_why() {
    let full = || Hub::new(Limits::builder().room_peers(1).build().unwrap());
    let locked = || {
        let hub = Hub::default();
        hub.lock(&room(), true);
        hub
    };
    for (hub, code, close, why) in [
        (full(), "room-full", "4503", "the room is full"),
        (locked(), "room-locked", "4503", "the room is locked"),
    ] {
        let (logs, _guard) = capture();
        let (first, _task) = connect(&hub);
        first.send(r#"{"type":"join"}"#);
        sleep(Duration::from_millis(1)).await;
        let (mut second, task) = connect(&hub);
        second.send(r#"{"type":"join"}"#);
        ended(&mut second).await;
        task.await.unwrap();
        let last = logs.of("refused").pop().unwrap();
        assert_eq!(refusal(&last), (Level::INFO, code, close, "server", why));
    }
}

#[tokio::test(start_paused = true)]
async fn an_address_over_its_limits_is_refused_without_its_address() {
    let (logs, _guard) = capture();
    let limits = Limits::builder().address_connections(2).address_joins_per_minute(1);
    let hub = Hub::new(limits.build().unwrap());
    let (mut first, _first) = connect_from(&hub, "192.0.2.7");
    first.join().await;
    let (mut second, _second) = connect_from(&hub, "192.0.2.7");
    sleep(Duration::from_millis(1)).await;
    let (mut third, _third) = connect_from(&hub, "192.0.2.7");
    ended(&mut third).await;
    second.send(r#"{"type":"join"}"#);
    ended(&mut second).await;
    let refused = logs.of("refused");
    let all: Vec<_> = refused.iter().map(refusal).collect();
    let expected = |why| (Level::INFO, "rate-limited", "4003", "server", why);
    let reasons = ["too many connections of one address", "too many joins of one address"];
    assert_eq!(all, reasons.map(expected));
    let shown = logs.lines().into_iter().filter(|line| line.level <= Level::DEBUG);
    assert!(!shown.map(|line| format!("{line:?}")).any(|line| line.contains("192.0.2.7")));
}

#[test]
fn a_request_that_is_not_upgraded_is_logged_once() {
    let check = |headers: &[(&str, &str)], segment: &str, policy: &OriginPolicy, upgrade: bool| {
        let (logs, _guard) = capture();
        let headers = headers.iter().map(|(name, value)| (*name, value.as_bytes()));
        let handshake = Handshake::new(Some("meet.example"), headers).upgrade(upgrade);
        let results = [
            handshake.check_segment(segment, policy).map(|accepted| accepted.subprotocol),
            handshake.check(segment, policy).map(|accepted| accepted.subprotocol),
            handshake.check_page(policy),
        ];
        let lines = logs.of("upgrade refused");
        assert_eq!(lines.len(), results.iter().filter(|result| result.is_err()).count());
        lines.first().map(|line| {
            (line.level, line.field("reason").to_owned(), line.field("status").to_owned())
        })
    };
    let refused = |reason: &str, status: &str| Some((Level::DEBUG, reason.into(), status.into()));
    let same = OriginPolicy::same_host();
    assert_eq!(check(&[], "standup", &same, true), None);
    let evil = [("origin", "https://ada.example")];
    assert_eq!(check(&evil, "standup", &same, true), refused("origin", "403"));
    let browsers = same.clone().browsers_only();
    assert_eq!(check(&[], "standup", &browsers, true), refused("no-origin", "403"));
    let chat = [("sec-websocket-protocol", "chat")];
    assert_eq!(check(&chat, "standup", &same, true), refused("subprotocol", "400"));
    assert_eq!(check(&[], "..", &same, true), refused("room-name", "400"));
    assert_eq!(check(&[], "standup", &same, false), refused("not-websocket", "426"));
}

/// Runs a member until its connection has ended, and returns the event of that.
async fn closed(hub: &Hub, act: impl AsyncFnOnce(&mut ClientEnd)) -> (Line, Logs) {
    let (logs, _guard) = capture();
    let (mut client, task) = connect(hub);
    client.join().await;
    act(&mut client).await;
    ended(&mut client).await;
    drop(client);
    task.await.expect("it does not panic");
    (logs.one("closed"), logs)
}

#[tokio::test(start_paused = true)]
async fn a_flood_is_logged_once_for_its_connection() {
    let hub = Hub::new(Limits::builder().rate_per_second(1).rate_burst(10).build().unwrap());
    let (line, logs) = closed(&hub, async |client| {
        (0..1_000).for_each(|_| client.send(r#"{"type":"broadcast","data":1}"#));
    })
    .await;
    assert_eq!(
        (line.level, line.field("reason"), line.field("code")),
        (Level::WARN, "flood", "4004")
    );
    assert_eq!(logs.one("left").field("reason"), "timeout");
}

#[tokio::test(start_paused = true)]
async fn a_slow_client_and_a_silent_one_are_told_apart() {
    let hub = Hub::default();
    let (line, logs) = closed(&hub, async |client| {
        client.stall();
        let big = "x".repeat(60_000);
        for _ in 0..100 {
            let _ = hub.send_all(&room(), &big);
        }
        sleep(Duration::from_secs(60)).await;
    })
    .await;
    assert_eq!(
        (line.level, line.field("reason"), line.field("code")),
        (Level::WARN, "too-slow", "4002")
    );
    assert_eq!(logs.one("away").field("reason"), "too-slow");

    let (line, logs) = closed(&hub, async |_| {}).await;
    assert_eq!((line.level, line.field("reason")), (Level::INFO, "heartbeat-missed"));
    assert_eq!(logs.one("away").field("reason"), "heartbeat-missed");
    assert_eq!(logs.one("left").field("reason"), "timeout");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_breaks_the_protocol_is_seen() {
    let (logs, _guard) = capture();
    let hub = Hub::default();
    let (mut client, task) = connect(&hub);
    client.join().await;
    client.sender().deliver(Incoming::ProtocolError(CloseReason::Binary));
    ended(&mut client).await;
    task.await.unwrap();
    let line = logs.one("closed");
    assert_eq!(
        (line.level, line.field("reason"), line.field("code")),
        (Level::INFO, "binary", "1003")
    );
    assert_eq!(logs.one("left").field("reason"), "closed");

    // It never joins.
    let (logs, _guard) = capture();
    let (mut client, task) = connect(&hub);
    ended(&mut client).await;
    task.await.unwrap();
    assert_eq!(logs.one("closed").field("reason"), "protocol-violation");
}

#[tokio::test(start_paused = true)]
async fn an_application_that_is_too_slow_is_a_warning() {
    let (logs, _guard) = capture();
    let hub = Hub::default();
    let never = async |_: AuthRequest| std::future::pending().await;
    let (mut client, task) = connect_as(&hub, never);
    client.send(r#"{"type":"join"}"#);
    ended(&mut client).await;
    task.await.unwrap();
    let limit = hub.limits().authorize_timeout().as_millis().to_string();
    let late = logs.one("authorization timed out");
    assert_eq!((late.level, late.field("limit_ms")), (Level::WARN, &*limit));
    let authorized = logs.one("authorized");
    assert_eq!((authorized.field("result"), authorized.field("elapsed_ms")), ("denied", &*limit));

    // The client leaves first.
    let (logs, _guard) = capture();
    let (client, task) = connect_as(&hub, never);
    client.send(r#"{"type":"join"}"#);
    sleep(Duration::from_secs(2)).await;
    client.send(r#"{"type":"leave"}"#);
    drop(client);
    task.await.unwrap();
    let authorized = logs.one("authorized");
    assert_eq!((authorized.field("result"), authorized.field("elapsed_ms")), ("abandoned", "2000"));
}

/// What the application logs while it decides has the room.
#[tokio::test(start_paused = true)]
async fn the_applications_own_events_are_in_the_span() {
    let (logs, _guard) = capture();
    let hub = Hub::default();
    let authorize = async |_: AuthRequest| {
        tokio::task::yield_now().await;
        tracing::info!(target: "application", "deciding");
        Ok(Grant::new())
    };
    let (mut client, _task) = connect_as(&hub, authorize);
    client.join().await;
    let everything = logs.everything();
    let line = everything.iter().find(|line| line.target == "application").unwrap();
    assert_eq!(line.span("room"), hub.room_tag(&room()));
}

struct Failing;

impl IceServerProvider for Failing {
    fn provide(&self, _: IceServerRequest) -> ProvideIceServers<'_> {
        Box::pin(async { Err("the secret of Ada is wrong".into()) })
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_fails_is_a_warning() {
    let (logs, _guard) = capture();
    let hub = Hub::default();
    let (mut client, _task) = connect_as(&hub, Grant::new().ice_provider(Failing));
    client.join().await;
    let line = logs.one("no ICE servers");
    assert_eq!((line.level, line.span("room")), (Level::WARN, &*hub.room_tag(&room())));
    assert!(!format!("{:?}", logs.lines()).contains("secret of Ada"));
}
