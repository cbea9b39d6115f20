//! Which members know each other.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::{sync::Barrier, task::JoinSet};

use crate::{
    check::{Result, Violation, ensure},
    observers::Observers,
    server::Server,
    target::limits,
};

/// The peers that one member knows, in the order in which it learned of them.
struct View {
    own: String,
    others: Vec<String>,
    /// The number of peers in its welcome.
    initial: usize,
}

pub(super) async fn concurrent_joins(server: Server) -> Result {
    for round in 0..5 {
        let mut views = join_concurrently(&server.room(round)).await?;
        views.sort_by_key(|it| it.initial);
        let order: Vec<_> = views.iter().map(|it| it.own.clone()).collect();
        ensure!(order.len() == limits().room_peers(), "{} joined", order.len());
        for (place, View { own, others, initial }) in views.iter().enumerate() {
            ensure!(*initial == place, "member {place} got {initial} peers");
            let expected = order.iter().filter(|id| *id != own);
            ensure!(others.iter().eq(expected), "{own} knows {others:?}, of {order:?}");
        }
    }
    Ok(())
}

/// Twice the limit of the room join concurrently. Returns the views of those that succeed, once the
/// room is full.
async fn join_concurrently(server: &Server) -> Result<Vec<View>> {
    let size = 2 * limits().room_peers();
    let start = Arc::new(Barrier::new(size));
    let done = Arc::new(Barrier::new(size));
    let mut tasks = JoinSet::new();
    for _ in 0..size {
        tasks.spawn(join_and_collect(server.clone(), start.clone(), done.clone()));
    }
    let mut views = Vec::new();
    while let Some(one) = tasks.join_next().await {
        views.extend(one.map_err(Violation::new)??);
    }
    Ok(views)
}

async fn join_and_collect(
    server: Server,
    start: Arc<Barrier>,
    done: Arc<Barrier>,
) -> Result<Option<View>> {
    let mut client = server.connect().await?;
    start.wait().await;
    client.send(json!({"type": "join"})).await?;
    let reply = client.recv().await?;
    if reply["type"] == "error" {
        ensure!(reply["code"] == "room-full", "got {reply}");
        client.expect_close(4503).await?;
        done.wait().await;
        done.wait().await;
        return Ok(None);
    }
    let id = |peer: &Value| peer["id"].as_str().unwrap_or_default().to_owned();
    let own = id(&reply["self"]);
    let mut others: Vec<_> = reply["peers"].as_array().into_iter().flatten().map(id).collect();
    let initial = others.len();
    while others.len() < limits().room_peers() - 1 {
        let joined = client.expect(json!({"type": "joined"})).await?;
        others.push(id(&joined["peer"]));
    }
    // All stay until each has its reply and knows the others: a member that left would make room for
    // a slow one. Then no other message must be pending.
    done.wait().await;
    client.send(json!({"type": "dance"})).await?;
    client.expect_error("unknown-type", None).await?;
    done.wait().await;
    Ok(Some(View { own, others, initial }))
}

pub(super) async fn separate_rooms(server: Server) -> Result {
    let (mut here, mut member) = Observers::join_with_client(&server).await?;
    let mut there = Observers::join(&server.room("elsewhere")).await?;
    let other = there.first().id.clone();
    member.send(json!({"type": "signal", "to": other, "data": 1, "ref": 1})).await?;
    member.expect_error("no-such-peer", Some(1)).await?;
    member.broadcast(2).await?;
    here.expect(&json!({"type": "broadcast", "from": member.id, "data": 2})).await?;
    there.check_undisturbed().await?;
    here.check_undisturbed().await
}
