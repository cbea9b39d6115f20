//! What the application does through its hub.

use std::time::Duration;

use meet_signal_core::{IceServer, PeerId, SendError};
use serde_json::{json, value::to_raw_value};

use crate::{
    check::{Result, Violation, ensure, with_timeout},
    client::ReadMode,
    observers::Observers,
    server::Server,
};

pub(super) async fn app(server: Server) -> Result {
    let (mut observers, mut member) = Observers::join_with_client(&server).await?;
    let (hub, room) = (server.hub()?, server.room_id());
    let data = to_raw_value(&json!({"recording": true})).map_err(Violation::new)?;
    let message = json!({"type": "app", "data": {"recording": true}});
    hub.send_all(&room, &data).map_err(Violation::new)?;
    observers.expect(&message).await?;
    member.expect(message.clone()).await?;

    let id = member.id.parse().map_err(Violation::new)?;
    hub.send(&room, id, &data).map_err(Violation::new)?;
    member.expect(message).await?;
    member.check_alive().await?;
    observers.check_undisturbed().await
}

pub(super) async fn ice_servers(server: Server) -> Result {
    let (mut observers, mut member) = Observers::join_with_client(&server).await?;
    let (hub, room) = (server.hub()?, server.room_id());
    let id: PeerId = member.id.parse().map_err(Violation::new)?;
    let servers = [IceServer::turn("turn:turn.example", "a name", "a secret")];
    hub.set_ice_servers(&room, id, servers).map_err(Violation::new)?;
    let servers =
        json!([{"urls": ["turn:turn.example"], "username": "a name", "credential": "a secret"}]);
    member.expect(json!({"type": "iceServers", "iceServers": servers})).await?;
    member.check_alive().await?;
    let resumed = server.resume(&member, 2).await?;
    ensure!(
        resumed.welcome["iceServers"] == servers,
        "`iceServers` is {}",
        resumed.welcome["iceServers"]
    );
    let none: [IceServer; 0] = [];
    let sent = hub.set_ice_servers(&server.room("other").room_id(), id, none.clone());
    ensure!(sent == Err(SendError::NoSuchRoom), "there is no such room: {sent:?}");
    observers.expect_leave(resumed).await?;
    let sent = hub.set_ice_servers(&room, id, none);
    ensure!(sent == Err(SendError::NoSuchPeer), "there is no such member: {sent:?}");
    observers.check_undisturbed().await
}

pub(super) async fn close_room(server: Server) -> Result {
    let mut other_room = Observers::join(&server.room("other")).await?;
    let mut observers = Observers::join(&server).await?;
    let (hub, room) = (server.hub()?, server.room_id());
    ensure!(hub.close_room(&room), "the hub does not have the room");
    for member in observers.both() {
        member.expect_close(4507).await?;
    }
    other_room.check_undisturbed().await?;
    let data = to_raw_value(&1).map_err(Violation::new)?;
    let sent = hub.send_all(&room, &data);
    ensure!(sent == Err(SendError::NoSuchRoom), "the room still exists: {sent:?}");
    let count = server.join().await?.peers().len();
    ensure!(count == 0, "{count} peers are still in the room");
    Ok(())
}

pub(super) async fn drain(server: Server) -> Result {
    let hub = server.hub()?.clone();
    let mut observers = Observers::join(&server).await?;
    let mut silent = observers.join_client_as(ReadMode::NoReply).await?;
    let drained = tokio::spawn({
        let hub = hub.clone();
        async move { hub.drain().await }
    });
    let mut delays = Vec::new();
    for member in observers.both() {
        delays.push(member.expect_close(4000).await?);
    }
    delays.push(silent.expect_close(4000).await?);
    for reason in delays {
        let delay = reason.strip_prefix("retry-after-ms=").and_then(|ms| ms.parse().ok());
        let delay = delay.map(Duration::from_millis);
        let is_valid = delay.is_some_and(|delay| delay < Duration::from_secs(60));
        ensure!(is_valid, "closed with {reason:?}");
    }
    let mut late = server.connect().await?;
    late.send(json!({"type": "join"})).await?;
    late.expect_error("unavailable", None).await?;
    late.expect_close(4000).await?;
    // Although one client does not reply to its close frame.
    with_timeout("draining the hub", drained).await?.map_err(Violation::new)?;
    let (sessions, rooms) = (hub.sessions(), hub.rooms());
    ensure!(
        sessions == 0 && rooms.is_empty(),
        "{sessions} sessions remain, and the rooms {rooms:?}"
    );
    Ok(())
}
