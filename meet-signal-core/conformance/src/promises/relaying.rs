//! `signal`, `broadcast`, `update`, and what is answered about them.

use serde_json::json;

use crate::{
    check::{Verdict, ensure},
    server::Server,
    target::limits,
};

pub(super) async fn signal(server: Server) -> Verdict {
    let (mut others, mut sender) = server.intruder().await?;
    let receiver = others.first();
    sender.signal(&receiver.id, json!({"sdp": "v=0"})).await?;
    let expected = json!({"type": "signal", "from": sender.id, "data": {"sdp": "v=0"}});
    receiver.expect(expected).await?;
    sender.goes_on().await?;
    others.undisturbed().await
}

pub(super) async fn broadcast(server: Server) -> Verdict {
    let (mut others, mut sender) = server.intruder().await?;
    sender.broadcast("hello").await?;
    others.told(&json!({"type": "broadcast", "from": sender.id, "data": "hello"})).await?;
    sender.goes_on().await?;
    others.undisturbed().await
}

pub(super) async fn update(server: Server) -> Verdict {
    let (mut others, mut member) = server.intruder().await?;
    for meta in [json!({"muted": true}), json!(null), json!(["x"])] {
        member.say(json!({"type": "update", "meta": meta})).await?;
        let updated = json!({"type": "updated", "peer": member.id, "meta": meta});
        others.told(&updated).await?;
        let late = server.join().await?;
        let found = late.found().last().map(|peer| peer["meta"].clone());
        ensure!(found.as_ref() == Some(&meta), "who joins later finds {found:?}, not {meta}");
        others.see_joined(&late.id).await?;
        member.expect(json!({"type": "joined"})).await?;
        let id = late.id.clone();
        late.leave().await?;
        others.see_left(&id, "left").await?;
        member.expect(json!({"type": "left", "peer": id})).await?;
    }
    member.goes_on().await?;
    others.undisturbed().await
}

pub(super) async fn big_update(server: Server) -> Verdict {
    let (mut others, mut member) = server.intruder().await?;
    let longest = "x".repeat(limits().meta_bytes() - 2);
    member.say(json!({"type": "update", "meta": longest})).await?;
    others.told(&json!({"type": "updated", "peer": member.id, "meta": longest})).await?;
    member.say(json!({"type": "update", "meta": longest + "x", "ref": 1})).await?;
    member.expect_error("too-large", Some(1)).await?;
    member.goes_on().await?;
    others.undisturbed().await
}

pub(super) async fn references(server: Server) -> Verdict {
    let (mut others, mut sender) = server.intruder().await?;
    let too_large = "x".repeat(limits().meta_bytes());
    for (message, code) in [
        (json!({"type": "signal", "to": "nobody", "data": 1}), "no-such-peer"),
        (json!({"type": "signal", "data": 1}), "bad-message"),
        (json!({"type": "update", "meta": too_large}), "too-large"),
        (json!({"type": "lock", "locked": true}), "not-allowed"),
        (json!({"type": "dance"}), "unknown-type"),
    ] {
        // Up to what a client in JavaScript can count.
        for reference in [Some(0), Some(7), Some((1 << 53) - 1), None] {
            let mut message = message.clone();
            message["ref"] = reference.into();
            sender.say(&message).await?;
            let error = sender.expect_error(code, reference).await;
            error.map_err(|broken| broken.during(&message))?;
        }
    }
    sender.goes_on().await?;
    others.undisturbed().await
}

pub(super) async fn no_such_peer(server: Server) -> Verdict {
    let (mut others, mut sender) = server.intruder().await?;
    let gone = server.join().await?;
    let gone_id = gone.id.clone();
    others.see_joined(&gone_id).await?;
    gone.leave().await?;
    others.see_left(&gone_id, "left").await?;
    sender.expect(json!({"type": "joined"})).await?;
    sender.expect(json!({"type": "left"})).await?;

    let long = "A".repeat(1000);
    let oneself = sender.id.clone();
    for to in [
        &oneself,
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
        sender.say(json!({"type": "signal", "to": to, "data": 1, "ref": 1})).await?;
        let error = sender.expect_error("no-such-peer", Some(1)).await;
        error.map_err(|broken| broken.during(format_args!("{to:?}")))?;
    }
    sender.goes_on().await?;
    others.undisturbed().await
}
