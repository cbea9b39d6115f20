//! How much memory a broadcast allocates.

use std::alloc::System;

use stats_alloc::{Region, Stats, StatsAlloc};

use crate::{Participant, broadcast, hub, join, room};

/// What is allocated for one broadcast of `bytes` bytes, from the sender's frame to all outboxes, once
/// buffers and maps have their size. Nothing else in the process may allocate meanwhile.
pub fn allocated(allocator: &StatsAlloc<System>, others: usize, bytes: usize) -> Stats {
    let hub = hub();
    let mut sender = join(&hub, room(0));
    let mut receivers: Vec<_> = (0..others).map(|_| join(&hub, room(0))).collect();
    let text = broadcast(bytes);
    // They have received each other's joins.
    receivers.iter_mut().for_each(|receiver| _ = receiver.drain());
    for _ in 0..1_000 {
        sender.send(&text);
        assert_eq!(receivers.iter_mut().map(Participant::drain).sum::<usize>(), others);
        sender.drain();
    }
    let region = Region::new(allocator);
    sender.send(&text);
    region.change()
}
