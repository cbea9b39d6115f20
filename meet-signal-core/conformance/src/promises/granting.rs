//! What the application decides of a peer: see [`authorize`](crate::authorize).

use serde_json::json;

use crate::{
    check::{Verdict, ensure},
    server::Server,
};

pub(super) async fn refusals(server: Server) -> Verdict {
    let mut others = server.bystanders().await?;
    for (asked, code, close) in [
        ("unauthorized", "unauthorized", 4502),
        ("refused", "denied", 4504),
        ("banned", "banned", 4505),
        ("room-locked", "room-locked", 4503),
        ("duplicate", "duplicate", 4506),
        ("unavailable", "unavailable", 4003),
    ] {
        let mut refused = server.connect().await?;
        let token = format!("conformance:{asked}");
        refused.say(json!({"type": "join", "token": token})).await?;
        refused.expect_error(code, None).await?;
        refused.closed(close).await?;
    }
    others.undisturbed().await
}

pub(super) async fn guest(server: Server) -> Verdict {
    let mut other = server.join().await?;
    let fields = json!({"token": "conformance:guest", "meta": "the boss"});
    let guest = server.join_with(fields).await?;
    let meta = &guest.welcome["self"]["meta"];
    ensure!(*meta == "a guest", "its own meta is {meta}");
    let servers = json!([
        {"urls": ["stun:stun.example"]},
        {"urls": ["turn:turn.example"], "username": "a guest", "credential": "a secret"},
    ]);
    ensure!(guest.welcome["iceServers"] == servers, "given {}", guest.welcome["iceServers"]);
    let peer = json!({"id": guest.id, "meta": "a guest"});
    other.expect(json!({"type": "joined", "peer": peer})).await.map(drop)
}

pub(super) async fn listener(server: Server) -> Verdict {
    let mut others = server.bystanders().await?;
    let mut listener = server.join_with(json!({"token": "conformance:listener"})).await?;
    others.see_joined(&listener.id).await?;
    let permissions = &listener.welcome["self"]["permissions"];
    ensure!(*permissions == json!([]), "it may {permissions}");

    let to = others.first().id.clone();
    listener.say(json!({"type": "signal", "to": to, "data": 1, "ref": 1})).await?;
    listener.expect_error("not-allowed", Some(1)).await?;
    listener.say(json!({"type": "broadcast", "data": 1, "ref": 2})).await?;
    listener.expect_error("not-allowed", Some(2)).await?;

    // Listening, and telling about oneself, needs none.
    others.first().signal(&listener.id, 3).await?;
    listener.expect(json!({"type": "signal", "from": to, "data": 3})).await?;
    listener.say(json!({"type": "update", "meta": "here"})).await?;
    others.told(&json!({"type": "updated", "peer": listener.id, "meta": "here"})).await?;
    others.undisturbed().await
}

pub(super) async fn moderation(server: Server) -> Verdict {
    let (mut others, mut member) = server.intruder().await?;
    let peer = others.first().id.clone();
    for (reference, message) in (1..).zip([
        json!({"type": "admit", "peer": peer}),
        json!({"type": "deny", "peer": peer, "reason": "no"}),
        json!({"type": "kick", "peer": peer, "reason": "no", "banSeconds": 60}),
        json!({"type": "lock", "locked": true}),
    ]) {
        let mut message = message;
        message["ref"] = reference.into();
        member.say(&message).await?;
        let error = member.expect_error("not-allowed", Some(reference)).await;
        error.map_err(|broken| broken.during(&message))?;
    }
    member.goes_on().await?;
    others.undisturbed().await
}
