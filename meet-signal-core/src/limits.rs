//! The limits of a hub and its sessions.

mod room_settings;

use std::time::Duration;

use thiserror::Error;

pub use room_settings::RoomSettings;

/// Declares each limit once: its documentation, name, type, default and range.
macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $name:ident: $type:ty = $default:expr, $least:expr, $most:expr;)+) => {
        /// The limits of a hub and its sessions. Created by [`Limits::builder`]; the defaults are
        /// right for a meeting in a browser.
        ///
        /// ```
        /// use meet_signal_core::Limits;
        ///
        /// let limits = Limits::builder().room_peers(8).build()?;
        /// assert_eq!(limits.room_peers(), 8);
        /// # Ok::<(), meet_signal_core::InvalidLimits>(())
        /// ```
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Limits {
            $($name: $type,)+
        }

        impl Limits {
            $($(#[doc = $doc])+
            pub fn $name(&self) -> $type {
                self.$name
            })+
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $default,)+ }
            }
        }

        impl LimitsBuilder {
            $($(#[doc = $doc])+
            #[doc = ""]
            #[doc = concat!("From `", stringify!($least), "` to `", stringify!($most), "`; the default is `", stringify!($default), "`.")]
            pub fn $name(mut self, value: $type) -> Self {
                self.0.$name = value;
                self
            })+

            /// Checks each limit, and that no two contradict each other.
            ///
            /// # Errors
            ///
            /// The first limit that is out of its range, or else the first two that contradict each
            /// other.
            pub fn build(self) -> Result<Limits, InvalidLimits> {
                $(if !($least..=$most).contains(&self.0.$name) {
                    return Err(InvalidLimits::OutOfRange { limit: stringify!($name) });
                })+
                self.0.check_contradictions()?;
                Ok(self.0)
            }
        }
    };
}

