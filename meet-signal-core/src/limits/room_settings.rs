//! The settings of one room.

use std::time::Duration;

use super::Limits;

/// The settings of one room, beside the hub's [`Limits`]: how many it holds, whether it has a lobby,
/// and limits that are tighter than the hub's. What is not set is as the hub has it, and so is what
/// would be looser.
///
/// They hold while the room lives: until it has no members, nobody waits in its lobby, and nothing is
/// remembered of it. The first [`Grant`](crate::Grant::room_settings) with settings decides; the
/// application changes them with [`Hub::set_room_settings`](crate::Hub::set_room_settings).
///
/// ```
/// use meet_signal_core::{Grant, RoomSettings};
///
/// let webinar = RoomSettings::new().capacity(50).lobby(true).updates_per_minute(10);
/// let grant = Grant::new().room_settings(webinar);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct RoomSettings {
    pub(crate) lobby: Option<bool>,
    capacity: Option<usize>,
    lobby_peers: Option<usize>,
    rate: Option<(u32, u32)>,
    rate_bytes: Option<(u32, u32)>,
    updates_per_minute: Option<u32>,
    joins_per_minute: Option<u32>,
    empty_room_time: Option<Duration>,
}

impl RoomSettings {
    /// Those of the hub.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets whether newcomers wait in the lobby until somebody admits them: see
    /// [`Hub::set_lobby`](crate::Hub::set_lobby), with which it can be changed later.
    pub fn lobby(mut self, enabled: bool) -> Self {
        self.lobby = Some(enabled);
        self
    }

    /// Sets how many peers it may have, away ones too. At least 1, and at most
    /// [`Limits::room_peers`].
    pub fn capacity(mut self, peers: usize) -> Self {
        self.capacity = Some(peers);
        self
    }

    /// Sets how many peers may wait in its lobby, away ones too. At least 1, and at most
    /// [`Limits::lobby_peers`].
    pub fn lobby_peers(mut self, peers: usize) -> Self {
        self.lobby_peers = Some(peers);
        self
    }

    /// Sets the sustained rate of a session in frames per second, and how many it may send at once
    /// after a pause: see [`Limits::rate_per_second`] and [`Limits::rate_burst`].
    pub fn rate(mut self, per_second: u32, burst: u32) -> Self {
        self.rate = Some((per_second, burst));
        self
    }

    /// Sets the same in bytes. The burst is at least [`Limits::frame_bytes`], so that each frame can be
    /// sent.
    pub fn rate_bytes(mut self, per_second: u32, burst: u32) -> Self {
        self.rate_bytes = Some((per_second, burst));
        self
    }

    /// Sets how often a session may change its `meta`: see [`Limits::updates_per_minute`].
    pub fn updates_per_minute(mut self, updates: u32) -> Self {
        self.updates_per_minute = Some(updates);
        self
    }

    /// Sets how many peers may join it in a minute: see [`Limits::room_joins_per_minute`].
    pub fn joins_per_minute(mut self, joins: u32) -> Self {
        self.joins_per_minute = Some(joins);
        self
    }

    /// Sets how long it is remembered that it is locked, or whom it has banned, while it has no
    /// members: see [`Limits::empty_room_time`].
    pub fn empty_room_time(mut self, time: Duration) -> Self {
        self.empty_room_time = Some(time);
        self
    }

    /// The hub's limits, tightened.
    pub(crate) fn tighten(&self, hub: &Limits) -> Limits {
        let mut limits = hub.clone();
        tighten(&mut limits.room_peers, self.capacity, 1);
        tighten(&mut limits.lobby_peers, self.lobby_peers, 1);
        let (rate, burst) = self.rate.unzip();
        tighten(&mut limits.rate_per_second, rate, 1);
        tighten(&mut limits.rate_burst, burst, 1);
        let (rate, burst) = self.rate_bytes.unzip();
        tighten(&mut limits.rate_bytes_per_second, rate, 1);
        let frame = u32::try_from(hub.frame_bytes).unwrap_or(u32::MAX);
        tighten(&mut limits.rate_burst_bytes, burst, frame);
        tighten(&mut limits.updates_per_minute, self.updates_per_minute, 1);
        tighten(&mut limits.room_joins_per_minute, self.joins_per_minute, 1);
        tighten(&mut limits.empty_room_time, self.empty_room_time, Duration::ZERO);
        limits
    }
}

fn tighten<T: Ord>(limit: &mut T, setting: Option<T>, min: T) {
    if let Some(setting) = setting.map(|setting| setting.max(min))
        && setting < *limit
    {
        *limit = setting;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_only_tighten() {
        let hub = Limits::default();
        let loose = RoomSettings::new()
            .capacity(usize::MAX)
            .lobby_peers(usize::MAX)
            .rate(u32::MAX, u32::MAX)
            .rate_bytes(u32::MAX, u32::MAX)
            .updates_per_minute(u32::MAX)
            .joins_per_minute(u32::MAX)
            .empty_room_time(Duration::MAX);
        assert_eq!(loose.tighten(&hub), hub);
        assert_eq!(RoomSettings::new().tighten(&hub), hub);
        let nothing = RoomSettings::new()
            .capacity(0)
            .lobby_peers(0)
            .rate(0, 0)
            .rate_bytes(0, 0)
            .updates_per_minute(0)
            .joins_per_minute(0)
            .empty_room_time(Duration::ZERO);
        let tight = nothing.tighten(&hub);
        let rates = [tight.rate_per_second(), tight.rate_burst(), tight.rate_bytes_per_second()];
        assert_eq!((tight.room_peers(), tight.lobby_peers(), rates), (1, 1, [1; 3]));
        assert_eq!(tight.rate_burst_bytes() as usize, hub.frame_bytes());
        assert_eq!((tight.updates_per_minute(), tight.room_joins_per_minute()), (1, 1));
        assert_eq!(tight.empty_room_time(), Duration::ZERO);
    }
}
