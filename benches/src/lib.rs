//! What the benchmarks of meet-signal share.

mod participant;

pub use participant::{Participant, broadcast, description, hub, join, meta, room, signal};