limits! {
    /// The longest frame a client may send, in bytes. In an offer of Chromium, each video section
    /// takes 4.7 KB, so 13 fit (if two pages publish at once, there is one for each source of
    /// both). Two frames have to fit into `outbox_bytes`, one into `rate_burst_bytes`.
    frame_bytes: usize = 64 * KIB, KIB, 16 * MIB;
    /// The longest `meta`, in bytes of JSON: it is sent to everyone who joins. Two of them, each in
    /// a frame, have to fit into `outbox_bytes`.
    meta_bytes: usize = 4 * KIB, 2, MIB;
    /// How long a connection may take to send its `join`: until then it uses memory without
    /// authorization.
    join_timeout: Duration = secs(10), MILLISECOND, secs(300);
    /// How long the application may take to authorize a join. After that it is refused with
    /// `unavailable`, and the client retries.
    authorize_timeout: Duration = secs(30), MILLISECOND, secs(300);
    /// How long a `welcome` may wait for the [`IceServerProvider`](crate::IceServerProvider) of the
    /// session: a client without servers may find no route, one that waits shows nothing. Less than
    /// the 10 s after which clients give up.
    ice_servers_timeout: Duration = secs(2), Duration::ZERO, secs(8);
    /// How long a fragmented message may take from its first to its last fragment: its fragments
    /// are kept in memory. `heartbeat` bounds a frame that arrives slowly.
    message_timeout: Duration = secs(10), MILLISECOND, secs(300);
    /// How many peers a room may have, including away ones. A full mesh of video reaches its limit
    /// near this number.
    room_peers: usize = 16, 1, 10_000;
    /// The most peers that wait in the lobby of a room, away ones too.
    lobby_peers: usize = 32, 1, 10_000;
    /// How many sessions the hub may have, in all rooms and including away ones: clients that join,
    /// disconnect and join again must not accumulate kept sessions. A session takes about 5 KiB,
    /// with its room and its task, in addition to what `hub_bytes` counts.
    sessions: usize = 262_144, 1, usize::MAX;
    /// How many bytes the hub keeps for all sessions together. Half of them are for queues: the
    /// waiting and the unacknowledged frames, each counted once per receiver. Above it, the fullest
    /// queues of away sessions are emptied first (these resume `partial`), then the fullest of the
    /// others (these are closed with 4002). The other half is for all `meta`s: without space for
    /// one, the join or the update is refused with `unavailable`.
    hub_bytes: usize = 256 * MIB, KIB, usize::MAX;
    /// The sustained rate of a session in frames per second: messages, fragments of them, WebSocket
    /// pings and pongs. A join with its candidates is some thirty frames for each peer.
    rate_per_second: u32 = 60, 1, 1_000_000;
    /// How many frames a session may send in a burst.
    rate_burst: u32 = 240, 1, 1_000_000;
    /// The sustained rate of a session in bytes per second: `rate_per_second` frames of 2 KiB.
    rate_bytes_per_second: u32 = 128 * KIB as u32, 1, GIB as u32;
    /// How many bytes a session may send in a burst: offers and candidates for a room of 16 are
    /// some 500 KiB.
    rate_burst_bytes: u32 = MIB as u32, KIB as u32, GIB as u32;
    /// How many times per minute a session may update its `meta`, which may be in one burst; all
    /// sessions of one address in a room, twice as often. The whole room gets each update. Each
    /// full kilobyte of the `meta` counts as one more update.
    updates_per_minute: u32 = 60, 1, 1_000_000;
    /// How many peers may join a room per minute, which may be in one burst; of one address, half
    /// of them. The whole room gets each join and each leave. Each full kilobyte of the `meta`
    /// counts as one more join.
    room_joins_per_minute: u32 = 120, 1, 1_000_000;
    /// The longest time for which a moderator or the application may ban an identity from a room.
    longest_ban: Duration = secs(86_400), secs(1), secs(31_622_400);
    /// How long a room without members remembers that it is locked, and whom it has banned; a ban
    /// is not longer for it.
    empty_room_time: Duration = secs(600), Duration::ZERO, secs(86_400);
    /// How many rooms without members are remembered for that. Beyond it, those that have been empty
    /// for the longest time are forgotten. It is counted in 64 parts, rounded up.
    empty_rooms: usize = 4_096, 0, 1_000_000;
    /// How many events the hub keeps for a reader that is slow: see
    /// [`Hub::events`](crate::Hub::events).
    events: usize = 4_096, 1, 1_000_000;
    /// How many times per minute a session may be resumed, which may be in one burst. A resume
    /// costs a roster and all unacknowledged frames; a client with backoff stays below.
    resumes_per_minute: u32 = 30, 1, 1_000_000;
    /// How many malformed messages of a session get an error reply before the session ends.
    bad_messages: u32 = 16, 0, 1_000_000;
    /// How many bytes may wait for one session's socket, or for its resume. Half of them are for
    /// frames from members. The members of one address may use as much of that half as they leave
    /// free, and each of them as much of that as it leaves free: a single one, a third. A frame
    /// beyond that is refused to its sender. The rest is for the room's events and the
    /// application's messages; if there is no space for one of these, the connection is closed with
    /// 4002.
    outbox_bytes: usize = 512 * KIB, KIB, GIB;
    /// How many frames may wait for one session's socket, or for its resume, with the same shares:
    /// a sixth is more than the `rate_burst` of one member.
    outbox_frames: usize = 2_048, 1, 1_000_000;
    /// How many bytes of sent frames are kept until the client acknowledges them. A client does so
    /// every 32 KiB; the rest is for frames in flight. With 0, no frame is kept; otherwise a frame
    /// of `frame_bytes` has to fit.
    unacknowledged_bytes: usize = 128 * KIB, 0, GIB;
    /// How many sent frames are kept until the client acknowledges them. A client does so every 32
    /// frames; the rest is for frames in flight.
    unacknowledged_frames: usize = 256, 0, 1_000_000;
    /// After how much silence in either direction the server pings. After three such intervals
    /// without data, a connection is lost. Less than a proxy's usual idle timeout of 60 s.
    heartbeat: Duration = secs(10), MILLISECOND, secs(3600);
    /// How long a session outlives its socket: a phone that changes networks takes seconds, a
    /// tunnel half a minute.
    grace: Duration = secs(30), Duration::ZERO, secs(86_400);
    /// The same for a session whose client has sent nothing since it joined, if that is less:
    /// clients that join and disconnect must not fill rooms.
    unheard_grace: Duration = secs(5), Duration::ZERO, secs(86_400);
    /// The same for a session whose client closed the connection because its page goes away (close
    /// code 1001 or 4900), if that is less: a page that reloads, or is restored from the
    /// back/forward cache at once, continues its session; otherwise the others see it for no longer
    /// than this.
    going_away_grace: Duration = secs(2), Duration::ZERO, secs(86_400);
    /// How long one write to a socket may take, in addition to the time at `read_bytes_per_second`.
    /// A client that accepts nothing for that long does not read.
    write_timeout: Duration = secs(10), MILLISECOND, secs(300);
    /// A client that reads so many bytes per second is not too slow: it has that much more time for
    /// the data it is sent, in addition to `write_timeout` and to three times `heartbeat`.
    read_bytes_per_second: u32 = 64 * KIB as u32, 1, GIB as u32;
    /// How many connections one address may have open (an IPv4 address, or 64 bits of an IPv6
    /// address), if the adapter knows it. Many people share an address behind a NAT.
    address_connections: u32 = 2_048, 1, u32::MAX;
    /// How many joins per minute one address may attempt, which may be in one burst.
    address_joins_per_minute: u32 = 1_200, 1, 1_000_000;
    /// How many away sessions are kept for one address; in one room, at most half of `room_peers`.
    /// Sessions beyond that leave when they lose their socket.
    address_away: u32 = 256, 0, u32::MAX;
    /// How many joins of one address the application may refuse per minute, which may be in one
    /// burst. Beyond that, it is not asked.
    address_refusals_per_minute: u32 = 120, 1, 1_000_000;
}

