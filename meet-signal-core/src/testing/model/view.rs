//! A room, as a client sees it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{PeerId, roster::Member};

/// The other members of a room, with their `status` and `meta`, as a client computes them from its
/// frames.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View(BTreeMap<String, (Value, Value)>);

impl View {
    /// What a member sees if these are the members.
    pub fn of(members: &[Member], me: PeerId) -> Self {
        let others = members.iter().filter(|member| member.id != me);
        let entry = |it: &Member| (it.id.to_string(), (json!(it.status), json!(it.meta)));
        Self(others.map(entry).collect())
    }

    /// The client handles a frame.
    ///
    /// # Panics
    ///
    /// The frames are inconsistent: a peer is announced that is there, or one changes, leaves or sends
    /// that is not.
    pub fn handle(&mut self, frame: &Value) {
        let id = |value: &Value| value.as_str().expect("an id").to_owned();
        let entry =
            |peer: &Value| (id(&peer["id"]), (peer["status"].clone(), peer["meta"].clone()));
        match frame["type"].as_str() {
            // After a `full` resume, the client knows the room from earlier frames.
            Some("welcome") if frame["resumed"] != "full" => {
                self.0 = frame["peers"].as_array().expect("a list").iter().map(entry).collect();
            }
            Some("joined") => {
                let (id, peer) = entry(&frame["peer"]);
                assert_eq!(self.0.insert(id, peer), None, "{frame}");
            }
            Some("left") => assert!(self.0.remove(&id(&frame["peer"])).is_some(), "{frame}"),
            Some("status") => self.known(&frame["peer"]).0 = frame["status"].clone(),
            Some("updated") => self.known(&frame["peer"]).1 = frame["meta"].clone(),
            Some("signal" | "broadcast") => _ = self.known(&frame["from"]),
            _ => {}
        }
    }
    fn known(&mut self, peer: &Value) -> &mut (Value, Value) {
        let known = self.0.get_mut(peer.as_str().expect("an id"));
        known.unwrap_or_else(|| panic!("{peer} is not announced"))
    }
}
