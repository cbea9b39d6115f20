//! Moderators, bans, locks, and identities that are in a room already.

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    check::{Context, Result, Violation, ensure},
    observers::Observers,
    server::{Member, Server, resume_message},
};

/// Joins two observers and a moderator.
async fn moderated(server: &Server) -> Result<(Observers, Member)> {
    let mut observers = Observers::join(server).await?;
    let host = server.join_with(json!({"token": "conformance:host"})).await?;
    observers.expect_joined(&host.id).await?;
    Ok((observers, host))
}

/// Joins a user, of whom the observers and the moderator hear.
async fn user(
    server: &Server,
    (observers, host): (&mut Observers, &mut Member),
    name: &str,
) -> Result<Member> {
    let user = server.join_with(as_user(name)).await?;
    observers.expect_joined(&user.id).await?;
    host.expect(json!({"type": "joined", "peer": {"id": user.id}})).await?;
    Ok(user)
}

fn as_user(name: &str) -> Value {
    json!({"token": format!("conformance:user:{name}")})
}

pub(super) async fn expect_refused(server: &Server, join: Value, code: &str, close: u16) -> Result {
    let mut join = join;
    join["type"] = "join".into();
    let mut client = server.connect().await?;
    client.send(join).await?;
    client.expect_error(code, None).await?;
    client.expect_close(close).await.map(drop)
}

pub(super) async fn without_permission(server: Server) -> Result {
    let (mut observers, mut member) = Observers::join_with_client(&server).await?;
    let peer = observers.first().id.clone();
    for (reference, message) in (1..).zip([
        json!({"type": "admit", "peer": peer}),
        json!({"type": "admitAll"}),
        json!({"type": "deny", "peer": peer, "reason": "no"}),
        json!({"type": "lobby", "enabled": true}),
        json!({"type": "kick", "peer": peer, "reason": "no", "banSeconds": 60}),
        json!({"type": "lock", "locked": true}),
        json!({"type": "permissions", "peer": peer, "permissions": []}),
    ]) {
        let mut message = message;
        message["ref"] = reference.into();
        member.send(&message).await?;
        member.expect_error("not-allowed", Some(reference)).await.context(&message)?;
    }
    member.check_alive().await?;
    observers.check_undisturbed().await
}

pub(super) async fn invalid(server: Server) -> Result {
    let (mut observers, mut host) = moderated(&server).await?;
    let peer = observers.first().id.clone();
    for (reference, (message, code)) in (1..).zip([
        (json!({"type": "kick", "peer": "nobody"}), "no-such-peer"),
        (json!({"type": "permissions", "peer": "nobody", "permissions": []}), "no-such-peer"),
        (json!({"type": "kick", "peer": peer, "reason": "x".repeat(257)}), "bad-message"),
        (json!({"type": "kick", "peer": peer, "banSeconds": 1_u64 << 40}), "bad-message"),
        (json!({"type": "kick", "peer": peer, "banSeconds": 60}), "not-allowed"),
        (json!({"type": "permissions", "peer": peer, "permissions": ["fly"]}), "bad-message"),
    ]) {
        let mut message = message;
        message["ref"] = reference.into();
        host.send(&message).await?;
        host.expect_error(code, Some(reference)).await.context(&message)?;
    }
    host.check_alive().await?;
    observers.check_undisturbed().await
}

pub(super) async fn kick(server: Server) -> Result {
    let (mut observers, mut host) = moderated(&server).await?;
    let mut bob = user(&server, (&mut observers, &mut host), "bob").await?;
    host.send(json!({"type": "kick", "peer": bob.id, "reason": "Too loud."})).await?;
    let reason = bob.expect_close(4500).await?;
    ensure!(reason == "Too loud.", "the reason is {reason:?}");
    observers.expect_left(&bob.id, "kicked").await?;
    // Its ticket is void: a client that was away is told so, however often it asks.
    for _ in 0..2 {
        let mut back = server.connect().await?;
        let mut resume = resume_message(&bob.welcome, 0);
        resume["type"] = "join".into();
        back.send(resume).await?;
        let reason = back.expect_close(4500).await?;
        ensure!(reason == "Too loud.", "the reason is {reason:?}");
    }
    let replaces = json!({"replaces": bob.welcome["ticket"]});
    let again = server.join_with(replaces).await?;
    ensure!(again.id != bob.id, "the same id");
    observers.expect_joined(&again.id).await?;
    observers.expect_leave(again).await?;
    observers.check_undisturbed().await
}