impl Limits {
    /// Starts from the defaults.
    pub fn builder() -> LimitsBuilder {
        LimitsBuilder(Self::default())
    }

    /// Starts from these limits.
    pub fn to_builder(&self) -> LimitsBuilder {
        LimitsBuilder(self.clone())
    }

    /// How long a client that is not too slow takes to read this many bytes.
    #[cfg(feature = "driver")]
    pub(crate) fn reading_time(&self, bytes: usize) -> Duration {
        reading_time(bytes, self.read_bytes_per_second)
    }

    /// The bytes of a queue for frames from members.
    pub(crate) fn relayed_bytes(&self) -> usize {
        self.outbox_bytes.div_ceil(2)
    }

    /// The frames of a queue for frames from members.
    pub(crate) fn relayed_frames(&self) -> usize {
        self.outbox_frames.div_ceil(2)
    }

    /// Checks that every legal frame fits into the queues on its way; otherwise it would cost a member
    /// its connection.
    fn check_contradictions(&self) -> Result<(), InvalidLimits> {
        // A relayed frame is longer than the client's message.
        let frame = self.frame_bytes + FRAME_OVERHEAD;
        let meta = self.meta_bytes + FRAME_OVERHEAD;
        let contradictions = [
            (2 * self.frame_bytes > self.outbox_bytes, "frame_bytes", "outbox_bytes"),
            (2 * meta > self.outbox_bytes, "meta_bytes", "outbox_bytes"),
            (
                self.frame_bytes as u64 > self.rate_burst_bytes.into(),
                "frame_bytes",
                "rate_burst_bytes",
            ),
            (
                self.unacknowledged_bytes > 0 && frame > self.unacknowledged_bytes,
                "frame_bytes",
                "unacknowledged_bytes",
            ),
            (self.outbox_bytes > self.hub_bytes / 2, "outbox_bytes", "hub_bytes"),
            (self.unacknowledged_bytes > self.hub_bytes / 2, "unacknowledged_bytes", "hub_bytes"),
        ];
        let first = contradictions.into_iter().find(|(contradict, ..)| *contradict);
        first.map_or(Ok(()), |(_, limit, other)| Err(InvalidLimits::Contradiction { limit, other }))
    }
}

