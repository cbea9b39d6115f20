//! What operators see in their logs: the events of `tracing` (feature `tracing`), and the words in
//! them. Without the feature all of this does nothing.
//!
//! [docs/logging.md](https://github.com/meet-signal/meet-signal/blob/main/docs/logging.md) lists the
//! events. They have nothing personal and no secret above `trace`, and tickets, tokens, credentials,
//! payloads, `meta` and reasons for people at no level. None is emitted under a lock, because a
//! subscriber may run any code; none for a single frame that is relayed.

#[cfg(not(feature = "tracing"))]
mod disabled;
#[cfg(feature = "tracing")]
mod events;
#[cfg(feature = "tracing")]
mod words;

#[cfg(not(feature = "tracing"))]
pub(crate) use disabled::*;
#[cfg(feature = "tracing")]
pub(crate) use events::*;
