//! The JSON object that each message is.

use serde_json::json;

use crate::{
    bystanders::Bystanders,
    check::{Verdict, ensure},
    server::Server,
    target::limits,
};

pub(super) async fn unknown_fields(server: Server) -> Verdict {
    let (mut others, mut sender) = server.intruder().await?;
    sender.say(r#"{"colour":"blue","data":1,"to":[],"x":{"y":[]},"type":"broadcast"}"#).await?;
    others.told(&json!({"type": "broadcast", "from": sender.id, "data": 1})).await?;
    // The same unknown field twice is none of the server's business.
    sender.say(" \n{ \"x\":1, \"type\" :\t\"broadcast\", \"x\":2, \"data\": 2 }\r\n").await?;
    others.told(&json!({"type": "broadcast", "from": sender.id, "data": 2})).await?;
    sender.goes_on().await?;
    others.undisturbed().await
}

pub(super) async fn escapes(server: Server) -> Verdict {
    let (mut others, sender) = server.intruder().await?;
    sender.say(r#"{"t\u0079pe":"br\u006fadcast","d\u0061ta":"\u0061"}"#).await?;
    others.told(&json!({"type": "broadcast", "from": sender.id, "data": "a"})).await?;
    let receiver = others.first();
    let escaped: String = receiver.id.bytes().map(|byte| format!("\\u{byte:04x}")).collect();
    sender.say(format!(r#"{{"type":"signal","to":"{escaped}","data":2}}"#)).await?;
    receiver.expect(json!({"type": "signal", "from": sender.id, "data": 2})).await?;
    others.undisturbed().await
}

pub(super) async fn unknown_types(server: Server) -> Verdict {
    let (mut others, mut sender) = server.intruder().await?;
    // More than there may be bad messages: these are none.
    for reference in 0..20 {
        let message = json!({"type": "dance", "to": 1, "data": null, "ref": reference});
        sender.say(message).await?;
        sender.expect_error("unknown-type", Some(reference)).await?;
    }
    for kind in ["", "Join", "welcome", "error", " signal"] {
        sender.say(json!({"type": kind})).await?;
        sender.expect_error("unknown-type", None).await?;
    }
    sender.goes_on().await?;
    others.undisturbed().await
}

pub(super) async fn no_message(server: Server) -> Verdict {
    refused(
        &server.room("no-object"),
        &[
            "",
            " ",
            "{",
            "null",
            "1",
            r#""leave""#,
            // No array with a message's values in a row, either.
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
    refused(
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

pub(super) async fn wrong_fields(server: Server) -> Verdict {
    let (mut others, mut sender) = server.intruder().await?;
    for (message, reference) in [
        (json!({"type": "signal", "data": 1, "ref": 1}), Some(1)),
        (json!({"type": "signal", "to": others.first().id, "ref": 2}), Some(2)),
        (json!({"type": "signal", "to": 7, "data": 1, "ref": 3}), Some(3)),
        (json!({"type": "signal", "to": [others.first().id], "data": 1}), None),
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
        sender.say(&message).await?;
        let error = sender.expect_error("bad-message", reference).await;
        error.map_err(|broken| broken.during(&message))?;
    }
    sender.goes_on().await?;
    others.undisturbed().await?;

    // Before it has joined, too.
    let mut stranger = server.connect().await?;
    for message in [
        json!({"type": "join", "token": 1}),
        json!({"type": "join", "replaces": {}}),
        json!({"type": "join", "resume": "a ticket"}),
        json!({"type": "join", "resume": {"ticket": "a ticket"}}),
        json!({"type": "join", "resume": ["a ticket", 0]}),
    ] {
        stranger.say(&message).await?;
        let error = stranger.expect_error("bad-message", None).await;
        error.map_err(|broken| broken.during(&message))?;
    }
    others.undisturbed().await
}

pub(super) async fn field_twice(server: Server) -> Verdict {
    refused(
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

pub(super) async fn too_many_bad_messages(server: Server) -> Verdict {
    let (mut others, mut intruder) = server.intruder().await?;
    for _ in 0..limits().bad_messages() {
        intruder.say("nonsense").await?;
        intruder.expect_error("bad-message", None).await?;
    }
    intruder.goes_on().await?;
    intruder.say("nonsense").await?;
    intruder.closed(4501).await?;
    others.see_left(&intruder.id, "closed").await?;
    others.undisturbed().await
}

/// A parser that descends once for each level would overflow its stack. The limit on a frame's
/// length is what bounds nesting.
pub(super) async fn deep_nesting(server: Server) -> Verdict {
    let (mut others, mut sender) = server.intruder().await?;
    let deep = "[".repeat(30_000) + &"]".repeat(30_000);
    sender.say(format!(r#"{{"type":"broadcast","data":{deep}}}"#)).await?;
    for receiver in others.pair() {
        let text = receiver.hear().await?;
        ensure!(text.contains(&deep), "{} bytes came", text.len());
    }
    sender.say(format!(r#"{{"x":{deep},"type":"broadcast","data":1}}"#)).await?;
    others.told(&json!({"type": "broadcast", "data": 1})).await?;
    for message in [
        format!(r#"{{"type":{deep}}}"#),
        format!(r#"{{"type":"signal","to":{deep},"data":1}}"#),
        format!(r#"{{"type":"broadcast","data":1,"ref":{deep}}}"#),
        format!(r#"{{"type":"pong","received":{deep}}}"#),
        "[".repeat(60_000),
        r#"{"x":"#.repeat(12_000),
    ] {
        sender.say(message).await?;
        sender.expect_error("bad-message", None).await?;
    }
    sender.say(format!(r#"{{"type":"update","meta":{deep}}}"#)).await?;
    sender.expect_error("too-large", None).await?;
    sender.goes_on().await?;
    others.undisturbed().await
}

/// Each is a bad message, and nobody else hears of it.
async fn refused(server: &Server, texts: &[&str]) -> Verdict {
    let mut others = Bystanders::join(server).await?;
    let mut sender = server.join().await?;
    others.see_joined(&sender.id).await?;
    for text in texts {
        sender.say(text).await?;
        let error = sender.expect_error("bad-message", None).await;
        error.map_err(|broken| broken.during(format_args!("{text:?}")))?;
    }
    sender.goes_on().await?;
    others.undisturbed().await
}
