//! `signal`, `broadcast`, `update`, and the errors about them.

use serde_json::json;

use crate::{
    check::{Context, Result, ensure},
    observers::Observers,
    server::Server,
    target::limits,
};

pub(super) async fn signal(server: Server) -> Result {
    let (mut observers, mut sender) = Observers::join_with_client(&server).await?;
    let receiver = observers.first();
    sender.signal(&receiver.id, json!({"sdp": "v=0"})).await?;
    let expected = json!({"type": "signal", "from": sender.id, "data": {"sdp": "v=0"}});
    receiver.expect(expected).await?;
    sender.check_alive().await?;
    observers.check_undisturbed().await
}

pub(super) async fn broadcast(server: Server) -> Result {
    let (mut observers, mut sender) = Observers::join_with_client(&server).await?;
    sender.broadcast("hello").await?;
    observers.expect(&json!({"type": "broadcast", "from": sender.id, "data": "hello"})).await?;
    sender.check_alive().await?;
    observers.check_undisturbed().await
}

pub(super) async fn update(server: Server) -> Result {
    let (mut observers, mut member) = Observers::join_with_client(&server).await?;
    for meta in [json!({"muted": true}), json!(null), json!(["x"])] {
        member.send(json!({"type": "update", "meta": meta})).await?;
        let updated = json!({"type": "updated", "peer": member.id, "meta": meta});
        observers.expect(&updated).await?;
        let late = server.join().await?;
        let got = late.peers().last().map(|peer| peer["meta"].clone());
        ensure!(got.as_ref() == Some(&meta), "a later peer gets {got:?}, expected {meta}");
        observers.expect_joined(&late.id).await?;
        member.expect(json!({"type": "joined"})).await?;
        let id = late.id.clone();
        observers.expect_leave(late).await?;
        member.expect(json!({"type": "left", "peer": id})).await?;
    }
    member.check_alive().await?;
    observers.check_undisturbed().await
}

pub(super) async fn big_update(server: Server) -> Result {
    let (mut observers, mut member) = Observers::join_with_client(&server).await?;
    let longest = "x".repeat(limits().meta_bytes() - 2);
    member.send(json!({"type": "update", "meta": longest})).await?;
    observers.expect(&json!({"type": "updated", "peer": member.id, "meta": longest})).await?;
    member.send(json!({"type": "update", "meta": longest + "x", "ref": 1})).await?;
    member.expect_error("too-large", Some(1)).await?;
    member.check_alive().await?;
    observers.check_undisturbed().await
}

pub(super) async fn references(server: Server) -> Result {
    let (mut observers, mut sender) = Observers::join_with_client(&server).await?;
    let too_large = "x".repeat(limits().meta_bytes());
    for (message, code) in [
        (json!({"type": "signal", "to": "nobody", "data": 1}), "no-such-peer"),
        (json!({"type": "signal", "data": 1}), "bad-message"),
        (json!({"type": "update", "meta": too_large}), "too-large"),
        (json!({"type": "lock", "locked": true}), "not-allowed"),
        (json!({"type": "dance"}), "unknown-type"),
    ] {
        // Up to the largest integer that JavaScript represents exactly.
        for reference in [Some(0), Some(7), Some((1 << 53) - 1), None] {
            let mut message = message.clone();
            message["ref"] = reference.into();
            sender.send(&message).await?;
            sender.expect_error(code, reference).await.context(&message)?;
        }
    }
    sender.check_alive().await?;
    observers.check_undisturbed().await
}

pub(super) async fn no_such_peer(server: Server) -> Result {
    let (mut observers, mut sender) = Observers::join_with_client(&server).await?;
    let gone = server.join().await?;
    let gone_id = gone.id.clone();
    observers.expect_joined(&gone_id).await?;
    gone.leave().await?;
    observers.expect_left(&gone_id, "left").await?;
    sender.expect(json!({"type": "joined"})).await?;
    sender.expect(json!({"type": "left"})).await?;

    let long = "A".repeat(1000);
    let own_id = sender.id.clone();
    for to in [
        &own_id,
        &gone_id,
        "",
        "nobody",
        "AAAAAAAAAAAAAAAAAAAAAA",
        "AAAAAAAAAAAAAAAAAAAAA!",
        "*",
        "\u{0}",
        "é",
        &long,
    ] {
        sender.send(json!({"type": "signal", "to": to, "data": 1, "ref": 1})).await?;
        sender.expect_error("no-such-peer", Some(1)).await.context(format_args!("{to:?}"))?;
    }
    sender.check_alive().await?;
    observers.check_undisturbed().await
}
