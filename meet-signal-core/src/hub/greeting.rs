//! Composes the `welcome`.

use super::session_state::SessionSnapshot;
use crate::{
    Frame, Session,
    message::{Peer, SelfInfo, ServerMessage, VERSION, Welcome},
    roster::Member,
};

impl SessionSnapshot {
    /// The `welcome` of a connection that has just joined or resumed this session.
    pub(super) fn welcome(&self, session: &Session, ticket: &str) -> Frame {
        let limits = session.hub().limits();
        let at = self.members.iter().position(|member| member.id == session.id());
        let at = at.expect("a session that is welcomed has a member");
        let me = &self.members[at];
        let welcome = ServerMessage::Welcome(Welcome {
            v: VERSION,
            room: session.room(),
            me: SelfInfo { id: me.id, meta: &me.meta, permissions: me.permissions },
            ticket: ticket.into(),
            resumed: self.resumed,
            received: self.received,
            locked: self.locked,
            peers: others(&self.members, at),
            ice_servers: &self.ice_servers,
            heartbeat_ms: limits.heartbeat().as_millis() as u64,
            grace_ms: limits.grace().as_millis() as u64,
            limits: Some(limits.into()),
        });
        welcome.encode()
    }
}

/// All members but the one at index `me`, as it sees them: of two members, the one that joined
/// first is polite.
fn others(members: &[Member], me: usize) -> Vec<Peer<'_>> {
    members
        .iter()
        .enumerate()
        .filter(|(at, _)| *at != me)
        .map(|(at, Member { id, meta, status, permissions, .. })| Peer {
            id: *id,
            meta,
            status: *status,
            polite: at > me,
            permissions: Some(*permissions),
        })
        .collect()
}
