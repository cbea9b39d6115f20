//! What the core costs without a socket, as far as RESULTS.md shows it: times that are compared with
//! each other within a round, and allocations. Prints one line of JSON.

use std::{
    alloc::System,
    hint::black_box,
    time::{Duration, Instant},
};

use clap::Parser;
use meet_signal_benches::{allocated, hub, join, room, signal};
use meet_signal_core::{Hub, message::ClientMessage};
use serde_json::json;
use stats_alloc::{INSTRUMENTED_SYSTEM, Stats, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[derive(Debug, Parser)]
#[command(about = "Measures the core without a socket")]
struct Options {
    /// Only checks that it runs.
    #[arg(long)]
    smoke: bool,
}

fn main() {
    let Options { smoke } = Options::parse();
    let many = if smoke { 100 } else { 100_000 };
    let mut line = json!({
        "join_beside_1_room_ns": join_beside(1),
        "join_beside_100000_rooms_ns": join_beside(many),
    });
    for members in [1, 8, 64, 512] {
        line[format!("join_room_of_{members}_ns")] = join_into(members).into();
    }
    line["relay_2048_ns"] = relay(2048).into();
    line["parse_2048_ns"] = parse(2048).into();
    for members in [2, 8, 64, 512] {
        let Stats { allocations, reallocations, .. } = allocated(ALLOCATOR, members, 512);
        line[format!("allocations_broadcast_to_{members}")] = (allocations + reallocations).into();
    }
    println!("{line}");
}

/// A join beside so many rooms, in nanoseconds.
fn join_beside(rooms: usize) -> f64 {
    let hub = hub();
    let _others: Vec<_> = (1..=rooms).map(|number| join(&hub, room(number))).collect();
    median_ns(JOINS, || time_join(&hub))
}

/// A join with so many in the room already, in nanoseconds.
fn join_into(members: usize) -> f64 {
    let hub = hub();
    let mut others: Vec<_> = (0..members).map(|_| join(&hub, room(0))).collect();
    median_ns(JOINS / 10, || {
        let took = time_join(&hub);
        // Their outboxes are bounded.
        others.iter_mut().for_each(|other| assert_ne!(other.drain(), 0));
        took
    })
}

/// How long a join takes; the participant leaves afterwards.
fn time_join(hub: &Hub) -> Duration {
    let began = Instant::now();
    let _joined = join(hub, room(0));
    began.elapsed()
}

/// One message to the other in a room of two, in nanoseconds.
fn relay(bytes: usize) -> f64 {
    let hub = hub();
    let (mut sender, mut receiver) = (join(&hub, room(0)), join(&hub, room(0)));
    let text = signal(receiver.id(), bytes);
    receiver.drain();
    sender.drain();
    each_ns(|| {
        sender.send(&text);
        assert_eq!(receiver.drain(), 1);
    })
}

/// Parsing that message, in nanoseconds.
fn parse(bytes: usize) -> f64 {
    let hub = hub();
    let text = signal(join(&hub, room(0)).id(), bytes);
    each_ns(|| assert!(ClientMessage::parse(black_box(&text)).is_ok()))
}

/// How long `f` takes: the median of rounds, each of which is long enough for the clock.
fn each_ns(mut f: impl FnMut()) -> f64 {
    const OFTEN: u32 = 1_000;
    let round = || {
        let began = Instant::now();
        (0..OFTEN).for_each(|_| f());
        began.elapsed()
    };
    median_ns(JOINS / 10, round) / f64::from(OFTEN)
}

/// The median of the times that `f` returns.
fn median_ns(times: usize, f: impl FnMut() -> Duration) -> f64 {
    let mut took: Vec<_> = std::iter::repeat_with(f).take(times).collect();
    took.sort();
    took[times / 2].as_nanos() as f64
}

const JOINS: usize = 5_001;
