//! Who hears of whom.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::{sync::Barrier, task::JoinSet};

use crate::{
    check::{Broken, Verdict, ensure},
    server::Server,
    target::limits,
};

/// What one of the crowd knows of the others, in the order in which it came to know them.
struct Known {
    own: String,
    others: Vec<String>,
    /// How many of them were there when it came.
    found: usize,
}

pub(super) async fn storm(server: Server) -> Verdict {
    for round in 0..5 {
        let mut known = crowd(&server.room(round)).await?;
        known.sort_by_key(|it| it.found);
        let order: Vec<_> = known.iter().map(|it| it.own.clone()).collect();
        ensure!(order.len() == limits().room_peers(), "{} were admitted", order.len());
        for (place, Known { own, others, found }) in known.iter().enumerate() {
            ensure!(*found == place, "number {place} to join found {found}");
            let expected = order.iter().filter(|id| *id != own);
            ensure!(others.iter().eq(expected), "{own} knows {others:?} of {order:?}");
        }
    }
    Ok(())
}

/// Twice as many as the room takes come at once; those who are admitted say what they know once
/// there can be no more to know.
async fn crowd(server: &Server) -> Verdict<Vec<Known>> {
    let size = 2 * limits().room_peers();
    let start = Arc::new(Barrier::new(size));
    let done = Arc::new(Barrier::new(limits().room_peers()));
    let mut crowd = JoinSet::new();
    for _ in 0..size {
        crowd.spawn(one_of_the_crowd(server.clone(), start.clone(), done.clone()));
    }
    let mut known = Vec::new();
    while let Some(one) = crowd.join_next().await {
        known.extend(one.map_err(Broken::new)??);
    }
    Ok(known)
}

async fn one_of_the_crowd(
    server: Server,
    start: Arc<Barrier>,
    done: Arc<Barrier>,
) -> Verdict<Option<Known>> {
    let mut client = server.connect().await?;
    start.wait().await;
    client.say(json!({"type": "join"})).await?;
    let answer = client.told().await?;
    if answer["type"] == "error" {
        ensure!(answer["code"] == "room-full", "refused with {answer}");
        client.closed(4503).await?;
        return Ok(None);
    }
    let id = |peer: &Value| peer["id"].as_str().unwrap_or_default().to_owned();
    let own = id(&answer["self"]);
    let mut others: Vec<_> = answer["peers"].as_array().into_iter().flatten().map(id).collect();
    let found = others.len();
    while others.len() < limits().room_peers() - 1 {
        let joined = client.expect(json!({"type": "joined"})).await?;
        others.push(id(&joined["peer"]));
    }
    // Nobody goes before all have seen all; then, that nothing else came.
    done.wait().await;
    client.say(json!({"type": "dance"})).await?;
    client.expect_error("unknown-type", None).await?;
    done.wait().await;
    Ok(Some(Known { own, others, found }))
}

pub(super) async fn separate_rooms(server: Server) -> Verdict {
    let (mut here, mut member) = server.intruder().await?;
    let mut there = server.room("elsewhere").bystanders().await?;
    let stranger = there.first().id.clone();
    member.say(json!({"type": "signal", "to": stranger, "data": 1, "ref": 1})).await?;
    member.expect_error("no-such-peer", Some(1)).await?;
    member.broadcast(2).await?;
    here.told(&json!({"type": "broadcast", "from": member.id, "data": 2})).await?;
    there.undisturbed().await?;
    here.undisturbed().await
}