/// Sets limits; see [`Limits::builder`].
#[derive(Debug, Clone)]
#[must_use]
pub struct LimitsBuilder(Limits);

/// Why limits are invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InvalidLimits {
    /// A limit is out of its range.
    #[error("the limit `{limit}` is out of its range")]
    #[non_exhaustive]
    OutOfRange {
        /// Its name.
        limit: &'static str,
    },
    /// Two limits contradict each other: one permits what the other makes impossible.
    #[error("the limits `{limit}` and `{other}` contradict each other")]
    #[non_exhaustive]
    Contradiction {
        /// The name of the limit that is too large, or too small.
        limit: &'static str,
        /// The name of the other.
        other: &'static str,
    },
}

/// The most that composing a relayed frame adds to a client's message: a type, an id, names and
/// punctuation.
pub(crate) const FRAME_OVERHEAD: usize = 128;

#[cfg(feature = "driver")]
pub(crate) fn reading_time(bytes: usize, bytes_per_second: u32) -> Duration {
    Duration::from_secs_f64(bytes as f64 / f64::from(bytes_per_second))
}

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const MILLISECOND: Duration = Duration::from_millis(1);
const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
const GIB: usize = 1024 * MIB;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_within_their_ranges() {
        assert_eq!(Limits::builder().build(), Ok(Limits::default()));
        let limits = Limits::builder().grace(secs(5)).build().unwrap();
        assert_eq!(limits.to_builder().build(), Ok(limits));
    }

    #[test]
    fn a_limit_out_of_range_is_named() {
        let error = Limits::builder().grace(secs(5)).frame_bytes(0).build().unwrap_err();
        assert_eq!(error.to_string(), "the limit `frame_bytes` is out of its range");
        assert!(Limits::builder().heartbeat(Duration::ZERO).build().is_err());
    }

    #[test]
    fn limits_that_contradict_each_other_are_named() {
        let contradiction = |builder: LimitsBuilder| match builder.build() {
            Err(InvalidLimits::Contradiction { limit, other }) => [limit, other],
            result => panic!("{result:?}"),
        };
        let builder = Limits::builder;
        let frame = builder().frame_bytes(MIB);
        assert_eq!(contradiction(frame), ["frame_bytes", "outbox_bytes"]);
        let frame = builder().frame_bytes(257 * KIB);
        assert_eq!(contradiction(frame), ["frame_bytes", "outbox_bytes"]);
        let outbox = builder().outbox_bytes(KIB);
        assert_eq!(contradiction(outbox), ["frame_bytes", "outbox_bytes"]);
        let meta = builder().meta_bytes(300 * KIB);
        assert_eq!(contradiction(meta), ["meta_bytes", "outbox_bytes"]);
        let burst = builder().rate_burst_bytes(KIB as u32);
        assert_eq!(contradiction(burst), ["frame_bytes", "rate_burst_bytes"]);
        let kept = builder().unacknowledged_bytes(64 * KIB);
        assert_eq!(contradiction(kept), ["frame_bytes", "unacknowledged_bytes"]);
        let hub = builder().hub_bytes(MIB / 4);
        assert_eq!(contradiction(hub), ["outbox_bytes", "hub_bytes"]);
        let hub = builder().unacknowledged_bytes(GIB);
        assert_eq!(contradiction(hub), ["unacknowledged_bytes", "hub_bytes"]);

        let message = frame_limits_error();
        assert_eq!(message, "the limits `frame_bytes` and `outbox_bytes` contradict each other");
        builder().unacknowledged_bytes(0).build().unwrap();
        builder()
            .frame_bytes(MIB)
            .outbox_bytes(2 * MIB)
            .rate_burst_bytes(2 * MIB as u32)
            .unacknowledged_bytes(2 * MIB)
            .build()
            .unwrap();
    }

    fn frame_limits_error() -> String {
        Limits::builder().frame_bytes(MIB).build().unwrap_err().to_string()
    }
}
