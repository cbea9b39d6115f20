//! What must hold after each step.

use std::collections::BTreeSet;

use meet_signal_core::{CloseReason, MemberInfo};

use super::{Harness, Membership, room};

impl Harness {
    /// The hub holds what the models hold, and no more than the limits allow.
    pub(crate) fn check(&self) {
        let mut open = BTreeSet::new();
        for (at, model) in self.rooms.iter().enumerate() {
            let members: Vec<_> = model.members().iter().map(MemberInfo::from).collect();
            assert_eq!(self.hub.roster(&room(at)), members);
            let waiting: Vec<_> = model.waiting().iter().map(MemberInfo::from).collect();
            assert_eq!(self.hub.waiting(&room(at)), waiting);
            assert!(members.len() <= self.bounds.room_peers);
            if !members.is_empty() {
                open.insert(room(at));
            }
        }
        assert_eq!(self.hub.rooms().into_iter().collect::<BTreeSet<_>>(), open);
        assert_eq!(self.hub.sessions(), self.sessions());
        assert!(self.hub.sessions() <= self.bounds.sessions);
        for Membership { room, id, session, .. } in &self.memberships {
            let model = self.rooms[*room].session(*id);
            assert!(model.queue().waiting() <= self.bounds.waiting);
            if let Some(session) = session {
                assert_eq!(session.received(), model.received());
            }
        }
    }

    pub(crate) fn is_member(&self, at: usize) -> bool {
        self.end_of(&self.memberships[at]).is_none()
    }

    /// Whether a member's client is connected, has received everything, and waited for each reply.
    pub(crate) fn is_up_to_date(&self, membership: &Membership) -> bool {
        let model = &self.rooms[membership.room];
        let is_member = model.members().iter().any(|member| member.id == membership.id);
        let session = model.session(membership.id);
        is_member
            && !membership.is_early
            && membership.away_since.is_none()
            && session.is_up_to_date()
    }

    /// Why a membership has ended, if it has.
    pub(crate) fn end_of(&self, membership: &Membership) -> Option<CloseReason> {
        self.rooms[membership.room].session(membership.id).end()
    }
}
