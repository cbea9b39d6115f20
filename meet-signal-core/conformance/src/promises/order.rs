//! In which order things are told.

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    check::{Broken, Verdict, ensure},
    server::{Member, Server},
};

pub(super) async fn per_sender(server: Server) -> Verdict {
    let (mut others, sender) = server.intruder().await?;
    let receiver = others.first().id.clone();
    // By turns to one and to all: those are two ways to the same receiver.
    for n in 0..100 {
        if n % 2 == 0 {
            sender.signal(&receiver, n).await?;
        } else {
            sender.broadcast(n).await?;
        }
    }
    let [first, second] = others.pair();
    for n in 0..100 {
        first.expect(json!({"from": sender.id, "data": n})).await?;
        if n % 2 == 1 {
            second.expect(json!({"type": "broadcast", "from": sender.id, "data": n})).await?;
        }
    }
    others.undisturbed().await
}

/// Several change the room at once; two who only listen have to be told the same history.
pub(super) async fn same_for_all(server: Server) -> Verdict {
    let mut others = server.bystanders().await?;
    let mut actors = Vec::new();
    for _ in 0..ACTORS {
        let actor = server.join().await?;
        others.see_joined(&actor.id).await?;
        actors.push(actor);
    }
    let mut acting: JoinSet<_> = actors.into_iter().map(act).collect();
    let [first, second] = others.pair();
    let history = history(first).await?;
    for (n, event) in history.iter().enumerate() {
        let other = second.told().await?;
        ensure!(*event == other, "event {n} is {event} for one, {other} for another");
    }
    while let Some(acted) = acting.join_next().await {
        acted.map_err(Broken::new)??;
    }
    Ok(())
}

async fn act(actor: Member) -> Verdict {
    for n in 0..30 {
        match n % 3 {
            0 => actor.say(json!({"type": "update", "meta": n})).await?,
            _ => actor.broadcast(n).await?,
        }
    }
    actor.leave().await
}

/// All that a member is told until the actors have left.
async fn history(member: &mut Member) -> Verdict<Vec<Value>> {
    let mut history = Vec::new();
    let mut acting = ACTORS;
    while acting > 0 {
        let event = member.told().await?;
        acting -= usize::from(event["type"] == "left");
        history.push(event);
    }
    Ok(history)
}

/// With the two who listen, a room is not full yet.
const ACTORS: usize = 5;
