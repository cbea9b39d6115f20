//! Composes the `welcome`.

#[cfg(feature = "driver")]
use std::time::Instant;

#[cfg(feature = "driver")]
use super::session_ice::Provided;
use super::{Hub, session_state::SessionSnapshot};
#[cfg(feature = "tracing")]
use crate::Resumed;
use crate::{
    Frame, RoomId, Session,
    connection::Connection,
    message::{Peer, SelfInfo, ServerMessage, VERSION, Welcome},
    roster::Member,
};

/// A session that has just been joined or resumed, before its `welcome` is sent.
pub(crate) struct Greeting {
    session: Session,
    ticket: String,
    snapshot: SessionSnapshot,
}

impl Greeting {
    /// Creates the handle of the session. From here on, dropping it undoes a join.
    pub(super) fn new(
        hub: &Hub,
        room: RoomId,
        connection: Connection,
        ticket: String,
        snapshot: SessionSnapshot,
    ) -> Self {
        let (outbox, provider) = (snapshot.outbox.clone(), snapshot.ice_provider.clone());
        let session = Session::new(hub.clone(), room, connection, outbox, provider);
        Self { session, ticket, snapshot }
    }

    /// Queues the `welcome`.
    pub(crate) fn send(self) -> Session {
        self.session.greet(self.snapshot.welcome(&self.session, &self.ticket));
        self.session
    }

    #[cfg(feature = "driver")]
    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    #[cfg(feature = "tracing")]
    pub(crate) fn session_mut(&mut self) -> &mut Session {
        &mut self.session
    }

    #[cfg(feature = "tracing")]
    pub(crate) fn resumed(&self) -> Resumed {
        self.snapshot.resumed
    }

    /// When the servers expire that the session's provider has provided before.
    #[cfg(feature = "driver")]
    pub(crate) fn ice_servers_expire(&self) -> Option<Instant> {
        let peer = self.session.id();
        self.session.in_room(|room, _| room.ice_servers_expire(peer)).flatten()
    }

    /// Sets the servers of the session's provider.
    #[cfg(feature = "driver")]
    pub(crate) fn provide(&mut self, provided: Provided) {
        let peer = self.session.id();
        let servers = self
            .session
            .in_room(|room, wakers| room.welcome_with_ice_servers(peer, provided, wakers));
        if let Some(servers) = servers.flatten() {
            self.snapshot.ice_servers = servers;
        }
    }
}

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
