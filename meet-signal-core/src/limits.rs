//! Every bound there is.

use std::time::Duration;

use thiserror::Error;

/// Declares each limit once: its documentation, name, type, default and range.
macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $name:ident: $type:ty = $default:expr, $least:expr, $most:expr;)+) => {
        /// The bounds that hold for every session of a hub. Made by [`Limits::builder`]; the default
        /// is right for a meeting in a browser.
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

            /// Checks every limit, and that they do not contradict each other.
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
    /// The longest frame a client may send, in bytes: in an offer of Chromium's, each video section
    /// takes 4.7 KB, so that 13 fit (two pages that publish at once make one for each picture of both).
    /// Two frames have to fit into `outbox_bytes`, one into `rate_burst_bytes`.
    frame_bytes: usize = 64 * KIB, KIB, 16 * MIB;
    /// The longest `meta`, in bytes of JSON: it is repeated to everybody who joins. Two of them, and a
    /// frame around each, have to fit into `outbox_bytes`.
    meta_bytes: usize = 4 * KIB, 2, MIB;
    /// How long a connection may take to send its `join`: it costs memory and is not yet
    /// authorised.
    join_timeout: Duration = secs(10), MILLISECOND, secs(300);
    /// How long the application may take to decide about a join. Then it is refused with
    /// `unavailable`, and the client tries again.
    authorize_timeout: Duration = secs(30), MILLISECOND, secs(300);
    /// How long a message that comes in fragments may take from its first one to its last: what has
    /// come of it is kept in memory. A frame that comes slowly is bounded by `heartbeat`.
    message_timeout: Duration = secs(10), MILLISECOND, secs(300);
    /// How many peers a room holds, away ones too. A mesh of full video is at its end near this.
    room_peers: usize = 16, 1, 10_000;
    /// How many sessions the hub holds, over all rooms and away ones too: those who join, drop and
    /// join again must not pile up kept sessions for ever. One costs about 5 KiB, with its
    /// room and its task, besides what `hub_bytes` counts.
    sessions: usize = 262_144, 1, usize::MAX;
    /// How many bytes the hub keeps for all sessions together. Half of them are for queues: what
    /// waits and what is unacknowledged, each frame counted for each of its receivers. Above it, the
    /// fullest queues of away sessions are emptied first (these resume `partial`), then the fullest
    /// of the others (these are closed with 4002). Half are for every `meta`: where one finds no
    /// room, the join or the update is refused with `unavailable`.
    hub_bytes: usize = 256 * MIB, KIB, usize::MAX;
    /// How many frames a second a session may send on and on: messages, fragments of them, WebSocket
    /// pings and pongs. A join with its candidates is some thirty frames for each peer.
    rate_per_second: u32 = 60, 1, 1_000_000;
    /// How many frames a session may send at once, on top of a quiet time.
    rate_burst: u32 = 240, 1, 1_000_000;
    /// How many bytes a second a session may send on and on: `rate_per_second` frames of 2 KiB.
    rate_bytes_per_second: u32 = 128 * KIB as u32, 1, GIB as u32;
    /// How many bytes a session may send at once, on top of a quiet time: offers and candidates for
    /// a room of 16 are some 500 KiB.
    rate_burst_bytes: u32 = MIB as u32, KIB as u32, GIB as u32;
    /// How many times a minute a session may update its `meta`, all at once if need be; all sessions
    /// of one address in a room, twice as often. It goes to the whole room. One of more than a
    /// kilobyte counts once more for each of them.
    updates_per_minute: u32 = 60, 1, 1_000_000;
    /// How many peers may join a room in a minute, all at once if need be; of one address, half of
    /// them. Each is announced to the whole room, and so is its leaving. One whose `meta` is more
    /// than a kilobyte counts once more for each of them.
    room_joins_per_minute: u32 = 120, 1, 1_000_000;
    /// How many times a minute a session may be resumed, all at once if need be. Each time costs a
    /// roster and all that was not acknowledged; a client that comes back with delays stays below.
    resumes_per_minute: u32 = 30, 1, 1_000_000;
    /// How many malformed messages are answered in one session before it is ended.
    bad_messages: u32 = 16, 0, 1_000_000;
    /// How many bytes may wait for one session's socket (or for its return). Half of them are for
    /// what members send. Those of one address may use as much of it as they leave free, and each of
    /// them as much of that as it leaves free: one alone, a third. What finds no room there is
    /// refused to its sender. The rest is for what happens in the room and for the application's
    /// messages; when that finds no room, the connection is closed with 4002.
    outbox_bytes: usize = 512 * KIB, KIB, GIB;
    /// How many frames may wait for one session's socket (or for its return), shared out likewise: a
    /// sixth of it is more than the `rate_burst` of one member.
    outbox_frames: usize = 2_048, 1, 1_000_000;
    /// How many bytes of sent frames are kept until the client says that it has them. A client
    /// says so every 32 KiB; the rest is what can be under way. Nothing is kept with 0; otherwise a
    /// frame of `frame_bytes` has to fit.
    unacknowledged_bytes: usize = 128 * KIB, 0, GIB;
    /// How many sent frames are kept until the client says that it has them. A client says so
    /// every 32 frames; the rest is what can be under way.
    unacknowledged_frames: usize = 256, 0, 1_000_000;
    /// After how much silence in either direction the server pings. Three of them without a sign
    /// of life make a connection lost. Less than a proxy's usual idle timeout of 60 s.
    heartbeat: Duration = secs(10), MILLISECOND, secs(3600);
    /// How long a session outlives its socket: a phone that changes networks takes seconds, a
    /// tunnel half a minute.
    grace: Duration = secs(30), Duration::ZERO, secs(86_400);
    /// The same for a session whose client has sent nothing since it joined, if that is less: joining
    /// and dropping must not fill rooms.
    unheard_grace: Duration = secs(5), Duration::ZERO, secs(86_400);
    /// The same for a session whose client has closed since its page goes away (close code 1001 or
    /// 4900), if that is less: a page that is loaded anew, or comes back from the browser's
    /// back/forward cache at once, goes on; the others see it for no longer.
    going_away_grace: Duration = secs(2), Duration::ZERO, secs(86_400);
    /// How long one write to a socket may take, on top of what it takes at `read_bytes_per_second`. A
    /// peer that takes nothing for so long does not read.
    write_timeout: Duration = secs(10), MILLISECOND, secs(300);
    /// A client that reads so many bytes a second is not too slow: that much more time than
    /// `write_timeout` and three times `heartbeat` it has for what it is sent.
    read_bytes_per_second: u32 = 64 * KIB as u32, 1, GIB as u32;
    /// How many connections may be open from one address (an IPv4 address, or 64 bits of an IPv6
    /// address), where the adapter knows it. Many people share an address behind a NAT.
    address_connections: u32 = 2_048, 1, u32::MAX;
    /// How many joins a minute one address may try, all at once if need be.
    address_joins_per_minute: u32 = 1_200, 1, 1_000_000;
    /// How many away sessions are kept for one address; in one room, no more than half of
    /// `room_peers`. What is lost beyond that has left.
    address_away: u32 = 256, 0, u32::MAX;
    /// How many joins of one address the application may refuse in a minute, all at once if need be.
    /// Beyond that it is not asked.
    address_refusals_per_minute: u32 = 120, 1, 1_000_000;
}

