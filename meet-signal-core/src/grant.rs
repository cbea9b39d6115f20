//! What the application decides: a grant, or why a peer may not join.

use std::{borrow::Cow, sync::Arc};

use crate::{
    Admission, AppData, CloseReason, Duplicates, ErrorCode, IceServer, IceServerProvider, Identity,
    Meta, Permissions, RoomSettings, ice::Provider,
};

/// The permissions, `meta` and ICE servers of a peer that may join, and what the application itself
/// wants to know of it.
#[derive(Debug, Clone, Default)]
pub struct Grant {
    pub(crate) permissions: Permissions,
    pub(crate) meta: Option<Meta>,
    pub(crate) ice_servers: Arc<[IceServer]>,
    pub(crate) identity: Option<Identity>,
    pub(crate) data: Option<AppData>,
    pub(crate) duplicates: Duplicates,
    pub(crate) ice_provider: Option<Provider>,
    pub(crate) admission: Admission,
    pub(crate) opener: Option<Permissions>,
    pub(crate) passes_lock: bool,
    pub(crate) room_settings: Option<RoomSettings>,
}

impl Grant {
    /// The default permissions (to signal and to broadcast), the client's own `meta`, and no ICE
    /// servers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets what the peer may do.
    #[must_use]
    pub fn permissions(mut self, permissions: Permissions) -> Self {
        self.permissions = permissions;
        self
    }

    /// Sets the `meta` that the other members see, in place of the client's own: for example, the
    /// name from the application's login. It holds for the whole session: an `update` is refused
    /// with [`ErrorCode::NotAllowed`], so that no member can take the name of another one later.
    #[must_use]
    pub fn meta(mut self, meta: Meta) -> Self {
        self.meta = Some(meta);
        self
    }

    /// Sets the application's own key of the user, which peers never see. With it, a ticket is of no
    /// use to another user (see
    /// [`Authorize::authorizes_resume`](crate::Authorize::authorizes_resume)), and the application
    /// finds the user's sessions in rosters and events. An empty key is ignored.
    #[must_use]
    pub fn identity(mut self, identity: impl Into<Identity>) -> Self {
        self.identity = Some(identity.into()).filter(|identity| !identity.as_str().is_empty());
        self
    }

    /// Sets what happens if the [`identity`](Self::identity) is in the room already, other than with
    /// the session that this join replaces. It is decided in one step with the join. By default,
    /// both are members.
    #[must_use]
    pub fn duplicates(mut self, duplicates: Duplicates) -> Self {
        self.duplicates = duplicates;
        self
    }

    /// Sets whether the peer waits in the lobby until somebody admits it. By default, it does if the
    /// [room's lobby](crate::Hub::set_lobby) is on. A peer that may moderate never waits.
    #[must_use]
    pub fn admission(mut self, admission: Admission) -> Self {
        self.admission = admission;
        self
    }

    /// Lets the peer join a room that is [locked](crate::Hub::lock): for example a host that comes back.
    #[must_use]
    pub fn passes_lock(mut self) -> Self {
        self.passes_lock = true;
        self
    }

    /// Sets what the peer may do if it is the first one in the room, in place of
    /// [`permissions`](Self::permissions): for a room whose host is who opens it. It is decided in one
    /// step with the join.
    #[must_use]
    pub fn opener(mut self, permissions: Permissions) -> Self {
        self.opener = Some(permissions);
        self
    }

    /// Sets the settings of the room, if it has none yet.
    #[must_use]
    pub fn room_settings(mut self, settings: RoomSettings) -> Self {
        self.room_settings = Some(settings);
        self
    }

    /// Sets data of the application about this session, which peers never see.
    #[must_use]
    pub fn data(mut self, data: AppData) -> Self {
        self.data = Some(data);
        self
    }

    /// Sets the STUN and TURN servers of the peer.
    #[must_use]
    pub fn ice_servers(mut self, servers: impl Into<Arc<[IceServer]>>) -> Self {
        self.ice_servers = servers.into();
        self
    }

    /// Sets what provides further ICE servers of the peer, whose credentials are renewed before they
    /// expire. The peer gets them after those of [`ice_servers`](Self::ice_servers).
    #[must_use]
    pub fn ice_provider(mut self, provider: impl IceServerProvider + 'static) -> Self {
        self.ice_provider = Some(Provider::new(provider));
        self
    }
}

/// Why a peer may not join. The client receives the code and the message, then the connection is
/// closed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Denied {
    pub(crate) code: ErrorCode,
    pub(crate) close: CloseReason,
    pub(crate) message: Cow<'static, str>,
}

impl Denied {
    /// The token is missing, wrong or expired. The client does not retry by itself.
    pub fn unauthorized(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::Unauthorized, CloseReason::Unauthorized, message)
    }

    /// The application does not admit this peer. The client does not retry by itself.
    pub fn refused(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::Denied, CloseReason::Denied, message)
    }

    /// This identity may not join for some time. The client does not retry by itself.
    pub fn banned(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::Banned, CloseReason::Banned, message)
    }

    /// The room admits no new members. The client does not retry by itself.
    pub fn room_locked(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::RoomLocked, CloseReason::RoomFull, message)
    }

    /// This identity is in the room already. The client does not retry by itself.
    pub fn duplicate(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::Duplicate, CloseReason::Duplicate, message)
    }

    /// The application cannot decide now, for example because its database is down. The client
    /// retries.
    pub fn unavailable(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::Unavailable, CloseReason::Unavailable, message)
    }

    /// The text for the client.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The HTTP status for a request that asks for no WebSocket: 401 for
    /// [`unauthorized`](Self::unauthorized), 503 for [`unavailable`](Self::unavailable), otherwise
    /// 403.
    pub fn status(&self) -> u16 {
        match self.code {
            ErrorCode::Unauthorized => 401,
            ErrorCode::Unavailable => 503,
            _ => 403,
        }
    }

    fn new(code: ErrorCode, close: CloseReason, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, close, message: message.into() }
    }
}
