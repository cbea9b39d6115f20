//! A broadcast is encoded once, however many it goes to. Alone in its process, since it counts what
//! the whole process allocates.

use std::alloc::System;

use meet_signal_benches::{Participant, broadcast, hub, join, room};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
fn a_broadcast_allocates_as_much_for_hundreds_as_for_a_few() {
    let few = allocated(8);
    let many = allocated(512);
    // The frame's text, and what shares it.
    assert!(few.0 <= 3, "{few:?}");
    // To wake many takes one list of whom to wake; a second encoding would show in the bytes.
    assert!(many.0 <= few.0 + 1, "{many:?} for many, {few:?} for a few");
    let list = 513 * size_of::<std::task::Waker>();
    assert!(many.1 <= few.1 + list, "{many:?} for many, {few:?} for a few");
}

/// How often, and how many bytes, for one broadcast to so many, once everything has its size.
fn allocated(others: usize) -> (usize, usize) {
    let hub = hub();
    let mut sender = join(&hub, room(0));
    let mut receivers: Vec<_> = (0..others).map(|_| join(&hub, room(0))).collect();
    receivers.iter_mut().for_each(|receiver| _ = receiver.drain());
    let text = broadcast(8 * 1024);
    for _ in 0..300 {
        sender.send(&text);
        assert_eq!(receivers.iter_mut().map(Participant::drain).sum::<usize>(), others);
    }
    let region = Region::new(ALLOCATOR);
    sender.send(&text);
    let change = region.change();
    (change.allocations + change.reallocations, change.bytes_allocated)
}
