//! Who hears of the lobby, what a peer in it may do, and what bad input gets.

use serde_json::{Value, json};

use super::{
    lobby::{
        Knocker, admit, as_host, check_undisturbed, expect_gone, expect_knock, hosted, resume_wait,
        set_lobby,
    },
    moderation::expect_refused,
};
use crate::{
    check::{Context, Result, ensure},
    server::Server,
    target::limits,
};

pub(super) async fn moderators(server: Server) -> Result {
    let (mut observers, mut host) = hosted(&server).await?;
    let mut knocking = Vec::new();
    for name in ["Bob", "Cleo"] {
        let knocker = Knocker::knock_with_name(&server, name).await?;
        let peer = expect_knock(&mut host, name).await?;
        knocking.push((knocker, json!({"id": peer, "meta": name})));
    }
    let listed = json!([knocking[0].1, knocking[1].1]);
    // One that joins later.
    let mut late = server.join_with(as_host()).await?;
    ensure!(late.welcome["knocking"] == listed, "`knocking` is {}", late.welcome["knocking"]);
    observers.expect_joined(&late.id).await?;
    host.expect(json!({"type": "joined", "peer": {"id": late.id}})).await?;

    // One that becomes a moderator.
    let permissions = |peer: &str, permissions: &[&str]| json!({"type": "permissions", "peer": peer, "permissions": permissions});
    let promoted = observers.first().id.clone();
    let message = permissions(&promoted, &["signal", "broadcast", "moderate"]);
    host.send(&message).await?;
    observers.expect(&message).await?;
    for (_, peer) in &knocking {
        observers.first().expect(json!({"type": "knock", "peer": peer})).await?;
    }
    for moderator in [&mut host, &mut late] {
        moderator.expect(message.clone()).await?;
    }
    let dan = Knocker::knock_with_name(&server, "Dan").await?;
    let peer = expect_knock(&mut host, "Dan").await?;
    for moderator in [&mut late, observers.first()] {
        moderator.expect(json!({"type": "knock", "peer": {"id": peer}})).await?;
    }
    drop(dan);
    for moderator in [&mut host, &mut late, observers.first()] {
        expect_gone(moderator, &peer).await?;
    }
    // A member that is no moderator any more hears of none.
    let message = permissions(&promoted, &["signal", "broadcast"]);
    host.send(&message).await?;
    observers.expect(&message).await?;
    host.expect(message.clone()).await?;
    late.expect(message).await?;
    let _eve = Knocker::knock_with_name(&server, "Eve").await?;
    expect_knock(&mut host, "Eve").await?;
    observers.exchange_signals().await?;
    observers.first().send(json!({"type": "admitAll", "ref": 1})).await?;
    observers.first().expect_error("not-allowed", Some(1)).await?;

    // Of two that admit the same peer, one is too late.
    expect_knock(&mut late, "Eve").await?;
    let admit = json!({"type": "admit", "peer": knocking[0].1["id"], "ref": 2});
    host.send(&admit).await?;
    late.send(&admit).await?;
    let peer = knocking[0].1["id"].as_str().unwrap_or_default().to_owned();
    observers.expect_joined(&peer).await?;
    let mut too_late = 0;
    for moderator in [&mut host, &mut late] {
        moderator.signal("nobody", Value::Null).await?;
        loop {
            let message = moderator.recv().await?;
            match (message["code"].as_str(), message["ref"].as_u64()) {
                (Some("no-such-peer"), Some(2)) => too_late += 1,
                (Some(_), _) => break,
                _ => {}
            }
        }
    }
    ensure!(too_late == 1, "{too_late} were too late");
    observers.exchange_signals().await
}

pub(super) async fn full(server: Server) -> Result {
    let (mut observers, mut host) = hosted(&server).await?;
    let mut waiting = Vec::new();
    for n in 0..limits().lobby_peers() {
        match Knocker::knock(&server, json!({"meta": n})).await {
            Ok(knocker) => waiting.push(knocker),
            // The server knows that all have one address.
            Err(_) if n >= limits().lobby_peers() / 2 => break,
            Err(error) => return Err(error),
        }
        expect_knock(&mut host, n).await?;
    }
    expect_refused(&server, json!({}), "room-full", 4503).await?;
    // A reload takes its own place, and a peer that may enter directly needs none.
    let reload = json!({"replaces": waiting[0].ticket(), "meta": "again"});
    waiting.push(Knocker::knock(&server, reload).await?);
    host.expect(json!({"type": "knockGone"})).await?;
    expect_knock(&mut host, "again").await?;
    let direct = server.join_with(json!({"token": "conformance:direct"})).await?;
    observers.expect_joined(&direct.id).await?;
    host.expect(json!({"type": "joined", "peer": {"id": direct.id}})).await?;
    check_undisturbed(&mut observers, &mut host).await
}