pub(super) async fn ban(server: Server) -> Result {
    let (mut observers, mut host) = moderated(&server).await?;
    let mut phone = user(&server, (&mut observers, &mut host), "bob").await?;
    let mut laptop = user(&server, (&mut observers, &mut host), "bob").await?;
    phone.expect(json!({"type": "joined", "peer": {"id": laptop.id}})).await?;
    host.send(json!({"type": "kick", "peer": phone.id, "banSeconds": 600})).await?;
    for gone in [&mut phone, &mut laptop] {
        gone.expect_close(4500).await?;
        observers.expect_left(&gone.id, "kicked").await?;
    }
    for join in [json!({}), json!({"replaces": laptop.welcome["ticket"]})] {
        let mut join = join;
        join["token"] = as_user("bob")["token"].clone();
        expect_refused(&server, join, "banned", 4505).await?;
    }
    // One that was away hears first that it was removed.
    let mut resume = resume_message(&phone.welcome, 0);
    (resume["type"], resume["token"]) = ("join".into(), as_user("bob")["token"].clone());
    let mut back = server.connect().await?;
    back.send(resume).await?;
    back.expect_close(4500).await?;
    let other = server.join_with(as_user("cleo")).await?;
    observers.expect_joined(&other.id).await?;
    observers.expect_leave(other).await?;
    observers.check_undisturbed().await
}

pub(super) async fn lock(server: Server) -> Result {
    let (mut observers, mut host) = moderated(&server).await?;
    let mut bob = user(&server, (&mut observers, &mut host), "bob").await?;
    host.send(json!({"type": "lock", "locked": true})).await?;
    observers.expect(&json!({"type": "locked", "locked": true})).await?;
    for member in [&mut host, &mut bob] {
        member.expect(json!({"type": "locked", "locked": true})).await?;
    }
    expect_refused(&server, as_user("cleo"), "room-locked", 4503).await?;
    let resumed = server.resume(&bob, 1).await?;
    resumed.check_resumed("full")?;
    ensure!(resumed.welcome["locked"] == true, "`locked` is {}", resumed.welcome["locked"]);
    let ticket = &resumed.welcome["ticket"];
    // A ticket takes no place of another user.
    expect_refused(&server, json!({"replaces": ticket}), "room-locked", 4503).await?;
    let mut replaces = as_user("bob");
    replaces["replaces"] = ticket.clone();
    let reloaded = server.join_with(replaces).await?;
    observers.expect_left(&bob.id, "replaced").await?;
    observers.expect_joined(&reloaded.id).await?;

    // Everybody leaves, and the room is still locked.
    let empty = server.room("empty");
    let mut host = empty.join_with(json!({"token": "conformance:host"})).await?;
    host.send(json!({"type": "lock", "locked": true})).await?;
    host.expect(json!({"type": "locked", "locked": true})).await?;
    host.leave().await?;
    expect_refused(&empty, json!({}), "room-locked", 4503).await?;
    observers.exchange_signals().await
}

pub(super) async fn permissions(server: Server) -> Result {
    let (mut observers, mut host) = moderated(&server).await?;
    let mut bob = user(&server, (&mut observers, &mut host), "bob").await?;
    let peers = bob.peers();
    let seen = peers.iter().map(|peer| &peer["permissions"]).collect::<Vec<_>>();
    let (default, all) =
        (json!(["signal", "broadcast"]), json!(["signal", "broadcast", "moderate"]));
    ensure!(seen == [&default, &default, &all], "the permissions are {seen:?}");
    for (reference, (permissions, message)) in (1..).zip([
        (json!(["broadcast"]), json!({"type": "signal", "to": host.id, "data": 1})),
        (json!(["signal"]), json!({"type": "broadcast", "data": 1})),
    ]) {
        let told = json!({"type": "permissions", "peer": bob.id, "permissions": permissions});
        host.send(&told).await?;
        observers.expect(&told).await?;
        host.expect(told.clone()).await?;
        bob.expect(told).await?;
        let mut message = message;
        message["ref"] = reference.into();
        bob.send(&message).await?;
        bob.expect_error("not-allowed", Some(reference)).await.context(&message)?;
    }
    observers.check_undisturbed().await
}

pub(super) async fn duplicates(server: Server) -> Result {
    let mut observers = Observers::join(&server).await?;
    let once = json!({"token": "conformance:once:bob"});
    let newest = json!({"token": "conformance:newest:bob"});
    let mut first = server.join_with(once.clone()).await?;
    observers.expect_joined(&first.id).await?;
    expect_refused(&server, once.clone(), "duplicate", 4506).await?;
    let second = server.join_with(newest).await?;
    first.expect_close(4506).await?;
    observers.expect_left(&first.id, "replaced").await?;
    observers.expect_joined(&second.id).await?;

    // Of several at once, one gets in.
    observers.expect_leave(second).await?;
    let mut joins = JoinSet::new();
    for _ in 0..8 {
        let (server, mut join) = (server.clone(), once.clone());
        join["type"] = "join".into();
        joins.spawn(async move {
            let mut client = server.connect().await?;
            client.send(join).await?;
            let first = client.expect(json!({})).await?;
            Result::Ok((client, first["type"] == "welcome"))
        });
    }
    // Open until all have an answer.
    let mut answers = Vec::new();
    while let Some(answer) = joins.join_next().await {
        answers.push(answer.map_err(Violation::new)??);
    }
    let members = answers.iter().filter(|(_, joined)| *joined).count();
    ensure!(members == 1, "{members} of eight are members");
    Ok(())
}
