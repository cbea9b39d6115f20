//! The settings of one room: `Hub::set_room_settings`.

use std::{sync::Arc, time::Instant};

use super::{
    Hub, RoomState,
    room_rate::RoomRate,
    session_state::{SessionState, WelcomeTerms},
};
use crate::{Limits, RoomId, RoomSettings, clock::now, outbox::Wakers, room::Input};

impl Hub {
    /// Sets the settings of a room, in place of those of an earlier call or of a
    /// [`Grant`](crate::Grant::room_settings). A lower capacity removes nobody, and the limits of a
    /// session's rate are for those who join from then on. The room need not have members; while it
    /// has none, they are remembered for at most [`RoomSettings::empty_room_time`].
    pub fn set_room_settings(&self, room: &RoomId, settings: &RoomSettings) {
        let now = now();
        self.with_shard(room, |shard, wakers| {
            let state = shard.get_or_create(room, self.limits(), now);
            state.configure(settings, self.limits(), now, wakers);
            state.is_configured_by_hub = true;
            shard.changes_access(room);
            self.settle(shard, room);
        });
    }
}

impl RoomState {
    /// The limits of this room and of its sessions.
    pub(super) fn limits<'a>(&'a self, hub: &'a Limits) -> &'a Limits {
        self.settings.as_deref().unwrap_or(hub)
    }

    /// Applies the settings of a grant, unless there are some.
    pub(super) fn configure_once(
        &mut self,
        settings: Option<&RoomSettings>,
        hub: &Limits,
        now: Instant,
        wakers: &mut Wakers,
    ) {
        if let (Some(settings), None) = (settings, &self.settings) {
            self.configure(settings, hub, now, wakers);
        }
    }

    fn configure(
        &mut self,
        settings: &RoomSettings,
        hub: &Limits,
        now: Instant,
        wakers: &mut Wakers,
    ) {
        let limits = settings.tighten(hub);
        let (capacity, waiting) = (limits.room_peers(), limits.lobby_peers());
        self.rate = RoomRate::new(&limits, now);
        self.settings = Some(Arc::new(limits));
        let configure = Input::Configure { capacity, waiting, lobby: settings.lobby };
        self.apply_infallible(configure, wakers);
    }

    /// The rates of a session that joins this room, and what its client is told of them.
    pub(super) fn tighten(
        &self,
        session: &mut SessionState,
        terms: &mut WelcomeTerms,
        hub: &Limits,
        now: Instant,
    ) {
        if let Some(limits) = &self.settings {
            *session.limiter = session.limiter.tightened(hub, limits, now);
            terms.limits = (&**limits).into();
        }
    }
}
