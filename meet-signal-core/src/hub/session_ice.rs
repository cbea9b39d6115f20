//! The ICE servers of a session.

use std::{sync::Arc, time::Instant};

use super::RoomState;
use crate::{
    Frame, Grant, IceServer, PeerId,
    ice::Provider,
    message::ServerMessage,
    outbox::{Push, Wakers},
};

/// The ICE servers of a session: those that the application has granted or set, then those of the
/// session's provider.
pub(super) struct SessionIce {
    granted: Arc<[IceServer]>,
    last_grant: Arc<[IceServer]>,
    provided: Provided,
    /// Dropped under the lock of the room, where no code of the application may run. So it is never
    /// the last reference: the session's `Session` has one, too, and lives longer than this.
    provider: Option<Provider>,
    /// Whether the client may still be sent an `iceServers` of this count.
    was_sent: bool,
}

/// A set of servers that the session's provider has provided.
#[derive(Clone, Default)]
pub(crate) struct Provided {
    pub(crate) servers: Arc<[IceServer]>,
    #[cfg_attr(not(feature = "driver"), expect(dead_code, reason = "the driver asks again"))]
    pub(crate) expires: Option<Instant>,
}

impl Provided {
    /// Those that the application has granted, then these.
    pub(crate) fn after(&self, granted: &Arc<[IceServer]>) -> Arc<[IceServer]> {
        if self.servers.is_empty() {
            granted.clone()
        } else {
            granted.iter().chain(&*self.servers).cloned().collect()
        }
    }
}

/// A change of a session's ICE servers.
pub(crate) enum IceChange {
    /// The application has set them.
    Granted(Arc<[IceServer]>),
    /// The provider has provided another set, or the last one has expired.
    #[cfg(feature = "driver")]
    Provided(Provided),
}

impl SessionIce {
    pub(super) fn new(grant: &Grant) -> Self {
        Self {
            granted: grant.ice_servers.clone(),
            last_grant: grant.ice_servers.clone(),
            provided: Provided::default(),
            provider: grant.ice_provider.clone(),
            was_sent: false,
        }
    }

    /// The application has decided anew. The provider is asked for each `welcome`.
    pub(super) fn regrant(&mut self, grant: &Grant) {
        // What the application has set since lasts until its grant differs.
        if self.last_grant != grant.ice_servers {
            self.granted = grant.ice_servers.clone();
            self.last_grant = grant.ice_servers.clone();
        }
        self.provided = Provided::default();
        // The older connection's `Session` has the older provider, too.
        self.provider.clone_from(&grant.ice_provider);
    }

    /// No frame of an earlier count is sent again.
    pub(super) fn forget_sent(&mut self) {
        self.was_sent = false;
    }

    /// All servers, as the client gets them.
    pub(super) fn servers(&self) -> Arc<[IceServer]> {
        self.provided.after(&self.granted)
    }

    pub(super) fn provider(&self) -> Option<Provider> {
        self.provider.clone()
    }

    fn frame(&self) -> Frame {
        ServerMessage::IceServers { ice_servers: &self.servers() }.encode()
    }

    fn change(&mut self, change: IceChange) {
        match change {
            IceChange::Granted(servers) => self.granted = servers,
            #[cfg(feature = "driver")]
            IceChange::Provided(provided) => self.provided = provided,
        }
    }
}

impl RoomState {
    /// Changes the ICE servers of a member, and sends it all of them. Returns false if there is no
    /// such member, and no such peer in the lobby.
    ///
    /// The message has a sequence number, since clients count every message but a few that older
    /// ones know. If there is no space for it, the connection ends, and the next `welcome` has the
    /// servers.
    pub(crate) fn change_ice_servers(
        &mut self,
        peer: PeerId,
        change: IceChange,
        wakers: &mut Wakers,
    ) -> bool {
        if let Some(waiting) = self.waiting.get_mut(&peer) {
            // They are for its `welcome`. Until then it is given no credentials.
            waiting.session.ice.change(change);
            return true;
        }
        let Some(session) = self.sessions.get_mut(&peer) else { return false };
        session.ice.change(change);
        session.ice.was_sent = true;
        let _ = session.outbox.push(Push::event(session.ice.frame()), wakers);
        true
    }

    /// A `welcome` that is `full` precedes the messages that are sent again. If these may include an
    /// older `iceServers`, the newer servers follow in a message, too.
    pub(super) fn repeat_ice_servers(&mut self, peer: PeerId, wakers: &mut Wakers) {
        if let Some(session) = self.sessions.get_mut(&peer).filter(|session| session.ice.was_sent) {
            let _ = session.outbox.push(Push::event(session.ice.frame()), wakers);
        }
    }

    /// When the servers of the member's provider expire.
    #[cfg(feature = "driver")]
    pub(super) fn ice_servers_expire(&self, peer: PeerId) -> Option<Instant> {
        self.session_of(peer)?.ice.provided.expires
    }

    /// Changes the servers of the member's provider for a `welcome`, and returns all servers of the
    /// member.
    #[cfg(feature = "driver")]
    pub(super) fn welcome_with_ice_servers(
        &mut self,
        peer: PeerId,
        provided: Provided,
        wakers: &mut Wakers,
    ) -> Option<Arc<[IceServer]>> {
        let session = self.sessions.get_mut(&peer)?;
        session.ice.provided = provided;
        let servers = session.ice.servers();
        self.repeat_ice_servers(peer, wakers);
        Some(servers)
    }
}
