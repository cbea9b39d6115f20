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
        /// # Ok::<(), meet_signal_core::LimitOutOfRange>(())
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

            /// Checks every limit.
            ///
            /// # Errors
            ///
            /// The first limit that is out of its range.
            pub fn build(self) -> Result<Limits, LimitOutOfRange> {
                $(if !($least..=$most).contains(&self.0.$name) {
                    return Err(LimitOutOfRange { limit: stringify!($name) });
                })+
                Ok(self.0)
            }
        }
    };
}

limits! {
    /// The longest frame a client may send, in bytes: a session description with many m-lines is
    /// some 20 KiB.
    frame_bytes: usize = 64 * KIB, KIB, 16 * MIB;
    /// The longest `meta`, in bytes of JSON: it is repeated to everybody who joins.
    meta_bytes: usize = 4 * KIB, 2, MIB;
    /// How long a connection may take to send its `join`: it costs memory and is not yet
    /// authorised.
    join_timeout: Duration = secs(10), MILLISECOND, secs(300);
    /// How many peers a room holds, away ones too. A mesh of full video is at its end near this.
    room_peers: usize = 16, 1, 10_000;
    /// How many sessions the hub holds, over all rooms and away ones too: those who join, drop and
    /// join again must not pile up kept sessions for ever. One costs about a kilobyte.
    sessions: usize = 262_144, 1, usize::MAX;
    /// How many frames a second a session may send on and on, WebSocket pings and pongs too. A join with its candidates is some
    /// thirty frames for each peer.
    rate_per_second: u32 = 60, 1, 1_000_000;
    /// How many frames a session may send at once, on top of a quiet time.
    rate_burst: u32 = 240, 1, 1_000_000;
    /// How many times a minute a session may be resumed, all at once if need be. Each time costs a
    /// roster and all that was not acknowledged; a client that comes back with delays stays below.
    resumes_per_minute: u32 = 30, 1, 1_000_000;
    /// How many malformed messages are answered in one session before it is ended.
    bad_messages: u32 = 16, 0, 1_000_000;
    /// How many bytes may wait for one session's socket (or for its return). What is over that is
    /// a peer that does not read.
    outbox_bytes: usize = 512 * KIB, KIB, GIB;
    /// How many frames may wait for one session's socket (or for its return).
    outbox_frames: usize = 1_024, 1, 1_000_000;
    /// How many bytes of sent frames are kept until the client says that it has them. A client
    /// says so every 32 KiB; the rest is what can be under way.
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
    /// How long one write to a socket may take. A peer that takes nothing for so long does not
    /// read.
    write_timeout: Duration = secs(10), MILLISECOND, secs(300);
}

impl Limits {
    /// Starts from the defaults.
    pub fn builder() -> LimitsBuilder {
        LimitsBuilder(Self::default())
    }
}

/// Sets limits; see [`Limits::builder`].
#[derive(Debug, Clone)]
#[must_use]
pub struct LimitsBuilder(Limits);

/// A limit has a value that it cannot have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the limit `{limit}` is out of its range")]
#[non_exhaustive]
pub struct LimitOutOfRange {
    /// Its name.
    pub limit: &'static str,
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
}