pub(super) async fn turned_off(server: Server) -> Result {
    let (mut observers, mut host) = hosted(&server).await?;
    let bob = Knocker::knock_with_name(&server, "Bob").await?;
    let peer = expect_knock(&mut host, "Bob").await?;
    set_lobby(&mut observers, &mut host, false).await?;
    let cleo = server.join().await?;
    ensure!(cleo.welcome.get("lobby").is_none(), "{}", cleo.welcome);
    observers.expect_joined(&cleo.id).await?;
    host.expect(json!({"type": "joined", "peer": {"id": cleo.id}})).await?;
    // The same again changes nothing.
    host.send(json!({"type": "lobby", "enabled": false})).await?;
    admit(&mut observers, &mut host, &peer).await?;
    let bob = bob.expect_welcome(&peer, "no").await?;
    observers.expect_leave(bob).await?;
    observers.check_undisturbed().await?;

    // The lobby, and those who wait, survive the last member.
    let empty = server.room("empty");
    let mut host = empty.join_with(as_host()).await?;
    host.send(json!({"type": "lobby", "enabled": true})).await?;
    host.expect(json!({"type": "lobby", "enabled": true})).await?;
    host.leave().await?;
    let dan = Knocker::knock_with_name(&empty, "Dan").await?;
    let mut host = empty.join_with(as_host()).await?;
    ensure!(host.welcome["lobby"] == true, "{}", host.welcome);
    ensure!(host.welcome["knocking"][0]["meta"] == "Dan", "{}", host.welcome);
    host.send(json!({"type": "admitAll"})).await?;
    let peer = host.welcome["knocking"][0]["id"].as_str().unwrap_or_default().to_owned();
    expect_gone(&mut host, &peer).await?;
    dan.expect_welcome(&peer, "no").await.map(drop)
}

pub(super) async fn messages(server: Server) -> Result {
    let (mut observers, mut host) = hosted(&server).await?;
    let mut bob = Knocker::knock_with_name(&server, "Bob").await?;
    let peer = expect_knock(&mut host, "Bob").await?;
    for (reference, message) in (1..).zip([
        json!({"type": "signal", "to": host.id, "data": 1}),
        json!({"type": "broadcast", "data": 1}),
        json!({"type": "update", "meta": 1}),
        json!({"type": "admit", "peer": peer}),
        json!({"type": "admitAll"}),
        json!({"type": "lobby", "enabled": false}),
        json!({"type": "lock", "locked": true}),
        json!({"type": "kick", "peer": host.id}),
        json!({"type": "permissions", "peer": peer, "permissions": ["moderate"]}),
    ]) {
        let mut message = message;
        message["ref"] = reference.into();
        bob.send(&message).await?;
        bob.expect_error("not-joined", Some(reference)).await.context(&message)?;
    }
    bob.send(json!({"type": "join"})).await?;
    bob.expect_error("not-joined", None).await?;
    bob.send(json!({"type": "dance"})).await?;
    bob.expect_error("unknown-type", None).await?;
    bob.send("nonsense").await?;
    bob.expect_error("bad-message", None).await?;
    // None of them counts, in either direction.
    bob.send(json!({"type": "ack", "received": 12})).await?;
    admit(&mut observers, &mut host, &peer).await?;
    let mut bob = bob.expect_welcome(&peer, "no").await?;
    ensure!(bob.welcome["self"]["meta"] == "Bob", "{}", bob.welcome);
    bob.send(json!({"type": "ack", "received": 1})).await?;
    bob.expect_error("bad-message", None).await?;
    let bob = server.resume(&bob, 1).await?;
    bob.check_resumed("full")?;
    observers.expect_leave(bob).await?;
    host.expect(json!({"type": "left", "peer": peer})).await?;
    check_undisturbed(&mut observers, &mut host).await
}

