//! A room, as a client sees it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{PeerId, roster::Member};

/// The other members of a room, as a client computes them from its frames.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    me: String,
    others: BTreeMap<String, Other>,
    /// Those who wait in the lobby, and their `meta`, as far as the server has told.
    knocking: BTreeMap<String, Value>,
    moderates: bool,
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
        let id = me.to_string();
        let others = members.iter().filter(|member| member.id != me).map(|member| {
            let Member { id, status, meta, permissions, .. } = member;
            let (status, meta, permissions) = (json!(status), json!(meta), json!(permissions));
            (id.to_string(), Other { status, meta, permissions })
        });
        let me = members.iter().find(|member| member.id == me).map(|me| me.permissions.moderate);
        Self {
            me: id,
            others: others.collect(),
            knocking: BTreeMap::new(),
            moderates: me == Some(true),
        }
    }

    /// What it sees of the lobby if these wait.
    #[must_use]
    pub fn knocking(mut self, waiting: &[Member]) -> Self {
        let waiting = waiting.iter().filter(|_| self.moderates);
        self.knocking = waiting.map(|peer| (peer.id.to_string(), json!(peer.meta))).collect();
        self
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
                    let knocks = frame["knocking"].as_array().into_iter().flatten();
                    self.knocking =
                        knocks.map(|peer| (id(&peer["id"]), peer["meta"].clone())).collect();
                    self.moderates = may_moderate(&frame["self"]["permissions"]);
                }
            }
            Some("joined") => {
                let (id, peer) = entry(&frame["peer"]);
                assert_eq!(self.others.insert(id, peer), None, "{frame}");
            }
            Some("left") => {
                assert!(self.others.remove(&id(&frame["peer"])).is_some(), "{frame}");
            }
            Some("knock") => {
                assert!(self.moderates, "{frame}");
                self.knocking.insert(id(&frame["peer"]["id"]), frame["peer"]["meta"].clone());
            }
            Some("knockGone") => {
                assert!(self.knocking.remove(&id(&frame["peer"])).is_some(), "{frame}");
            }
            Some("permissions") if frame["peer"] == *self.me => {
                self.moderates = may_moderate(&frame["permissions"]);
                if !self.moderates {
                    self.knocking.clear();
                }
            }
            // A client is told about itself as well.
            Some("updated") if frame["peer"] == *self.me => {}
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

fn may_moderate(permissions: &Value) -> bool {
    permissions.as_array().is_some_and(|all| all.contains(&json!("moderate")))
}
