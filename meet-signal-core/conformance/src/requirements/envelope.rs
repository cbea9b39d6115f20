//! The JSON object of a message.

use serde_json::json;

use crate::{
    check::{Context, Result, ensure},
    observers::Observers,
    server::Server,
    target::limits,
};

pub(super) async fn unknown_fields(server: Server) -> Result {
    let (mut observers, mut sender) = Observers::join_with_client(&server).await?;
    sender.send(r#"{"colour":"blue","data":1,"to":[],"x":{"y":[]},"type":"broadcast"}"#).await?;
    observers.expect(&json!({"type": "broadcast", "from": sender.id, "data": 1})).await?;
    // A duplicate unknown field is no error.
    sender.send(" \n{ \"x\":1, \"type\" :\t\"broadcast\", \"x\":2, \"data\": 2 }\r\n").await?;
    observers.expect(&json!({"type": "broadcast", "from": sender.id, "data": 2})).await?;
    sender.check_alive().await?;
    observers.check_undisturbed().await
}

pub(super) async fn escapes(server: Server) -> Result {
    let (mut observers, sender) = Observers::join_with_client(&server).await?;
    sender.send(r#"{"t\u0079pe":"br\u006fadcast","d\u0061ta":"\u0061"}"#).await?;
    observers.expect(&json!({"type": "broadcast", "from": sender.id, "data": "a"})).await?;
    let receiver = observers.first();
    let escaped: String = receiver.id.bytes().map(|byte| format!("\\u{byte:04x}")).collect();
    sender.send(format!(r#"{{"type":"signal","to":"{escaped}","data":2}}"#)).await?;
    receiver.expect(json!({"type": "signal", "from": sender.id, "data": 2})).await?;
    observers.check_undisturbed().await
}

pub(super) async fn unknown_types(server: Server) -> Result {
    let (mut observers, mut sender) = Observers::join_with_client(&server).await?;
    // More than the limit on bad messages, which does not count unknown types.
    for reference in 0..20 {
        let message = json!({"type": "dance", "to": 1, "data": null, "ref": reference});
        sender.send(message).await?;
        sender.expect_error("unknown-type", Some(reference)).await?;
    }
    for kind in ["", "Join", "welcome", "error", " signal"] {
        sender.send(json!({"type": kind})).await?;
        sender.expect_error("unknown-type", None).await?;
    }
    sender.check_alive().await?;
    observers.check_undisturbed().await
}

pub(super) async fn not_a_message(server: Server) -> Result {
    expect_bad_messages(
        &server.room("no-object"),
        &[
            "",
            " ",
            "{",
            "null",
            "1",
            r#""leave""#,
            // serde also reads structs from arrays, which the protocol does not allow.
            r#"["leave"]"#,
            r#"["broadcast",null,1]"#,
            "{}",
            r#"{"type":null}"#,
            r#"{"type":1}"#,
            r#"{"type":["leave"]}"#,
            r#"{"type":"leave"} {"type":"leave"}"#,
        ],
    )
    .await?;
    expect_bad_messages(
        &server.room("no-json"),
        &[
            r#"{"type":"leave",}"#,
            r#"{'type':'leave'}"#,
            r#"{"type":"leave"}}"#,
            "{\"type\":\"broadcast\",\"data\":\"a\nb\"}",
            "{\"type\":\"broadcast\",\"data\":\"\0\"}",
            "\u{FEFF}{\"type\":\"leave\"}",
            r#"{"type":"broadcast","data":01}"#,
            r#"{"type":"broadcast","data":NaN}"#,
            r#"{"type":"broadcast","data":"\x"}"#,
            r#"{"type":"broadcast","data":"\ud8"}"#,
            r#"{"type":"\ud800"}"#,
        ],
    )
    .await
}

pub(super) async fn invalid_fields(server: Server) -> Result {
    let (mut observers, mut sender) = Observers::join_with_client(&server).await?;
    for (message, reference) in [
        (json!({"type": "signal", "data": 1, "ref": 1}), Some(1)),
        (json!({"type": "signal", "to": observers.first().id, "ref": 2}), Some(2)),
        (json!({"type": "signal", "to": 7, "data": 1, "ref": 3}), Some(3)),
        (json!({"type": "signal", "to": [observers.first().id], "data": 1}), None),
        (json!({"type": "signal", "to": null, "data": 1}), None),
        (json!({"type": "broadcast", "ref": 4}), Some(4)),
        (json!({"type": "broadcast", "data": 1, "ref": "5"}), None),
        (json!({"type": "broadcast", "data": 1, "ref": -1}), None),
        (json!({"type": "broadcast", "data": 1, "ref": 1.5}), None),
        (json!({"type": "update", "ref": 6}), Some(6)),
        (json!({"type": "pong"}), None),
        (json!({"type": "pong", "received": "1"}), None),
        (json!({"type": "ack", "received": -1}), None),
    ] {
        sender.send(&message).await?;
        sender.expect_error("bad-message", reference).await.context(&message)?;
    }
    sender.check_alive().await?;
    observers.check_undisturbed().await?;

    // The same before `join`.
    let mut client = server.connect().await?;
    for message in [
        json!({"type": "join", "token": 1}),
        json!({"type": "join", "replaces": {}}),
        json!({"type": "join", "resume": "a ticket"}),
        json!({"type": "join", "resume": {"ticket": "a ticket"}}),
        json!({"type": "join", "resume": ["a ticket", 0]}),
    ] {
        client.send(&message).await?;
        client.expect_error("bad-message", None).await.context(&message)?;
    }
    observers.check_undisturbed().await
}

pub(super) async fn duplicate_fields(server: Server) -> Result {
    expect_bad_messages(
        &server,
        &[
            r#"{"type":"leave","type":"leave"}"#,
            r#"{"type":"broadcast","data":1,"data":1}"#,
            r#"{"type":"broadcast","data":1,"d\u0061ta":2}"#,
            r#"{"type":"leave","ref":1,"ref":1}"#,
        ],
    )
    .await
}

pub(super) async fn too_many_bad_messages(server: Server) -> Result {
    let (mut observers, mut client) = Observers::join_with_client(&server).await?;
    for _ in 0..limits().bad_messages() {
        client.send("nonsense").await?;
        client.expect_error("bad-message", None).await?;
    }
    client.check_alive().await?;
    client.send("nonsense").await?;
    client.expect_close(4501).await?;
    observers.expect_left(&client.id, "closed").await?;
    observers.check_undisturbed().await
}

/// A recursive parser would overflow its stack. Only the limit on the length of a frame bounds
/// nesting.
pub(super) async fn deep_nesting(server: Server) -> Result {
    let (mut observers, mut sender) = Observers::join_with_client(&server).await?;
    let deep = "[".repeat(30_000) + &"]".repeat(30_000);
    sender.send(format!(r#"{{"type":"broadcast","data":{deep}}}"#)).await?;
    for receiver in observers.both() {
        let text = receiver.recv_text().await?;
        ensure!(text.contains(&deep), "got {} bytes", text.len());
    }
    sender.send(format!(r#"{{"x":{deep},"type":"broadcast","data":1}}"#)).await?;
    observers.expect(&json!({"type": "broadcast", "data": 1})).await?;
    for message in [
        format!(r#"{{"type":{deep}}}"#),
        format!(r#"{{"type":"signal","to":{deep},"data":1}}"#),
        format!(r#"{{"type":"broadcast","data":1,"ref":{deep}}}"#),
        format!(r#"{{"type":"pong","received":{deep}}}"#),
        "[".repeat(60_000),
        r#"{"x":"#.repeat(12_000),
    ] {
        sender.send(message).await?;
        sender.expect_error("bad-message", None).await?;
    }
    sender.send(format!(r#"{{"type":"update","meta":{deep}}}"#)).await?;
    sender.expect_error("too-large", None).await?;
    sender.check_alive().await?;
    observers.check_undisturbed().await
}

/// Sends each text, and expects an error for the sender only.
async fn expect_bad_messages(server: &Server, texts: &[&str]) -> Result {
    let (mut observers, mut sender) = Observers::join_with_client(server).await?;
    for text in texts {
        sender.send(text).await?;
        sender.expect_error("bad-message", None).await.context(format_args!("{text:?}"))?;
    }
    sender.check_alive().await?;
    observers.check_undisturbed().await
}