pub(super) async fn invalid(server: Server) -> Result {
    let (mut observers, mut host) = hosted(&server).await?;
    let bob = Knocker::knock_with_name(&server, "Bob").await?;
    let peer = expect_knock(&mut host, "Bob").await?;
    let member = observers.first().id.clone();
    for (reference, (message, code)) in (1..).zip([
        (json!({"type": "admit", "peer": "nobody"}), "no-such-peer"),
        (json!({"type": "admit", "peer": "AAAAAAAAAAAAAAAAAAAAAA"}), "no-such-peer"),
        (json!({"type": "admit", "peer": member}), "no-such-peer"),
        (json!({"type": "deny", "peer": "nobody"}), "no-such-peer"),
        (json!({"type": "deny", "peer": member}), "no-such-peer"),
        (json!({"type": "kick", "peer": peer, "banSeconds": 60}), "not-allowed"),
        (json!({"type": "permissions", "peer": peer, "permissions": []}), "no-such-peer"),
        (json!({"type": "signal", "to": peer, "data": 1}), "no-such-peer"),
        (json!({"type": "admit"}), "bad-message"),
        (json!({"type": "admit", "peer": [peer]}), "bad-message"),
        (json!({"type": "deny", "peer": null}), "bad-message"),
        (json!({"type": "deny", "peer": peer, "reason": 1}), "bad-message"),
        (json!({"type": "deny", "peer": peer, "reason": "x".repeat(257)}), "bad-message"),
        (json!({"type": "lobby"}), "bad-message"),
        (json!({"type": "lobby", "enabled": "no"}), "bad-message"),
        (json!({"type": "lobby", "enabled": null}), "bad-message"),
    ]) {
        let mut message = message;
        message["ref"] = reference.into();
        host.send(&message).await?;
        host.expect_error(code, Some(reference)).await.context(&message)?;
    }
    let mut client = server.connect().await?;
    for waiting in [json!(1), json!("true"), json!([])] {
        let mut join = resume_wait(&json!({"ticket": bob.ticket()}));
        (join["type"], join["resume"]["waiting"]) = ("join".into(), waiting);
        client.send(&join).await?;
        client.expect_error("bad-message", None).await.context(&join)?;
    }
    host.check_alive().await?;
    // It still waits.
    admit(&mut observers, &mut host, &peer).await?;
    let bob = bob.expect_welcome(&peer, "no").await?;
    observers.expect_leave(bob).await?;
    host.expect(json!({"type": "left", "peer": peer})).await?;
    check_undisturbed(&mut observers, &mut host).await
}

pub(super) async fn duplicates(server: Server) -> Result {
    let (mut observers, mut host) = hosted(&server).await?;
    let once = || json!({"token": "conformance:once:bob", "meta": "Bob"});
    let mut bob = Knocker::knock(&server, once()).await?;
    let first = expect_knock(&mut host, "Bob").await?;
    expect_refused(&server, once(), "duplicate", 4506).await?;
    // The newer login takes the older one's place.
    let newest = json!({"token": "conformance:newest:bob", "meta": "Bob's phone"});
    let phone = Knocker::knock(&server, newest).await?;
    bob.expect_close(4506).await?;
    expect_gone(&mut host, &first).await?;
    let second = expect_knock(&mut host, "Bob's phone").await?;
    admit(&mut observers, &mut host, &second).await?;
    let phone = phone.expect_welcome(&second, "no").await?;
    expect_refused(&server, once(), "duplicate", 4506).await?;
    observers.expect_leave(phone).await?;
    host.expect(json!({"type": "left", "peer": second})).await?;
    check_undisturbed(&mut observers, &mut host).await
}

/// A moderator removes and bans from the lobby as from the room.
pub(super) async fn kicked(server: Server) -> Result {
    let (mut observers, mut host) = hosted(&server).await?;
    let join = || json!({"token": "conformance:user:bob", "meta": "Bob"});
    let mut bob = Knocker::knock(&server, join()).await?;
    let peer = expect_knock(&mut host, "Bob").await?;
    host.send(json!({"type": "kick", "peer": peer, "reason": "Not you."})).await?;
    let reason = bob.expect_close(4500).await?;
    ensure!(reason == "Not you.", "the reason is {reason:?}");
    expect_gone(&mut host, &peer).await?;
    let mut again = Knocker::knock(&server, join()).await?;
    let peer = expect_knock(&mut host, "Bob").await?;
    host.send(json!({"type": "kick", "peer": peer, "banSeconds": 60})).await?;
    again.expect_close(4500).await?;
    expect_gone(&mut host, &peer).await?;
    expect_refused(&server, join(), "banned", 4505).await?;
    check_undisturbed(&mut observers, &mut host).await
}