impl Limits {
    /// Starts from the defaults.
    pub fn builder() -> LimitsBuilder {
        LimitsBuilder(Self::default())
    }

    /// How long a client that is not too slow takes to read so many bytes.
    #[cfg(feature = "driver")]
    pub(crate) fn reading_time(&self, bytes: usize) -> Duration {
        reading_time(bytes, self.read_bytes_per_second)
    }

    /// How much of a queue what members send may use, in bytes.
    pub(crate) fn relayed_bytes(&self) -> usize {
        self.outbox_bytes.div_ceil(2)
    }

    /// The same in frames.
    pub(crate) fn relayed_frames(&self) -> usize {
        self.outbox_frames.div_ceil(2)
    }

    /// What every client may do must be possible: a legal frame that does not fit where it has to go
    /// would cost somebody its connection.
    fn check_contradictions(&self) -> Result<(), InvalidLimits> {
        // Composed, a frame is longer than the message that it relays.
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

/// Limits that do not make a hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InvalidLimits {
    /// A limit has a value that it cannot have.
    #[error("the limit `{limit}` is out of its range")]
    #[non_exhaustive]
    OutOfRange {
        /// Its name.
        limit: &'static str,
    },
    /// Two limits contradict each other: what one allows, the other makes impossible.
    #[error("the limits `{limit}` and `{other}` contradict each other")]
    #[non_exhaustive]
    Contradiction {
        /// The name of one that is too large, or of which there is too little.
        limit: &'static str,
        /// The name of the other.
        other: &'static str,
    },
}

/// The most that composing a frame adds to what a client sent: a type, an id, names and punctuation.
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
