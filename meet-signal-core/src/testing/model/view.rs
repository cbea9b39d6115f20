//! A room, as a client sees it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{PeerId, roster::Member};

/// The other members of a room, as a client computes them from its frames.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    me: String,
    others: BTreeMap<String, Other>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Other {
    status: Value,
    meta: Value,
    permissions: Value,
}

impl View {
    /// What a member sees if these are the members.
    pub fn of(members: &[Member], me: PeerId) -> Self {
        let others = members.iter().filter(|member| member.id != me).map(|member| {
            let Member { id, status, meta, permissions, .. } = member;
            let (status, meta, permissions) = (json!(status), json!(meta), json!(permissions));
            (id.to_string(), Other { status, meta, permissions })
        });
        Self { me: me.to_string(), others: others.collect() }
    }

    /// The client handles a frame.
    ///
    /// # Panics
    ///
    /// The frames are inconsistent: a peer is announced that is there, or one changes, leaves or sends
    /// that is not.
    pub fn handle(&mut self, frame: &Value) {
        let id = |value: &Value| value.as_str().expect("an id").to_owned();
        let entry = |peer: &Value| {
            let [status, meta, permissions] =
                ["status", "meta", "permissions"].map(|field| peer[field].clone());
            (id(&peer["id"]), Other { status, meta, permissions })
        };
        match frame["type"].as_str() {
            Some("welcome") => {
                self.me = id(&frame["self"]["id"]);
                // After a `full` resume, the client knows the room from earlier frames.
                if frame["resumed"] != "full" {
                    let peers = frame["peers"].as_array().expect("a list");
                    self.others = peers.iter().map(entry).collect();
                }
            }
            Some("joined") => {
                let (id, peer) = entry(&frame["peer"]);
                assert_eq!(self.others.insert(id, peer), None, "{frame}");
            }
            Some("left") => {
                assert!(self.others.remove(&id(&frame["peer"])).is_some(), "{frame}");
            }
            // A client is told about itself as well.
            Some("updated" | "permissions") if frame["peer"] == *self.me => {}
            Some("status") => self.known(&frame["peer"]).status = frame["status"].clone(),
            Some("updated") => self.known(&frame["peer"]).meta = frame["meta"].clone(),
            Some("permissions") => {
                self.known(&frame["peer"]).permissions = frame["permissions"].clone();
            }
            Some("signal" | "broadcast") => _ = self.known(&frame["from"]),
            _ => {}
        }
    }

    fn known(&mut self, peer: &Value) -> &mut Other {
        let known = self.others.get_mut(peer.as_str().expect("an id"));
        known.unwrap_or_else(|| panic!("{peer} is not announced"))
    }
}
