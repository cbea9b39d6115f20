//! The settings of one room.

use std::time::Duration;

use meet_signal_core::{Grant, Hub, Limits, RoomSettings};
use serde_json::json;
use tokio::time::advance;

use crate::{
    client::{SECOND, answer, closed, connect, host, join, member, plain, refused},
    room,
};

fn with(settings: RoomSettings) -> Grant {
    member().room_settings(settings)
}

#[tokio::test(start_paused = true)]
async fn the_first_grant_decides_while_the_room_lives() {
    let hub = Hub::default();
    let (mut ada, welcome) = join(&hub, with(RoomSettings::new().capacity(2).rate(2, 3))).await;
    let limits = &welcome["limits"];
    assert_eq!((&limits["ratePerSecond"], &limits["rateBurst"]), (&json!(2), &json!(3)));
    assert_eq!(limits["updatesPerMinute"], Limits::default().updates_per_minute());
    let (mut bob, welcome) = join(&hub, with(RoomSettings::new().capacity(9))).await;
    assert_eq!(welcome["limits"], *limits);
    assert_eq!(refused(&hub, member(), plain()).await.0, "room-full");
    // Three at once: its `join` and its `ack` count, too.
    bob.send(r#"{"type":"broadcast","data":1}"#);
    assert_eq!(answer(&mut bob, json!({"type": "broadcast", "data": 1})).await, "rate-limited");
    let resume = json!({"type": "join", "resume": {"ticket": welcome["ticket"], "received": 0}});
    let mut again = connect(&hub, member());
    again.send(&resume.to_string());
    assert_eq!(again.expect("welcome").await["limits"], *limits);

    for client in [&mut ada, &mut again] {
        client.send(r#"{"type":"leave"}"#);
        closed(client).await;
    }
    let (_ada, welcome) = join(&hub, with(RoomSettings::new().capacity(1))).await;
    assert_eq!(welcome["limits"]["ratePerSecond"], Limits::default().rate_per_second());
    assert_eq!(refused(&hub, member(), plain()).await.0, "room-full");
}

#[tokio::test(start_paused = true)]
async fn a_room_may_have_a_lobby_from_the_first_join_on() {
    let hub = Hub::default();
    let settings = || RoomSettings::new().lobby(true).lobby_peers(1);
    let mut bob = connect(&hub, with(settings()));
    bob.send(&plain().to_string());
    bob.expect("waiting").await;
    assert_eq!(refused(&hub, with(settings()), plain()).await.0, "room-full");
    let (ada, welcome) = join(&hub, host().room_settings(settings())).await;
    assert_eq!(welcome["knocking"].as_array().map(Vec::len), Some(1));
    ada.send(r#"{"type":"lobby","enabled":false}"#);
    let (mut cleo, welcome) = join(&hub, with(settings())).await;
    assert!(welcome.get("lobby").is_none(), "the host has turned it off");
    for client in [&mut { ada }, &mut bob, &mut cleo] {
        client.send(r#"{"type":"leave"}"#);
        closed(client).await;
    }
    // That it was turned off is remembered, as a lock would be; then the grant decides.
    let (mut cleo, _) = join(&hub, with(settings())).await;
    cleo.send(r#"{"type":"leave"}"#);
    closed(&mut cleo).await;
    advance(hub.limits().empty_room_time()).await;
    let mut dan = connect(&hub, with(settings()));
    dan.send(&plain().to_string());
    dan.expect("waiting").await;
}

#[tokio::test(start_paused = true)]
async fn the_application_changes_the_settings() {
    let hub = Hub::default();
    let settings = RoomSettings::new().capacity(1).empty_room_time(10 * SECOND);
    hub.set_room_settings(&room(), &settings);
    let (mut ada, _) = join(&hub, with(RoomSettings::new().capacity(5))).await;
    assert_eq!(refused(&hub, member(), plain()).await.0, "room-full");
    hub.set_room_settings(&room(), &settings.clone().capacity(2).joins_per_minute(1));
    let (mut bob, _) = join(&hub, member()).await;
    for client in [&mut ada, &mut bob] {
        client.send(r#"{"type":"leave"}"#);
        closed(client).await;
    }
    assert_eq!(refused(&hub, member(), plain()).await.0, "rate-limited", "it is remembered");
    advance(Duration::from_secs(11)).await;
    join(&hub, member()).await;
}
