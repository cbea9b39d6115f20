//! What follows from the frames that a client received.

use serde_json::Value;

use crate::harness::Membership;

/// The peers that a frame is from or about; of a welcome, the others in the room.
pub(crate) fn about(frame: &Value) -> Vec<String> {
    match kind(frame) {
        "welcome" => frame["peers"].as_array().expect("a list").iter().map(id).collect(),
        "joined" => vec![id(&frame["peer"])],
        "signal" | "broadcast" => vec![text(&frame["from"])],
        "left" | "status" | "updated" => vec![text(&frame["peer"])],
        _ => Vec::new(),
    }
}

/// The numbers of a sender's messages, in the order in which they were received.
pub(crate) fn said(log: &[Value], sender: &str) -> Vec<u64> {
    log.iter()
        .filter(|frame| matches!(kind(frame), "signal" | "broadcast") && frame["from"] == sender)
        .map(|frame| frame["data"].as_u64().expect("a number"))
        .collect()
}

/// The frames that go to a whole room and are unique.
pub(crate) fn events(log: &[Value]) -> Vec<String> {
    let once =
        |frame: &&Value| matches!(kind(frame), "joined" | "left" | "updated" | "broadcast" | "app");
    log.iter().filter(once).map(Value::to_string).collect()
}

/// What every participant but the first, slow one received: with names for ids, without tickets, and
/// without the errors about messages that could not reach the first one.
pub(crate) fn anonymous(memberships: &[Membership]) -> Vec<Vec<String>> {
    let names: Vec<_> = memberships.iter().map(|it| it.id.to_string()).zip(0..).collect();
    let line = |frame: &Value| {
        let mut frame = frame.clone();
        if let Some(welcome) = frame.as_object_mut() {
            welcome.remove("ticket");
        }
        names.iter().fold(frame.to_string(), |line, (id, n)| line.replace(id, &format!("#{n}")))
    };
    let lines = |membership: &Membership| {
        let is_kept = |frame: &&Value| frame["code"] != "peer-unreachable";
        membership.log.iter().filter(is_kept).map(line).collect()
    };
    memberships.iter().filter(|it| it.participant != 0).map(lines).collect()
}

fn kind(frame: &Value) -> &str {
    frame["type"].as_str().expect("a type")
}

fn id(peer: &Value) -> String {
    text(&peer["id"])
}

fn text(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}
