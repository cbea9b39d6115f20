//! Many clients.

use serde_json::json;
use tokio::{task::JoinSet, time::sleep};

use crate::{
    check::{Result, Violation, ensure},
    client::Client,
    observers::Observers,
    server::Server,
    target::limits,
};

pub(super) async fn mass_disconnect(server: Server) -> Result {
    let mut observers = Observers::join(&server).await?;
    for _ in 0..BATCHES {
        let mut batch = JoinSet::new();
        for n in 0..BATCH_SIZE {
            let server = server.room(n % ROOMS);
            batch.spawn(async move { join_and_disconnect(server.connect().await?, n).await });
        }
        while let Some(one) = batch.join_next().await {
            one.map_err(Violation::new)??;
        }
    }
    for n in 0..ROOMS {
        wait_until_empty(&server.room(n)).await?;
    }
    if let Ok(hub) = server.hub() {
        let mut rooms = hub.rooms();
        rooms.retain(|room| room.as_str().starts_with(server.room_name()));
        ensure!(rooms == [server.room_id()], "the hub has the rooms {rooms:?}");
    }
    observers.check_undisturbed().await
}

/// Disconnects in one of three states, in order or with a reset.
async fn join_and_disconnect(mut client: Client, n: usize) -> Result {
    if n.is_multiple_of(2) {
        client.reset_on_drop().await;
    }
    let state = n % 3;
    if state >= 1 {
        client.send(json!({"type": "join"})).await?;
    }
    if state >= 2 {
        // `welcome`, or `room-full` while others are in their grace period.
        client.recv_text().await?;
    }
    Ok(())
}

/// Joins until the room is empty. The server may still handle the `join` of a client that has
/// disconnected.
async fn wait_until_empty(server: &Server) -> Result {
    loop {
        let mut newcomer = server.connect().await?;
        newcomer.send(json!({"type": "join"})).await?;
        let reply = newcomer.recv().await?;
        if reply["code"] == "room-full" {
            // The members are in their grace period. Nothing notifies a client outside of the room.
            newcomer.expect_close(4503).await?;
            sleep(limits().grace() / 10).await;
            continue;
        }
        let peers = reply["peers"].as_array().map_or(0, Vec::len);
        let mut present = peers;
        while present > 0 {
            match newcomer.recv().await?["type"].as_str() {
                Some("joined") => present += 1,
                Some("left") => present -= 1,
                _ => {}
            }
        }
        newcomer.send(json!({"type": "leave"})).await?;
        newcomer.expect_close_eventually(1000).await?;
        if peers == 0 {
            return Ok(());
        }
    }
}

/// In batches, because both ends are in one process, which must answer heartbeats meanwhile, and
/// which on many systems may have 1,024 file descriptors.
const BATCHES: usize = 10;
const BATCH_SIZE: usize = 100;
const ROOMS: usize = 25;
