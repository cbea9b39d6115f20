//! What the application does by its hub.

use std::time::Duration;

use meet_signal_core::SendError;
use serde_json::{json, value::to_raw_value};

use crate::{
    check::{Broken, Verdict, ensure, within_patience},
    client::Conduct,
    server::Server,
};

pub(super) async fn app(server: Server) -> Verdict {
    let (mut others, mut member) = server.intruder().await?;
    let (hub, room) = (server.hub()?, server.room_id());
    let data = to_raw_value(&json!({"recording": true})).map_err(Broken::new)?;
    let message = json!({"type": "app", "data": {"recording": true}});
    hub.send_all(&room, &data).map_err(Broken::new)?;
    others.told(&message).await?;
    member.expect(message.clone()).await?;

    let id = member.id.parse().map_err(Broken::new)?;
    hub.send(&room, id, &data).map_err(Broken::new)?;
    member.expect(message).await?;
    member.goes_on().await?;
    others.undisturbed().await
}

pub(super) async fn close_room(server: Server) -> Verdict {
    let mut neighbours = server.room("next-door").bystanders().await?;
    let mut others = server.bystanders().await?;
    let (hub, room) = (server.hub()?, server.room_id());
    ensure!(hub.close_room(&room), "the hub knows no room of this name");
    for member in others.pair() {
        member.closed(4507).await?;
    }
    neighbours.undisturbed().await?;
    let data = to_raw_value(&1).map_err(Broken::new)?;
    let sent = hub.send_all(&room, &data);
    ensure!(sent == Err(SendError::NoSuchRoom), "the room is still there: {sent:?}");
    let found = server.join().await?.found().len();
    ensure!(found == 0, "{found} are still in the room");
    Ok(())
}

pub(super) async fn drain(server: Server) -> Verdict {
    let hub = server.hub()?.clone();
    let mut others = server.bystanders().await?;
    let mut silent = server.join_as(Conduct::Mute).await?;
    others.see_joined(&silent.id).await?;
    let drained = tokio::spawn({
        let hub = hub.clone();
        async move { hub.drain().await }
    });
    let mut delays = Vec::new();
    for member in others.pair() {
        delays.push(member.closed(4000).await?);
    }
    delays.push(silent.closed(4000).await?);
    for reason in delays {
        let delay = reason.strip_prefix("retry-after-ms=").and_then(|ms| ms.parse().ok());
        let delay = delay.map(Duration::from_millis);
        let sensible = delay.is_some_and(|delay| delay < Duration::from_secs(60));
        ensure!(sensible, "closed with {reason:?}");
    }
    let mut late = server.connect().await?;
    late.say(json!({"type": "join"})).await?;
    late.expect_error("unavailable", None).await?;
    late.closed(4000).await?;
    // The silent one answers nothing, and is not waited for without end.
    within_patience("a hub drains", drained).await?.map_err(Broken::new)?;
    let (sessions, rooms) = (hub.sessions(), hub.rooms());
    ensure!(sessions == 0 && rooms.is_empty(), "{sessions} sessions are left, and {rooms:?}");
    Ok(())
}
