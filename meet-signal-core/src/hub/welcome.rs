//! The first frame of a connection that is let in.

use std::sync::Arc;

use crate::{
    Frame, Session,
    message::{IceServer, Peer, Resumed, SelfInfo, ServerMessage, VERSION, Welcome},
    roster::Member,
};

/// What a session is in at the moment of its welcome.
pub(super) struct Standing {
    pub(super) resumed: Resumed,
    pub(super) received: u64,
    /// Everybody, the session's own member too, in the order in which they joined.
    pub(super) roster: Vec<Member>,
    pub(super) ice_servers: Arc<[IceServer]>,
}

pub(super) fn welcome(session: &Session, ticket: &str, standing: &Standing) -> Frame {
    let limits = session.hub().limits();
    let Standing { resumed, received, roster, ice_servers } = standing;
    let at = roster.iter().position(|member| member.id == session.id());
    let at = at.expect("whoever is welcomed is a member");
    let me = &roster[at];
    let welcome = ServerMessage::Welcome(Welcome {
        v: VERSION,
        room: session.room(),
        me: SelfInfo { id: me.id, meta: &me.meta, permissions: me.permissions },
        ticket: ticket.into(),
        resumed: *resumed,
        received: *received,
        locked: false,
        peers: others(roster, at),
        ice_servers,
        heartbeat_ms: limits.heartbeat().as_millis() as u64,
        grace_ms: limits.grace().as_millis() as u64,
        limits: Some(limits.into()),
    });
    welcome.encode()
}

/// Everybody but the member in this place, as it sees them: whoever was in the room first is polite
/// toward who came later.
fn others(roster: &[Member], me: usize) -> Vec<Peer<'_>> {
    roster
        .iter()
        .enumerate()
        .filter(|(at, _)| *at != me)
        .map(|(at, Member { id, meta, status, .. })| Peer {
            id: *id,
            meta,
            status: *status,
            polite: at > me,
        })
        .collect()
}
