//! Crowds.

use serde_json::json;
use tokio::{task::JoinSet, time::sleep};

use crate::{
    check::{Broken, Verdict, ensure},
    client::Client,
    server::Server,
    target::limits,
};

pub(super) async fn storm_of_cuts(server: Server) -> Verdict {
    let mut others = server.bystanders().await?;
    for _ in 0..WAVES {
        let mut wave = JoinSet::new();
        for n in 0..WAVE {
            let server = server.room(n % ROOMS);
            wave.spawn(async move { join_and_be_cut(server.connect().await?, n).await });
        }
        while let Some(one) = wave.join_next().await {
            one.map_err(Broken::new)??;
        }
    }
    for n in 0..ROOMS {
        empties(&server.room(n)).await?;
    }
    if let Ok(hub) = server.hub() {
        let mut rooms = hub.rooms();
        rooms.retain(|room| room.as_str().starts_with(server.room_name()));
        ensure!(rooms == [server.room_id()], "rooms are left: {rooms:?}");
    }
    others.undisturbed().await
}

/// At one of several moments, and in one of two ways.
async fn join_and_be_cut(mut client: Client, n: usize) -> Verdict {
    if n.is_multiple_of(2) {
        client.reset_when_dropped().await;
    }
    let moment = n % 3;
    if moment >= 1 {
        client.say(json!({"type": "join"})).await?;
    }
    if moment >= 2 {
        // Whether it is let in depends on how many are kept for their grace period.
        client.hear().await?;
    }
    Ok(())
}

/// A newcomer finds nobody, or all that it finds leaves; those who were cut before the server had
/// read what they sent may still come.
async fn empties(server: &Server) -> Verdict {
    loop {
        let mut newcomer = server.connect().await?;
        newcomer.say(json!({"type": "join"})).await?;
        let answer = newcomer.told().await?;
        if answer["code"] == "room-full" {
            // Until those in it have been away for the grace period, of which nobody tells.
            newcomer.closed(4503).await?;
            sleep(limits().grace() / 10).await;
            continue;
        }
        let found = answer["peers"].as_array().map_or(0, Vec::len);
        let mut here = found;
        while here > 0 {
            match newcomer.told().await?["type"].as_str() {
                Some("joined") => here += 1,
                Some("left") => here -= 1,
                _ => {}
            }
        }
        newcomer.say(json!({"type": "leave"})).await?;
        newcomer.closed_at_last(1000).await?;
        if found == 0 {
            return Ok(());
        }
    }
}

/// In waves: both ends are in one process, which has to go on answering heartbeats, and to which
/// many systems give 1,024 descriptors.
const WAVES: usize = 10;
const WAVE: usize = 100;
const ROOMS: usize = 25;
