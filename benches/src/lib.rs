//! What the benchmarks of meet-signal share.

mod allocations;
mod participant;

pub use allocations::allocated;
pub use participant::{Participant, broadcast, description, hub, join, meta, room, signal};
