//! The room as a person would keep it on paper: who is in it, which connection speaks for whom, and
//! what each member is owed.

use serde_json::{Value, json};

/// How many frames the hub may keep for a session.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) waiting: usize,
    pub(crate) unacknowledged: usize,
}

#[derive(Debug)]
pub(crate) struct Paper {
    bounds: Bounds,
    /// In the order in which they joined.
    pub(crate) members: Vec<Member>,
    /// Of those who left, for the frames that are still on their way to them.
    gone: Vec<Member>,
}

#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) id: String,
    pub(crate) away: bool,
    /// The wire that speaks for it.
    pub(crate) wire: usize,
    /// One for each time that counting began anew; the last one goes on.
    pub(crate) countings: Vec<Counting>,
    /// Whether its client has sent something since the counting began.
    agreed: bool,
    /// A frame found no room: nothing more is owed until somebody comes back.
    overflowed: bool,
    /// How many frames went to any wire, how many of them to the one that speaks for it, and how
    /// many from the first on need not, or cannot, be sent again.
    sent: usize,
    sent_here: usize,
    dropped: usize,
}

/// What both ends count from one welcome on.
#[derive(Debug, Default)]
pub(crate) struct Counting {
    /// What the member is told.
    pub(crate) told: Vec<Value>,
    /// The numbers that its client said, as the room took them.
    pub(crate) taken: Vec<u64>,
}

impl Paper {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { bounds, members: Vec::new(), gone: Vec::new() }
    }

    pub(crate) fn join(&mut self, id: &str, wire: usize) {
        let peer = json!({"id": id, "meta": null, "status": "here", "polite": true});
        self.tell_all(None, &json!({"type": "joined", "peer": peer}));
        self.members.push(Member {
            id: id.to_owned(),
            away: false,
            wire,
            countings: vec![Counting::default()],
            agreed: true,
            overflowed: false,
            sent: 0,
            sent_here: 0,
            dropped: 0,
        });
    }

    /// Whether all that is not among the first `received` frames is still there.
    pub(crate) fn has_all_after(&self, id: &str, received: usize) -> bool {
        let member = self.member(id).expect("a member");
        member.agreed && !member.overflowed && (member.dropped..=member.sent).contains(&received)
    }

    pub(crate) fn go_on(&mut self, id: &str, wire: usize, received: usize, full: bool) {
        let member = self.member_mut(id).expect("a member");
        member.wire = wire;
        member.sent_here = received;
        member.dropped = received;
        if !full {
            member.countings.push(Counting::default());
            member.overflowed = false;
            member.agreed = false;
            (member.sent, member.sent_here, member.dropped) = (0, 0, 0);
        }
        self.set_away(id, false);
    }

    pub(crate) fn set_away(&mut self, id: &str, away: bool) {
        let member = self.member_mut(id).expect("a member");
        if std::mem::replace(&mut member.away, away) != away {
            let status = if away { "away" } else { "here" };
            self.tell_all(Some(id), &json!({"type": "status", "peer": id, "status": status}));
        }
    }

    pub(crate) fn leave(&mut self, id: &str, reason: &str) {
        let at = self.members.iter().position(|member| member.id == id).expect("a member");
        self.gone.push(self.members.remove(at));
        self.tell_all(None, &json!({"type": "left", "peer": id, "reason": reason}));
    }

    /// The room takes what a member says, to all or to one.
    pub(crate) fn take(&mut self, id: &str, to: Option<&str>, n: u64) {
        self.member_mut(id).expect("a member").counting_mut().taken.push(n);
        let kind = if to.is_some() { "signal" } else { "broadcast" };
        let frame = json!({"type": kind, "from": id, "data": n});
        let reached = match to {
            Some(to) if to == id || self.member(to).is_none() => None,
            Some(to) => Some(self.tell(to, frame)),
            None => Some(self.tell_all(Some(id), &frame)),
        };
        let (code, message) = match reached {
            Some(true) => return,
            Some(false) => ("peer-unreachable", "a peer's queue has no room for it"),
            None => ("no-such-peer", "no such peer is in the room"),
        };
        self.tell(id, json!({"type": "error", "code": code, "message": message, "ref": n}));
    }

    pub(crate) fn heard(&mut self, id: &str) {
        self.member_mut(id).expect("a member").agreed = true;
    }

    pub(crate) fn acknowledged(&mut self, id: &str, received: usize) {
        let member = self.member_mut(id).expect("a member");
        member.dropped = member.dropped.max(received.min(member.sent_here));
    }

    pub(crate) fn sent(&mut self, id: &str, frames: usize) {
        let bound = self.bounds.unacknowledged;
        let member = self.member_mut(id).expect("a member");
        member.sent_here += frames;
        member.sent = member.sent.max(member.sent_here);
        member.dropped = member.dropped.max(member.sent.saturating_sub(bound));
    }

    pub(crate) fn tell_all(&mut self, but: Option<&str>, frame: &Value) -> bool {
        let ids: Vec<_> = self.members.iter().map(|member| member.id.clone()).collect();
        let mut reached = true;
        for id in ids.iter().filter(|id| Some(id.as_str()) != but) {
            reached &= self.tell(id, frame.clone());
        }
        reached
    }

    /// Whether there is room for it. What a member sends may be refused; anything else may not be
    /// missing.
    fn tell(&mut self, id: &str, frame: Value) -> bool {
        let bound = self.bounds.waiting;
        let member = self.member_mut(id).expect("a member");
        if member.overflowed {
            return false;
        }
        let waiting = &member.counting().told[member.sent..];
        let relayed = waiting.iter().filter(|other| other["from"].is_string()).count();
        let own = waiting.iter().filter(|other| other["from"] == frame["from"]).count();
        let is_relayed = frame["from"].is_string();
        let has_share = relayed == 0 || 2 * own + 1 + relayed <= bound.div_ceil(2);
        let fits = waiting.len() < bound && (!is_relayed || has_share);
        if fits {
            member.counting_mut().told.push(frame);
        } else if !is_relayed {
            member.overflowed = true;
        }
        fits
    }

    pub(crate) fn member(&self, id: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.id == id)
    }

    /// Whoever is, or ever was, in the room.
    pub(crate) fn anybody(&self, id: &str) -> &Member {
        let mut all = self.members.iter().chain(&self.gone);
        all.find(|member| member.id == id).expect("who joined")
    }

    fn member_mut(&mut self, id: &str) -> Option<&mut Member> {
        self.members.iter_mut().find(|member| member.id == id)
    }
}

impl Member {
    pub(crate) fn counting(&self) -> &Counting {
        self.countings.last().expect("the first begins with the join")
    }

    fn counting_mut(&mut self) -> &mut Counting {
        self.countings.last_mut().expect("the first begins with the join")
    }
}
