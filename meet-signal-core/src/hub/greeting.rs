//! Composes the `welcome`.

#[cfg(feature = "driver")]
use std::time::Instant;

#[cfg(feature = "driver")]
use super::session_ice::Provided;
use super::{
    Hub,
    enter::Entered,
    session_state::{SessionSnapshot, WelcomeTerms},
};
#[cfg(feature = "driver")]
use crate::Resumed;
use crate::{
    Frame, PeerId, RoomId, Session,
    message::{Knocking, Peer, SelfInfo, ServerMessage, VERSION, Welcome},
    roster::Member,
};

/// A connection that has just entered a room, before its `welcome` is sent.
pub(crate) struct Greeting {
    session: Session,
    welcome: Option<(SessionSnapshot, WelcomeTerms)>,
}

impl Greeting {
    /// Creates the handle of the session. From here on, dropping it undoes a join.
    pub(super) fn new(hub: &Hub, room: RoomId, entered: Entered) -> Self {
        let Entered { connection, outbox, ice_provider, welcome } = entered;
        let session = Session::new(hub.clone(), room, connection, outbox, ice_provider);
        Self { session, welcome }
    }

    /// Queues the `welcome`, unless the first frame is queued already.
    pub(crate) fn send(self) -> Session {
        if let Some((snapshot, terms)) = self.welcome {
            self.session.greet(snapshot.welcome(self.session.id(), &terms));
        }
        self.session
    }

    #[cfg(feature = "driver")]
    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    #[cfg(feature = "driver")]
    pub(crate) fn session_mut(&mut self) -> &mut Session {
        &mut self.session
    }

    /// Whether it has a `welcome`, for which the session's provider of ICE servers is asked. If not,
    /// the provider's servers follow later.
    #[cfg(feature = "driver")]
    pub(crate) fn has_welcome(&self) -> bool {
        self.welcome.is_some()
    }

    /// Whether the `welcome` continues a session.
    #[cfg(feature = "driver")]
    pub(crate) fn resumed(&self) -> Resumed {
        self.welcome.as_ref().map_or(Resumed::No, |(snapshot, _)| snapshot.resumed)
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
        if let (Some((snapshot, _)), Some(servers)) = (&mut self.welcome, servers.flatten()) {
            snapshot.ice_servers = servers;
        }
    }
}

impl SessionSnapshot {
    /// The `welcome` of a connection that has just joined or resumed this session.
    pub(super) fn welcome(&self, me: PeerId, terms: &WelcomeTerms) -> Frame {
        let at = self.members.iter().position(|member| member.id == me);
        let at = at.expect("a session that is welcomed has a member");
        let me = &self.members[at];
        let knocking = self.knocking.iter().map(|(id, meta)| Knocking { id: *id, meta });
        let welcome = ServerMessage::Welcome(Welcome {
            v: VERSION,
            room: &terms.room,
            me: SelfInfo { id: me.id, meta: &me.meta, permissions: me.permissions },
            ticket: terms.ticket.expose().into(),
            resumed: self.resumed,
            received: self.received,
            locked: self.locked,
            lobby: self.lobby,
            knocking: knocking.collect(),
            peers: others(&self.members, at, &self.offered),
            ice_servers: &self.ice_servers,
            heartbeat_ms: terms.heartbeat_ms,
            grace_ms: terms.grace_ms,
            limits: Some(terms.limits),
        });
        welcome.encode()
    }
}

/// All members but the one at index `me`, as it sees them: of two members, the one that joined
/// first is polite.
fn others<'a>(members: &'a [Member], me: usize, offered: &[(PeerId, u32)]) -> Vec<Peer<'a>> {
    let offered = |id| offered.iter().find(|(peer, _)| *peer == id).map(|(_, offer)| *offer);
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
            offered: offered(*id),
        })
        .collect()
}
