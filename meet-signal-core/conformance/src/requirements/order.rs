//! The order of messages.

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    check::{Result, Violation, ensure},
    observers::Observers,
    server::{Member, Server},
};

pub(super) async fn per_sender(server: Server) -> Result {
    let (mut observers, sender) = Observers::join_with_client(&server).await?;
    let receiver = observers.first().id.clone();
    // Signals and broadcasts must not overtake each other.
    for n in 0..100 {
        if n % 2 == 0 {
            sender.signal(&receiver, n).await?;
        } else {
            sender.broadcast(n).await?;
        }
    }
    let [first, second] = observers.both();
    for n in 0..100 {
        first.expect(json!({"from": sender.id, "data": n})).await?;
        if n % 2 == 1 {
            second.expect(json!({"type": "broadcast", "from": sender.id, "data": n})).await?;
        }
    }
    observers.check_undisturbed().await
}

/// Several members change the room concurrently; the observers must get the same history.
pub(super) async fn same_for_all(server: Server) -> Result {
    let mut observers = Observers::join(&server).await?;
    let mut actors = Vec::new();
    for _ in 0..ACTORS {
        let actor = observers.join_client().await?;
        actors.push(actor);
    }
    let mut running: JoinSet<_> = actors.into_iter().map(act).collect();
    let [first, second] = observers.both();
    let history = history(first).await?;
    for (n, event) in history.iter().enumerate() {
        let other = second.recv().await?;
        ensure!(*event == other, "event {n} is {event} for one observer, {other} for the other");
    }
    while let Some(acted) = running.join_next().await {
        acted.map_err(Violation::new)??;
    }
    Ok(())
}

async fn act(actor: Member) -> Result {
    for n in 0..30 {
        match n % 3 {
            0 => actor.send(json!({"type": "update", "meta": n})).await?,
            _ => actor.broadcast(n).await?,
        }
    }
    actor.leave().await
}

/// What a member receives until all actors have left.
async fn history(member: &mut Member) -> Result<Vec<Value>> {
    let mut history = Vec::new();
    let mut running = ACTORS;
    while running > 0 {
        let event = member.recv().await?;
        running -= usize::from(event["type"] == "left");
        history.push(event);
    }
    Ok(history)
}

/// With the observers, the room is not full.
const ACTORS: usize = 5;
