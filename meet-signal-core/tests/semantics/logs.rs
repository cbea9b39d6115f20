//! What can be told from the frames that somebody got.

use std::collections::{BTreeMap, BTreeSet};

use meet_signal_core::{PeerId, Status, testing::Member};
use serde_json::Value;

use crate::stay::Stay;

/// Who is there, whether its socket is, and what it tells about itself.
pub(crate) type View = BTreeMap<String, (bool, Value)>;

/// A room, put together from frames.
///
/// # Panics
///
/// The frames make no sense: somebody is announced twice, or heard of unannounced.
pub(crate) fn view(log: &[Value]) -> View {
    let mut view = View::new();
    for frame in log {
        match kind(frame) {
            // Who goes on with everything knows the room from what it was told.
            "welcome" if frame["resumed"] == "full" => {}
            "welcome" => {
                view.clear();
                let peers = frame["peers"].as_array().expect("a list");
                view.extend(peers.iter().map(|peer| (text(&peer["id"]), of(peer))));
            }
            "joined" => {
                let peer = &frame["peer"];
                let known = view.insert(text(&peer["id"]), of(peer));
                assert_eq!(known, None, "{frame}");
            }
            "left" => assert!(view.remove(&text(&frame["peer"])).is_some(), "{frame}"),
            "status" => {
                let peer = view.get_mut(&text(&frame["peer"])).expect("it was announced");
                peer.0 = frame["status"] == "here";
            }
            "updated" => {
                let peer = view.get_mut(&text(&frame["peer"])).expect("it was announced");
                peer.1 = frame["meta"].clone();
            }
            "signal" | "broadcast" => {
                // A sender that left can have been heard of last, but not by who came later.
                assert!(view.contains_key(&text(&frame["from"])), "{frame}");
            }
            _ => {}
        }
    }
    view
}

/// The same, from a roster.
pub(crate) fn others(members: &[Member], me: PeerId) -> View {
    let others = members.iter().filter(|member| member.id != me);
    let told = |member: &Member| serde_json::from_str(member.meta.as_json()).expect("JSON");
    others
        .map(|member| (member.id.to_string(), (member.status == Status::Here, told(member))))
        .collect()
}

/// Whom the log announces: found, or joined later.
pub(crate) fn announced(log: &[Value]) -> Vec<String> {
    let mut announced = Vec::new();
    for frame in log {
        match kind(frame) {
            "welcome" if frame["resumed"] != "full" => {
                assert!(announced.is_empty(), "one counting");
                announced.extend(frame["peers"].as_array().expect("a list").iter().map(id));
            }
            "joined" => announced.push(id(&frame["peer"])),
            _ => {}
        }
    }
    announced
}

/// Of whose leave the log tells.
pub(crate) fn left(log: &[Value]) -> Vec<String> {
    log.iter().filter(|frame| kind(frame) == "left").map(|frame| text(&frame["peer"])).collect()
}

/// Whom a frame is from or about; of a welcome, those who are there.
pub(crate) fn about(frame: &Value) -> Vec<String> {
    match kind(frame) {
        "welcome" => frame["peers"].as_array().expect("a list").iter().map(id).collect(),
        "joined" => vec![id(&frame["peer"])],
        "signal" | "broadcast" => vec![text(&frame["from"])],
        "left" | "status" | "updated" => vec![text(&frame["peer"])],
        _ => Vec::new(),
    }
}

/// The numbers that a sender said, as they came.
pub(crate) fn said(log: &[Value], sender: &str) -> Vec<u64> {
    log.iter()
        .filter(|frame| matches!(kind(frame), "signal" | "broadcast") && frame["from"] == sender)
        .map(|frame| frame["data"].as_u64().expect("a number"))
        .collect()
}

/// What a room is told as a whole and what happens once, each a line of its own.
pub(crate) fn events(log: &[Value]) -> Vec<String> {
    let once =
        |frame: &&Value| matches!(kind(frame), "joined" | "left" | "updated" | "broadcast" | "app");
    log.iter().filter(once).map(Value::to_string).collect()
}

pub(crate) fn are_distinct<T: Ord>(all: &[T]) -> bool {
    all.iter().collect::<BTreeSet<_>>().len() == all.len()
}

/// What everybody but the first one, who may be slow, was told: with names for ids, and without the
/// first one's tickets and what could not reach it.
pub(crate) fn anonymous(stays: &[Stay]) -> Vec<Vec<String>> {
    let names: Vec<_> = stays.iter().map(|stay| stay.id.to_string()).zip(0..).collect();
    let tell = |frame: &Value| {
        let mut frame = frame.clone();
        if let Some(welcome) = frame.as_object_mut() {
            welcome.remove("ticket");
        }
        names.iter().fold(frame.to_string(), |line, (id, n)| line.replace(id, &format!("#{n}")))
    };
    let told = |stay: &Stay| {
        let reached = |frame: &&Value| frame["code"] != "peer-unreachable";
        stay.log.iter().filter(reached).map(tell).collect()
    };
    stays.iter().filter(|stay| stay.who != 0).map(told).collect()
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

fn of(peer: &Value) -> (bool, Value) {
    (peer["status"] == "here", peer["meta"].clone())
}
