//! The settings of one room: `Hub::set_room_settings`.

use std::{sync::Arc, time::Instant};

use super::{
    Hub, RoomState,
    session_state::{SessionState, WelcomeTerms},
};
use crate::{Limits, RoomId, RoomSettings, outbox::Wakers, room::Input};

impl Hub {
    /// Sets the settings of a room, in place of those of an earlier call or of a
    /// [`Grant`](crate::Grant::room_settings). A lower capacity removes nobody, and the limits of a
    /// session's rate are for those who join from then on. The room need not have members; while it
    /// has none, they are remembered for at most [`RoomSettings::empty_room_time`].
    pub fn set_room_settings(&self, room: &RoomId, settings: &RoomSettings) {
        self.change_access(room, |room, now, wakers| {
            room.configure(settings, self.limits(), now, wakers);
            room.configured = Configured::ByApplication;
        });
    }
}

/// Who has set the settings of a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Configured {
    /// Nobody: it has the hub's limits.
    No,
    ByGrant,
    /// They are to be remembered while it is empty: no grant repeats them.
    ByApplication,
}

impl RoomState {
    /// Applies the settings of a grant, unless there are some.
    pub(super) fn configure_once(
        &mut self,
        settings: Option<&RoomSettings>,
        hub: &Limits,
        now: Instant,
        wakers: &mut Wakers,
    ) {
        if let (Some(settings), Configured::No) = (settings, self.configured) {
            self.configure(settings, hub, now, wakers);
            self.configured = Configured::ByGrant;
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
        self.rate.reconfigure(&limits, now);
        self.limits = Arc::new(limits);
        let configure = Input::Configure { capacity, waiting, lobby: settings.lobby };
        self.apply_infallible(configure, wakers);
    }

    /// The rates of a session that joins this room, and what its client is told of them.
    pub(super) fn tighten(
        &self,
        session: &mut SessionState,
        terms: &mut WelcomeTerms,
        now: Instant,
    ) {
        if self.configured != Configured::No {
            *session.limiter = session.limiter.tightened(&session.limits, &self.limits, now);
            session.limits = self.limits.clone();
            terms.limits = (&*self.limits).into();
        }
    }
}
