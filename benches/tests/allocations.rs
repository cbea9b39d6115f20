//! A broadcast is encoded once, whatever the number of receivers. Alone in its process, since it counts
//! what the whole process allocates.

use std::alloc::System;

use meet_signal_benches::allocated;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
fn a_broadcast_allocates_as_much_for_hundreds_as_for_a_few() {
    let [few, many] = [8, 512].map(|others| allocated(ALLOCATOR, others, 8 * 1024));
    let [few_calls, many_calls] = [few, many].map(|it| it.allocations + it.reallocations);
    // The frame's text, and what shares it.
    assert!(few_calls <= 3, "{few:?}");
    // To wake many takes one list of whom to wake; a second encoding would show in the bytes.
    assert!(many_calls <= few_calls + 1, "{many:?} for many, {few:?} for a few");
    let list = 513 * size_of::<std::task::Waker>();
    assert!(
        many.bytes_allocated <= few.bytes_allocated + list,
        "{many:?} for many, {few:?} for a few"
    );
}
